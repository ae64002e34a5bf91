package schema

import "time"

// An Observation is since when a role is decided about as it is now, and how far it
// goes: what the gate before a raised mode looks at.
type Observation struct {
	Role      string          `json:"role"`
	Substance string          `json:"substance"` // what it does, without its mode
	Since     time.Time       `json:"since"`
	Modes     map[string]Mode `json:"modes"` // by connector

	Owner    string `json:"owner,omitempty"`    // who answers for it, and their deputy
	Withheld string `json:"withheld,omitempty"` // why nobody gets it since it came into force as it is
}
