// Package policy says who should have what. It is pure: the same facts at the
// same time always give the same answer, and nothing is touched.
//
// Documents are read from a folder of YAML (Load), which reports every mistake
// at once with file, line and column. Compile turns them into a Book, in which
// every rule is type-checked CEL. A Book evaluates one identity's Facts into its
// Access, in three values: a rule that needs what nobody supplied is neither
// true nor false, and grants and revokes nothing.
package policy

import (
	"slices"
	"time"

	"drawbridge/schema"
)

// Facts are all that evaluation looks at.
type Facts struct {
	Identity   schema.Identity
	Groups     []string // names of the groups it is in, nested ones included
	Records    []Record // what its sources say, where there are several; Identity is then what Compose makes of them
	Into       string   // id of the identity that it became a record of, if it did
	Grants     []schema.Grant
	Tombstones []schema.Tombstone

	// OwnerActive says whether who answers for a machine identity (Stewards) is
	// there; nil is unknown.
	OwnerActive *bool

	// Of a machine, what people decided, and whether the owner and the deputy
	// (Stewards) are people who are there; what else uses what is its own; and what it
	// holds.
	Machine       schema.Machine
	Owner, Deputy schema.Presence
	Shares        []string
	Held          []schema.Assignment

	Tickets  []schema.Ticket       // those that its live grants name
	Workload *schema.WorkloadState // of a machine, what was said of it last; nil if nothing was
	Risks    []schema.Risk         // those that are open
	Uses     []schema.Use
	Feeds    []schema.Feed   // when those who tell of the above were heard last
	Firings  []schema.Firing // the triggers that are known to hold
	Changed  []string        // attributes that changed since triggers last looked
	Passes   []Pass          // what exceptions allow it, or will

	// About are roles of which there is to be a verdict in any case: those that are
	// held, or asked about. Of others whose rule cannot match there is none.
	About []string
}

// Ungranted returns the facts as they would be if no grant of a role were there.
func (f Facts) Ungranted(role string) Facts {
	f.Grants = slices.DeleteFunc(slices.Clone(f.Grants), func(g schema.Grant) bool { return g.Role == role })
	return f
}

// An Outcome says what became of one role for one identity.
type Outcome string

// The outcomes.
const (
	Assigned      Outcome = "assigned"      // held, by rule or by a live grant
	Eligible      Outcome = "eligible"      // may be asked for
	NotEligible   Outcome = "not-eligible"  // the rule is false
	Indeterminate Outcome = "indeterminate" // the rule needs what nobody supplied
	Withdrawn     Outcome = "withdrawn"     // a revoke trigger fired, whatever the rule says
	Suspended     Outcome = "suspended"     // a suspend trigger fired; restorable
	Buried        Outcome = "buried"        // a tombstone stands against it
	Quarantined   Outcome = "quarantined"   // the role's governance is broken: what is held stays, nobody new gets it
	Blocked       Outcome = "blocked"       // a constraint keeps it from whom its rule matches
	Held          Outcome = "held"          // a hold trigger fired: what is held stays, nothing is given or renewed
)

// A Verdict is the outcome for one role, and why.
type Verdict struct {
	Role    string
	Type    schema.RoleType
	Outcome Outcome
	Mode    schema.Mode    // the least of policy set and role; connectors may lower it further
	Grant   string         // id of the live grant it rests on, if any
	Trigger string         // SET/NAME of what fired, if any
	Cites   []string       // exception/NAME of what allows it all the same
	Missing []string       // attributes nobody supplied, of Indeterminate
	Inputs  map[string]any // the attribute values that its rules read
	Reason  string         // one sentence for people
}

// A Fired is a trigger that fired for a role that the identity holds or would hold.
type Fired struct {
	Role    string
	Trigger string // SET/NAME
	Action  string // revoke, suspend, reapprove, reassign, rotate, hold
	Grant   string // id of the grant it ends, if it ends one
	Within  time.Duration
	Due     time.Time // when it ends access, unless something is done or it holds no longer; zero if it does not
	Silent  bool      // it fires because its feeds have not been heard
}

// Takes reports whether it takes effect away from what is held.
func (f Fired) Takes() bool { return f.Action == actionSuspend || f.Action == actionRevoke }

// Access is what an identity should hold, and until when that stands.
type Access struct {
	Verdicts    []Verdict           // by role name; of roles that cannot match, only those that Facts.About names
	Fired       []Fired             // by role name, then trigger
	Pending     []Fired             // likewise: those that take nothing away before Due
	Firings     []schema.Firing     // what is to be remembered of those that hold
	Assignments []schema.Assignment // by connector and entitlement; Since is left zero
	Keep        []string            // roles whose present assignments stay as they are: indeterminate, quarantined or held
	Breaks      []Breach            // constraints that what is held breaks, of Bar
	Disputes    []Dispute           // what sources disagree about, by attribute
	Risks       []AtRisk            // of a machine, by risk and what it is about
	Secrets     []Secret            // of a machine that is registered: how its credentials stand
	Next        time.Time           // when to look again; zero if only a change can matter
}

// A Dispute is an attribute of which sources say different things, and of which none
// comes before the others. What rests on it is held as it is.
type Dispute struct {
	Attribute string // identity.department
	Reason    string
}
