package policy

import "time"

// Test is an example of the policy's own: facts about one identity at a time,
// and what must come of them. Package policytest runs it. Tests are no part of
// the policy's digest, because they decide nothing.
type Test struct {
	Header
	Spec TestSpec `json:"spec"`
}

// TestSpec is the body of a Test: what is given, at what time (now), when somebody does
// something, and then what is to come of it. Identity, ticket, workload, account and risk
// are maps of the attributes that rules read; what is left out is absent.
type TestSpec struct {
	Now      time.Time                 `json:"now"`
	Identity map[string]any            `json:"identity,omitempty"`
	Sources  map[string]map[string]any `json:"sources,omitempty"` // what each source says of identity: of it counts what that source may say
	Grants   []TestGrant               `json:"grants,omitempty"`
	Ticket   map[string]any            `json:"ticket,omitempty"`
	Workload map[string]any            `json:"workload,omitempty"`
	Account  map[string]any            `json:"account,omitempty"`
	Risk     map[string]any            `json:"risk,omitempty"`

	// Heard says when each feed was heard last: ticket, workload, risk, use/CONNECTOR, or
	// source/NAME. One that is left out is silent since the grant began; a source is never
	// silent that is left out.
	Heard   map[string]time.Time `json:"heard,omitempty"`
	Changed []string             `json:"changed,omitempty"` // attributes that changed just now
	Firing  []TestFiring         `json:"firing,omitempty"`  // triggers that are known to hold
	Buried  []string             `json:"buried,omitempty"`  // roles with a tombstone
	NHI     *TestMachine         `json:"nhi,omitempty"`

	// People are the others, by email address, with what rules read of them. Whom a document
	// names and nothing here does is there, and nothing more is known of them.
	People  map[string]map[string]any `json:"people,omitempty"`
	Holders map[string]int            `json:"holders,omitempty"` // by role: how many others hold it

	// Waived says how many others are excepted from a rule (constraint/NAME, role/NAME,
	// trigger/SET/NAME), and Taken when a break-glass role was taken last, by anybody.
	Waived map[string]int       `json:"waived,omitempty"`
	Taken  map[string]time.Time `json:"taken,omitempty"`

	When   *TestAct     `json:"when,omitempty"`
	Expect Expectation  `json:"expect"`
	Then   []TestMoment `json:"then,omitempty"` // what is so later, one moment after the other
}

// A TestAct is what somebody does at a moment of a Test. A reason for it is always given.
// Which fields an act reads is said by actFields; another is refused.
type TestAct struct {
	Who        string    `json:"who,omitempty"` // an email address; left out: the identity itself
	Does       string    `json:"does" jsonschema:"enum=ask,enum=approve,enum=deny,enum=withdraw,enum=revoke,enum=take,enum=furnish,enum=review,enum=reject,enum=rotate,enum=except,enum=end,enum=keep,enum=halt,enum=resume"`
	Role       string    `json:"role,omitempty"` // that the identity is to have or to lose
	From       time.Time `json:"from,omitzero"`
	For        Duration  `json:"for,omitempty"`
	Ticket     string    `json:"ticket,omitempty"`
	Evidence   []string  `json:"evidence,omitempty"`   // its kinds, beside a reason and the ticket
	Credential string    `json:"credential,omitempty"` // that was rotated
	Unverified bool      `json:"unverified,omitempty"` // whoever takes a role says that its condition cannot be verified
	Constraint string    `json:"constraint,omitempty"` // that an exception is asked for from; or from who may have Role, or from Trigger
	Lasts      Duration  `json:"lasts,omitempty"`      // for which the role may be held by the exception
	Scope      []string  `json:"scope,omitempty"`      // entitlements (connector/id) of the constraint that it is for alone
	Trigger    string    `json:"trigger,omitempty"`    // SET/NAME that somebody answers; left out: all that asks about the role
	Connector  string    `json:"connector,omitempty"`  // that is halted, or resumed; left out: everything
	Exception  string    `json:"exception,omitempty"`  // that is kept or ended: of the policy, or asked-1; left out: the one that was asked for last
	Review     Duration  `json:"review,omitempty"`     // after which the exception that is asked for is to be looked at again
}

// A TestMachine is what is known of a machine identity beside what rules read. The
// owner is there where nothing is said of that.
type TestMachine struct {
	Name        string               `json:"name,omitempty"` // in the register; left out: the identity's userName or id
	Owner       string               `json:"owner,omitempty" jsonschema:"enum=here,enum=left,enum=unknown"`
	Deputy      string               `json:"deputy,omitempty" jsonschema:"enum=here,enum=left,enum=unknown"`
	Stopped     bool                 `json:"stopped,omitempty"`
	Rotated     map[string]time.Time `json:"rotated,omitempty"`    // by credential, when it was changed last
	Interactive time.Time            `json:"interactive,omitzero"` // when a person signed in as it
	Shared      bool                 `json:"shared,omitempty"`     // another machine goes by its name
}

// A TestMoment is a later moment of a Test. What it leaves out is as it was before:
// the identity, what it was granted and what triggers remember go on.
type TestMoment struct {
	After    Duration             `json:"after"`
	Identity map[string]any       `json:"identity,omitempty"` // attributes that are different now
	Ticket   map[string]any       `json:"ticket,omitempty"`
	Workload map[string]any       `json:"workload,omitempty"`
	Account  map[string]any       `json:"account,omitempty"`
	Risk     map[string]any       `json:"risk,omitempty"`
	Heard    map[string]time.Time `json:"heard,omitempty"`
	Changed  []string             `json:"changed,omitempty"` // since the moment before
	NHI      *TestMachine         `json:"nhi,omitempty"`     // the whole of it

	People  map[string]map[string]any `json:"people,omitempty"` // attributes that are different now
	Holders map[string]int            `json:"holders,omitempty"`
	Waived  map[string]int            `json:"waived,omitempty"`
	Taken   map[string]time.Time      `json:"taken,omitempty"`
	When    *TestAct                  `json:"when,omitempty"`
	Expect  Expectation               `json:"expect"`
}

// A TestGrant is a grant that the tested identity has.
type TestGrant struct {
	Role            string    `json:"role"`
	GrantedAt       time.Time `json:"grantedAt"`
	ExpiresAt       time.Time `json:"expiresAt,omitzero"`
	LastUsed        time.Time `json:"lastUsed,omitzero"`
	Ticket          string    `json:"ticket,omitempty"`
	ReviewedAt      time.Time `json:"reviewedAt,omitzero"`
	UsageObservable *bool     `json:"usageObservable,omitempty"`
}

// An Expectation is what must come of a test's facts. A list is complete where its
// comment says so, also when it is empty; the others name some. Eligible and NotEligible
// say whether the role could be asked for by somebody who holds no grant.
type Expectation struct {
	Assigned      []string             `json:"assigned,omitempty"` // complete
	NotAssigned   []string             `json:"notAssigned,omitempty"`
	Eligible      []string             `json:"eligible,omitempty"`
	NotEligible   []string             `json:"notEligible,omitempty"`
	Indeterminate []string             `json:"indeterminate,omitempty"`
	Suspended     []string             `json:"suspended,omitempty"`
	Held          []string             `json:"held,omitempty"`
	Blocked       []string             `json:"blocked,omitempty"`      // that a constraint keeps from who qualifies
	Quarantined   []string             `json:"quarantined,omitempty"`  // that nobody new gets
	Entitlements  []string             `json:"entitlements,omitempty"` // connector/id; complete
	Reaches       []string             `json:"reaches,omitempty"`      // those, and all that comes with them; complete
	Modes         map[string]string    `json:"modes,omitempty"`        // of an entitlement (connector/id): observe, propose or enforce
	Until         map[string]time.Time `json:"until,omitempty"`        // when the grant of a role ends
	Fired         []TestFired          `json:"fired,omitempty"`
	Pending       []TestFired          `json:"pending,omitempty"`  // hold, and take nothing away before their grace is over
	Risks         []RiskID             `json:"risks,omitempty"`    // of a machine; complete
	Breaks        []string             `json:"breaks,omitempty"`   // constraints that what is held breaks; complete
	Excepted      []string             `json:"excepted,omitempty"` // exceptions that something is held by; complete

	Refused   string   `json:"refused,omitempty"` // of why what is done at this moment is refused, a part
	Request   string   `json:"request,omitempty" jsonschema:"enum=open,enum=approved,enum=fulfilled,enum=denied,enum=expired,enum=withdrawn"`
	Stage     int      `json:"stage,omitempty" jsonschema:"minimum=1"` // that the request waits at, from 1
	MayDecide []string `json:"mayDecide,omitempty"`                    // about the request, the exception or the bypass, now; complete
	Exception string   `json:"exception,omitempty" jsonschema:"enum=open,enum=approved,enum=denied,enum=expired,enum=ended"`
	Targets   []string `json:"targets,omitempty"` // what targets have (connector/id), where they are enforced; complete
	Bypass    string   `json:"bypass,omitempty" jsonschema:"enum=open,enum=reviewed,enum=overdue,enum=rejected"`
	Owed      []string `json:"owed,omitempty"`      // evidence of the bypass that is; complete
	LookAgain []string `json:"lookAgain,omitempty"` // exceptions that are to be looked at again; complete
	Dominated []string `json:"dominated,omitempty"` // rules from which so many are excepted that they are wrong; complete
	Undrilled []string `json:"undrilled,omitempty"` // break-glass roles that nobody took for too long; complete
	Rotate    []string `json:"rotate,omitempty"`    // credentials that are to be, because of the bypass; complete
}

// A TestFiring is a trigger that has held for a time: for each grant of the role,
// or for the role where there is none.
type TestFiring struct {
	Role    string    `json:"role"`
	Trigger string    `json:"trigger"` // SET/NAME
	Since   time.Time `json:"since"`
	Settled time.Time `json:"settled,omitzero"` // when somebody answered it
}

// A TestFired is a trigger that must fire.
type TestFired struct {
	Role    string `json:"role"`
	Trigger string `json:"trigger"` // SET/NAME
	Action  string `json:"action" jsonschema:"enum=revoke,enum=suspend,enum=reapprove,enum=reassign,enum=rotate,enum=hold"`
}
