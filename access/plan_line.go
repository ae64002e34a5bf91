package access

import (
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A PlanLine is one change for one identity: what changes for it at one
// entitlement, or that a role cannot be decided.
type PlanLine struct {
	Identity    string      `json:"identity"`
	UserName    string      `json:"userName"`
	Change      PlanChange  `json:"change"`
	Roles       []string    `json:"roles"` // sorted
	Connector   string      `json:"connector,omitempty"`
	Entitlement string      `json:"entitlement,omitempty"`
	Reaches     []string    `json:"reaches,omitempty"` // connector/id of all that comes with it, as the catalogues say, by name
	Mode        schema.Mode `json:"mode,omitempty"`    // only Enforce reaches a target
	Reason      string      `json:"reason"`
	ByPolicy    bool        `json:"byPolicy,omitempty"` // it begins or ends by the policy alone, and for no reason of the identity's own
	ForGood     bool        `json:"forGood,omitempty"`  // its account is disabled with it, where that cannot be undone
	Pending     bool        `json:"pending,omitempty"`  // the policy in force is about to make it anyway, or keeps it as well
}

// A PlanChange says what a PlanLine does.
type PlanChange string

// The changes of a plan.
const (
	PlanGrant  PlanChange = "grant"  // an entitlement will be held
	PlanRevoke PlanChange = "revoke" // an entitlement will no longer be held
	PlanRemode PlanChange = "remode" // it is held as before, in another mode or for other reasons
	PlanHold   PlanChange = "hold"   // it stays, because it cannot be decided now
	PlanOpen   PlanChange = "open"   // a role that is not held cannot be decided: nothing is given
	PlanBlock  PlanChange = "block"  // a constraint keeps a role from whom its rule matches
)

// Ref is the entitlement, as connector/id; nothing where the line is about a role alone.
func (l PlanLine) Ref() string {
	if l.Connector == "" {
		return ""
	}
	return l.Connector + "/" + l.Entitlement
}

// What is the entitlement, with what comes along.
func (l PlanLine) What() string { return withWhatComesAlong(l.Ref(), l.Reaches) }

// What is the entitlement, with what comes along.
func (t PlanTotal) What() string { return withWhatComesAlong(t.Entitlement, t.Reaches) }

func withWhatComesAlong(ref string, reaches []string) string {
	if len(reaches) == 0 {
		return ref
	}
	return ref + " (→ " + strings.Join(reaches, ", ") + ")"
}

// comesAlong returns what comes with an entitlement, by name; nothing for most.
func comesAlong(book *policy.Book, on schema.Assignment) (refs []string) {
	if e, known := book.Entitlement(on.Connector, on.Entitlement); !known || len(e.Confers) == 0 {
		return nil
	}
	for _, e := range book.Effective(on.Ref()) {
		if e.Ref() != on.Ref() {
			refs = append(refs, e.Ref())
		}
	}
	return refs
}

// writes reports whether an entitlement is gained or lost by it.
func (l PlanLine) writes() bool { return l.Change == PlanGrant || l.Change == PlanRevoke }

// does reports whether anything changes by it.
func (l PlanLine) does() bool { return l.writes() || l.Change == PlanRemode }

// like reports whether both do the same to the same.
func (l PlanLine) like(other PlanLine) bool {
	return l.Change == other.Change && l.Connector == other.Connector && l.Entitlement == other.Entitlement &&
		(l.Connector != "" || slices.Equal(l.Roles, other.Roles))
}
