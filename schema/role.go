package schema

import "slices"

// A RoleType says how a role comes to be held.
type RoleType string

// The types of role.
const (
	Birthright  RoleType = "birthright"  // by rule alone
	Requestable RoleType = "requestable" // by grant, after approval
	JIT         RoleType = "jit"         // by grant, for hours
	BreakGlass  RoleType = "break-glass" // by grant, approved afterwards
	NHI         RoleType = "nhi"         // by rule, for machine identities
)

// A Mode says how far automation goes. Modes are ordered: the effective mode is
// the least of policy set, connector and role.
type Mode string

// The modes, from least to most.
const (
	Observe Mode = "observe" // decide and record, touch nothing
	Propose Mode = "propose" // open a work item that a person releases
	Enforce Mode = "enforce" // write
)

// Least returns the least of the modes. Anything that is not a mode, the empty
// one too, counts as Observe: automation is asked for, never assumed.
func Least(modes ...Mode) Mode {
	order := []Mode{Observe, Propose, Enforce}
	least := len(order) - 1
	for _, m := range modes {
		least = min(least, max(0, slices.Index(order, m)))
	}
	return order[least]
}

// An Entitlement is something an account can hold at a connector: a group, a
// role, a licence. It is catalogued by the Connector document.
type Entitlement struct {
	Connector  string   `json:"connector"`
	ID         string   `json:"id"`
	Target     string   `json:"target"` // its name at the target
	Owner      string   `json:"owner"`
	Risk       string   `json:"risk,omitempty"` // low, moderate, high, critical
	Privileged bool     `json:"privileged,omitempty"`
	Confers    []string `json:"confers,omitempty"` // connector/id of what comes with it

	Environment string `json:"environment,omitempty"` // where it leads; empty is no matter
}

// Ref returns the entitlement's name across connectors: connector/id.
func (e Entitlement) Ref() string { return e.Connector + "/" + e.ID }
