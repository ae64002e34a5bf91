package schema

import "time"

// A Machine is what people decided about a machine identity, and when its secrets
// were changed. What it is meant for is in the register; what it is, its sources
// say. Of secrets there are names and times, never more.
type Machine struct {
	Identity string `json:"identity"`
	Kind     Kind   `json:"kind"`

	// Who answers for it because somebody said so, and who was stated to when they
	// did: it counts until somebody else is stated.
	Owner    string    `json:"owner,omitempty"`
	Deputy   string    `json:"deputy,omitempty"`
	Instead  string    `json:"instead,omitempty"`
	Assigned time.Time `json:"assigned,omitzero"`

	Stopped   time.Time `json:"stopped,omitzero"` // nothing is held meanwhile
	StoppedBy string    `json:"stoppedBy,omitempty"`

	Rotated map[string]time.Time `json:"rotated,omitempty"` // by credential: when it was changed last
	Settled map[string]time.Time `json:"settled,omitempty"` // by risk: what was known of it by then is answered
}

// A Presence says whether somebody is there to answer for something.
type Presence int

// The presences.
const (
	Unheard Presence = iota // no source told of such a person, or nobody is named
	Present
	Departed
)
