package policy

import "drawbridge/schema"

// A Change says what a Line does.
type Change string

// The changes.
const (
	Grant  Change = "grant"  // an entitlement will be held
	Revoke Change = "revoke" // an entitlement will no longer be held
	Remode Change = "remode" // it is held as before, in another mode or for other reasons
	Hold   Change = "hold"   // it stays, because it cannot be decided now
	Open   Change = "open"   // a role that is not held cannot be decided: nothing is given
)

// A Line is one line of a plan: what changes for one identity at one
// entitlement, or that a role cannot be decided.
type Line struct {
	Change      Change      `json:"change"`
	Roles       []string    `json:"roles"` // sorted
	Connector   string      `json:"connector,omitempty"`
	Entitlement string      `json:"entitlement,omitempty"`
	Mode        schema.Mode `json:"mode,omitempty"` // only Enforce reaches a target
	Reason      string      `json:"reason"`
}
