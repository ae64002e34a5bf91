package schema

import "time"

// A HoldKind says what sort of thing is held.
type HoldKind string

// What is held. The first four go on when two people release them; the others
// when what they lack is there.
const (
	PolicyHold HoldKind = "policy"             // a policy takes away more than its limit
	SourceHold HoldKind = "source"             // a source ended more identities than its limit
	LossHold   HoldKind = "losses"             // by what a source changed, more people would lose something than its limit
	SweepHold  HoldKind = "sweep"              // a sweep found more to take away than its limit
	RoleHold   HoldKind = "role"               // a role is in quarantine
	LastHold   HoldKind = "last-administrator" // nobody else holds a privileged entitlement
)

// A Hold is something that the bridge would do and does not, until people decide
// or something changes.
type Hold struct {
	ID       string      `json:"id"` // of the kind and what it is about: source:workday, sweep:drift:wiki
	Kind     HoldKind    `json:"kind"`
	Subject  string      `json:"subject"`          // the same as the decision log has it: source/workday
	Plan     string      `json:"plan,omitempty"`   // names exactly the things it would do; empty where nobody can release it
	Count    int         `json:"count"`            // how many things it would do
	First    []Deed      `json:"first,omitempty"`  // some of them
	Since    time.Time   `json:"since,omitzero"`   // when it was held first
	Reason   string      `json:"reason"`           // why
	By       string      `json:"by,omitempty"`     // the actor who caused it, where it was one
	Ends     string      `json:"ends,omitempty"`   // what ends it, where nobody can release it
	Agreed   []Agreement `json:"agreed,omitempty"` // who released this plan so far
	Released time.Time   `json:"released,omitzero"`

	// Round counts how often it was released, where new things may come to be held
	// while those that were released are being done.
	Round int `json:"round,omitempty"`
}

// A Deed is one thing that would be done.
type Deed struct {
	Identity string `json:"identity"`
	UserName string `json:"userName,omitempty"` // looked up when it is shown
	What     string `json:"what"`
}

// An Agreement is one person's yes to a plan.
type Agreement struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Plan string    `json:"plan"`
}
