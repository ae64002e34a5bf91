package policy

import (
	"time"

	"drawbridge/schema"
)

// Role is a role template: who qualifies, what they then hold, who answers for
// it, who approves it and what ends it.
type Role struct {
	Header
	Spec RoleSpec `json:"spec"`
}

// RoleSpec is the body of a Role. Assign is the rule of a birthright and an nhi
// role; Eligible says who may ask for one of the other types. What the schema requires
// and may be left out when it is read, lint has a code of its own for.
type RoleSpec struct {
	Type            schema.RoleType `json:"type" jsonschema:"enum=birthright,enum=requestable,enum=jit,enum=break-glass,enum=nhi"`
	Mode            schema.Mode     `json:"mode,omitempty" jsonschema:"enum=observe,enum=propose,enum=enforce"`
	Intent          string          `json:"intent,omitempty" jsonschema:"required"`
	Assign          string          `json:"assign,omitempty"`
	Eligible        string          `json:"eligible,omitempty"`
	Approval        string          `json:"approval,omitempty"`
	Ticket          *TicketBond     `json:"ticket,omitempty"`
	Bypass          *Bypass         `json:"bypass,omitempty"`
	Grants          []Holding       `json:"grants,omitempty" jsonschema:"required"`
	Duration        *Span           `json:"duration,omitempty"`
	Permanent       *Permanence     `json:"permanent,omitempty"`
	OnEnd           *OnEnd          `json:"onEnd,omitempty"`
	Triggers        []string        `json:"triggers,omitempty" jsonschema:"required"`
	Concurrent      *Concurrency    `json:"concurrent,omitempty"`
	NHI             *MachineRules   `json:"nhi,omitempty"`
	MatchPercentMax int             `json:"matchPercentMax,omitempty" jsonschema:"minimum=1,maximum=100"`
	Review          *Review         `json:"review,omitempty" jsonschema:"required"`
}

// ByRule reports whether the role is held by rule alone, without being asked for.
func (s RoleSpec) ByRule() bool { return s.Type == schema.Birthright || s.Type == schema.NHI }

// rule returns the role's rule and the name of its field.
func (s RoleSpec) rule() (field, text string) {
	if s.ByRule() {
		return "assign", s.Assign
	}
	return "eligible", s.Eligible
}

// A Holding is an entitlement that a role gives.
type Holding struct {
	Connector   string `json:"connector"`
	Entitlement string `json:"entitlement"`
}

// A Span says for how long a grant of a role is given.
type Span struct {
	Default   Duration `json:"default,omitempty"`
	Max       Duration `json:"max,omitempty" some:""`
	Renewable bool     `json:"renewable,omitempty"`
}

// Permanence states why a role needs no end.
type Permanence struct {
	Because string `json:"because"`
}

// A Review says how often people look again at who holds a role, who they are, and what
// becomes of what they do not decide.
type Review struct {
	Every Duration `json:"every" some:""`
	By    string   `json:"by,omitempty" jsonschema:"enum=owner,enum=manager,enum=entitlementOwner"`
	Grace Duration `json:"grace,omitempty"` // how long a review may be overdue before the grant ends; none: it is only owed

	Within   Duration `json:"within,omitempty" some:""` // how long reviewers have
	Overdue  string   `json:"overdue,omitempty" jsonschema:"enum=escalate,enum=suspend,enum=revoke"`
	OnChange []string `json:"onChange,omitempty"` // attributes of the holder: who moves is reviewed at once
}

// A TicketBond binds a grant to a ticket.
type TicketBond struct {
	System            string `json:"system,omitempty"`
	Valid             string `json:"valid,omitempty"` // CEL over ticket and identity
	ExpiresWithTicket bool   `json:"expiresWithTicket,omitempty"`

	// Silence says what becomes of the grant while nobody can tell whether its ticket
	// is valid: by default it is held after a day.
	Silence *Silence `json:"silence,omitempty"`
}

// A Bypass says when a break-glass role may be taken before anyone approves, and
// what is owed afterwards.
type Bypass struct {
	When           string    `json:"when,omitempty" jsonschema:"required"` // CEL over ticket and identity
	Approval       string    `json:"approval,omitempty" jsonschema:"enum=after"`
	EvidenceBefore []string  `json:"evidenceBefore,omitempty" jsonschema:"required"`
	EvidenceAfter  []string  `json:"evidenceAfter,omitempty" jsonschema:"required"`
	EvidenceWithin Duration  `json:"evidenceWithin,omitempty" jsonschema:"required"`
	Reviewers      Reviewers `json:"reviewers,omitzero" jsonschema:"required"`
	ReviewWithin   Duration  `json:"reviewWithin,omitempty" jsonschema:"required"`
	Notify         []string  `json:"notify,omitempty" jsonschema:"required"`
	DrillEvery     Duration  `json:"drillEvery,omitempty" jsonschema:"required"`
}

// DrillDue returns when a break-glass role is to be taken again, if only to see that it can
// be, given when it was last; demanded is false of any other role. One that never was taken
// is due.
func (r *Role) DrillDue(last time.Time) (due time.Time, demanded bool) {
	b := r.Spec.Bypass
	if r.Spec.Type != schema.BreakGlass || b == nil || b.DrillEvery <= 0 || last.IsZero() {
		return time.Time{}, r.Spec.Type == schema.BreakGlass && b != nil && b.DrillEvery > 0
	}
	return last.Add(time.Duration(b.DrillEvery)), true
}

// Reviewers are the people who must agree: how many of which group.
type Reviewers struct {
	Group          string `json:"group,omitempty"`
	Min            int    `json:"min,omitempty" jsonschema:"minimum=1"`
	ExcludeAuthor  bool   `json:"excludeAuthor,omitempty"`
	ExcludeSubject bool   `json:"excludeSubject,omitempty"`
}

// OnEnd says what is to be done when a grant ends.
type OnEnd struct {
	VerifyRemoved bool     `json:"verifyRemoved,omitempty"`
	Rotate        []string `json:"rotate,omitempty"`
	Within        Duration `json:"within,omitempty" some:""`
}

// Concurrency caps how many may hold a role at once.
type Concurrency struct {
	Max int `json:"max" jsonschema:"minimum=1"`
}

// MachineRules say how a machine identity may use a role.
type MachineRules struct {
	InteractiveLogin string   `json:"interactiveLogin,omitempty" jsonschema:"enum=deny,enum=allow"`
	SharedUse        string   `json:"sharedUse,omitempty" jsonschema:"enum=deny,enum=allow"`
	Credential       string   `json:"credential,omitempty"`
	SecretMaxAge     Duration `json:"secretMaxAge,omitempty" some:""`
	Environments     []string `json:"environments,omitempty"`
}

// TriggerSet is a named list of what ends access, shared by roles.
type TriggerSet struct {
	Header
	Spec TriggerSetSpec `json:"spec"`
}

// TriggerSetSpec is the body of a TriggerSet.
type TriggerSetSpec struct {
	Triggers []Trigger `json:"triggers"`
}

// A Trigger is a condition that ends access, or begins its end. Grace is how long
// access has left: revoke waits for that long, suspend becomes a revocation after
// it, and what is asked of people (reapprove, reassign) is to be done within it,
// or access ends.
type Trigger struct {
	Name       string   `json:"name"`
	On         []string `json:"on" jsonschema:"enum=event,enum=sweep"`
	When       string   `json:"when"` // CEL
	Action     string   `json:"action" jsonschema:"enum=revoke,enum=suspend,enum=reapprove,enum=reassign,enum=rotate,enum=hold"`
	Within     Duration `json:"within,omitempty" some:""` // how long it may take, from when the bridge was told
	Grace      Duration `json:"grace,omitempty"`
	FailClosed bool     `json:"failClosed,omitempty"`
	Silence    *Silence `json:"silence,omitempty"`
}

// A Silence says what a trigger does once the feeds that it depends on have not
// been heard for a time, whatever was heard last.
type Silence struct {
	After  Duration `json:"after"`
	Action string   `json:"action" jsonschema:"enum=hold,enum=suspend,enum=revoke"`
}

// The actions of a trigger. The first three touch what is held; the others ask
// something of people.
const (
	actionRevoke    = "revoke"    // it ends, until a new decision
	actionSuspend   = "suspend"   // it has no effect meanwhile
	actionHold      = "hold"      // it stays as it is, and nothing is given or renewed
	actionReapprove = "reapprove" // somebody is to agree again
	actionReassign  = "reassign"  // somebody else is to answer for it
	actionRotate    = "rotate"    // its secret is to be changed
)

// ApprovalFlow says who must agree before a role is granted.
type ApprovalFlow struct {
	Header
	Spec ApprovalFlowSpec `json:"spec"`
}

// ApprovalFlowSpec is the body of an ApprovalFlow.
type ApprovalFlowSpec struct {
	Stages []Stage   `json:"stages"`
	Rules  FlowRules `json:"rules,omitzero"`
}

// A Stage is one step of a flow; all stages must agree.
type Stage struct {
	Approvers []Approver `json:"approvers"`
	Min       int        `json:"min,omitempty" jsonschema:"minimum=1"`
	Within    Duration   `json:"within,omitempty" some:""`
}

// An Approver names who may agree, by relation, by group or by person. One of
// the fields is set.
type Approver struct {
	Manager   bool   `json:"manager,omitempty"`
	RoleOwner bool   `json:"roleOwner,omitempty"`
	Group     string `json:"group,omitempty"`
	User      string `json:"user,omitempty"`
}

// FlowRules hold for every stage of a flow.
type FlowRules struct {
	SelfApproval      bool   `json:"selfApproval,omitempty"`
	DistinctApprovers bool   `json:"distinctApprovers,omitempty"`
	ApproverMustBe    string `json:"approverMustBe,omitempty"` // CEL over approver
	OnTimeout         string `json:"onTimeout,omitempty" jsonschema:"enum=deny"`
	RequireReason     bool   `json:"requireReason,omitempty"`
}
