package schema

import (
	"cmp"
	"slices"
	"time"
)

// A ReviewKind says whose access a review looks at.
type ReviewKind string

// The kinds of review, by what they are of.
const (
	ReviewRole      ReviewKind = "role"      // all who have a role
	ReviewConnector ReviewKind = "connector" // all that is held at a connector
	ReviewManager   ReviewKind = "manager"   // all that those hold whose manager somebody is
	ReviewChange    ReviewKind = "change"    // what one identity holds, because something about it changed
)

// A ReviewState says how far a review has come.
type ReviewState string

// The states of a review.
const (
	ReviewPreparing ReviewState = "preparing" // its items are being written
	ReviewOpen      ReviewState = "open"      // people decide
	ReviewClosed    ReviewState = "closed"    // everything is decided, or somebody closed it; it awaits who signs it off
	ReviewSigned    ReviewState = "signed"    // management acknowledged what came of it
	ReviewEmpty     ReviewState = "empty"     // there was nothing to review
)

// A Reviewer says who looks at an item first, by relation.
type Reviewer string

// The reviewers. Where they are not there, or it is about themselves, others decide:
// whoever answers for the role or the connector, their deputy, whoever answers for the
// policy.
const (
	ByOwner            Reviewer = "owner"            // who answers for the role, or for the connector
	ByManager          Reviewer = "manager"          // the manager of whose access it is
	ByEntitlementOwner Reviewer = "entitlementOwner" // who answers for what is held
)

// What becomes of an item that nobody decided in time.
const (
	OverdueEscalate = "escalate" // others may decide too
	OverdueSuspend  = "suspend"  // it has no effect until somebody decides
	OverdueRevoke   = "revoke"   // it ends
)

// A Review is a campaign: people look at who holds what, and decide about each whether
// it stays.
type Review struct {
	ID       string        `json:"id"`
	Kind     ReviewKind    `json:"kind"`
	Of       string        `json:"of,omitempty"`    // a role, a connector, or the id of an identity; empty of managers is all of them
	Roles    []string      `json:"roles,omitempty"` // only these, where that is said
	By       string        `json:"by"`              // the actor who opened it
	Opener   string        `json:"opener,omitempty"`
	Reason   string        `json:"reason"`
	Opened   time.Time     `json:"opened"`
	Within   time.Duration `json:"within"`
	Due      time.Time     `json:"due"`                // when it is to be decided
	Overdue  string        `json:"overdue,omitempty"`  // what becomes of what is not: escalate, suspend or revoke; empty: each item says
	Reviewer Reviewer      `json:"reviewer,omitempty"` // who looks first; empty: each item says
	State    ReviewState   `json:"state"`
	Policy   string        `json:"policy"` // digest of the one in force when it was opened

	Prepared  time.Time `json:"prepared,omitzero"` // when all items were there
	Items     int       `json:"items"`             // how many there are
	Cursor    []string  `json:"cursor,omitempty"`  // how far preparing came
	Next      time.Time `json:"next,omitzero"`     // when it is to be looked at again
	Level     int       `json:"level,omitzero"`    // how often it was escalated as a whole
	Acted     time.Time `json:"acted,omitzero"`    // when what was overdue was acted on
	Ended     time.Time `json:"ended,omitzero"`
	Outcome   string    `json:"outcome,omitempty"`
	Signature *Approval `json:"signature,omitempty"` // who acknowledged it for management
}

// Ref is how decisions name the review.
func (r Review) Ref() string { return "review/" + r.ID }

// About says in a word or two what the review is of.
func (r Review) About() string {
	if r.Of == "" {
		return string(r.Kind) + "s"
	}
	return string(r.Kind) + "/" + r.Of
}

// ReviewerOf returns who looks at an item first: what the review says of all, or else the
// item's own.
func (r Review) ReviewerOf(i ReviewItem) Reviewer { return cmp.Or(r.Reviewer, i.Reviewer) }

// OverdueOf returns what becomes of an item that nobody decides in time: what the review
// says of all, or else the item's own.
func (r Review) OverdueOf(i ReviewItem) string { return cmp.Or(r.Overdue, i.Overdue) }

// Running reports whether items of it are still to be decided.
func (r Review) Running() bool { return r.State == ReviewPreparing || r.State == ReviewOpen }

// An ItemState says what became of one item of a review.
type ItemState string

// The states of an item. Of one that is open or suspended people have yet to decide.
const (
	ItemOpen      ItemState = "open"
	ItemSuspended ItemState = "suspended" // nobody decided in time; it has no effect meanwhile
	ItemKept      ItemState = "kept"      // it stays as it is
	ItemModified  ItemState = "modified"  // it stays, and ends sooner
	ItemRevoked   ItemState = "revoked"   // it was taken away
	ItemLapsed    ItemState = "lapsed"    // it ended by itself before anybody decided
	ItemUndecided ItemState = "undecided" // the review was closed before anybody did
)

// ItemStates returns the states of an item.
func ItemStates() []ItemState {
	return []ItemState{ItemOpen, ItemSuspended, ItemKept, ItemModified, ItemRevoked, ItemLapsed, ItemUndecided}
}

// A ReviewItem is one thing that somebody holds, as a reviewer is to look at it.
type ReviewItem struct {
	Review   string `json:"review"`
	Identity string `json:"identity"`
	Holding  string `json:"holding"` // role/NAME, or entitlement/CONNECTOR/TARGET of what no role gives

	Gives      []string  `json:"gives,omitempty"` // connector/entitlement of what comes with it
	Grants     []string  `json:"grants,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`      // when it ends by itself; of what was modified, by the decision
	LastUsed   time.Time `json:"lastUsed,omitzero"`   // where it was seen to be used
	ToldBy     string    `json:"toldBy,omitempty"`    // who says so: source/NAME, or connector/NAME where it is the target itself
	Unseen     []string  `json:"unseen,omitempty"`    // connectors of whose use nobody tells, so that not used means nothing
	Risk       string    `json:"risk,omitempty"`      // the greatest of what it gives
	Privileged bool      `json:"privileged,omitzero"` // some of it is
	Department string    `json:"department,omitempty"`
	Peers      int       `json:"peers"`         // others of the same department
	Alike      int       `json:"alike"`         // of those, who hold it too
	Why        []string  `json:"why,omitempty"` // the chain of reasons, as decisions cite them
	Because    string    `json:"because"`       // one sentence of it

	Reviewer Reviewer `json:"reviewer,omitempty"` // who looks first, where the review leaves it to each item
	Overdue  string   `json:"overdue,omitempty"`  // likewise, what becomes of it: escalate, suspend or revoke

	State     ItemState `json:"state"`
	Awaits    []string  `json:"awaits,omitempty"` // by which names those find it who may decide: identity/ID, person/NAME
	Delegate  string    `json:"delegate,omitempty"`
	Level     int       `json:"level,omitzero"`  // how often it was escalated
	By        string    `json:"by,omitempty"`    // the actor who decided
	Judge     string    `json:"judge,omitempty"` // the identity behind that actor
	Auth      string    `json:"auth,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Decided   time.Time `json:"decided,omitzero"`
	Decision  string    `json:"decision,omitempty"` // id of the decision, for the proof
	Suspended time.Time `json:"suspended,omitzero"` // since when it has no effect
	Stone     bool      `json:"stone,omitempty"`    // the review is what stands against it
}

// Awaited reports whether somebody has yet to decide.
func (i ReviewItem) Awaited() bool {
	return slices.Contains([]ItemState{ItemOpen, ItemSuspended}, i.State)
}

// A Reminder is what somebody was last told about things that wait for them. There is
// one row for a person and a matter: what is due again replaces what was.
type Reminder struct {
	To    string    `json:"to"`    // identity/ID, or person/NAME of somebody a policy names
	About string    `json:"about"` // review/ID
	Kind  string    `json:"kind"`  // opened, soon, overdue, escalated
	Items int       `json:"items"` // how many things wait
	Until time.Time `json:"until"` // by when they are to be decided
	Due   time.Time `json:"due"`   // when it was due to be told
	Times int       `json:"times"` // how often it became due
}

// A ReviewClock is since when a role was not reviewed: since its last review was
// opened, or the bridge first met it.
type ReviewClock struct {
	Role   string    `json:"role"`
	Since  time.Time `json:"since"`
	Review string    `json:"review,omitempty"` // the last one
}
