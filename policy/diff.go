package policy

import (
	"slices"
	"strings"

	"drawbridge/schema"
)

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

// Changes compares what an identity holds with what it should hold, and returns
// what differs, by connector and entitlement; roles that cannot be decided come
// last. It is what a plan shows, and touches nothing.
func Changes(held []schema.Assignment, a Access) []Line {
	var lines []Line
	for _, want := range a.Assignments {
		i := slices.IndexFunc(held, func(h schema.Assignment) bool { return h.Ref() == want.Ref() })
		switch {
		case i < 0:
			lines = append(lines, a.line(Grant, want))
		case held[i].Mode != want.Mode || !slices.Equal(held[i].Because, want.Because):
			lines = append(lines, a.line(Remode, want))
		}
	}
	for _, h := range held {
		if slices.ContainsFunc(a.Assignments, func(w schema.Assignment) bool { return w.Ref() == h.Ref() }) {
			continue
		}
		change := Revoke
		if slices.ContainsFunc(rolesOf(h), func(role string) bool { return slices.Contains(a.Keep, role) }) {
			change = Hold
		}
		lines = append(lines, a.line(change, h))
	}
	slices.SortStableFunc(lines, func(x, y Line) int {
		return strings.Compare(x.Connector+"/"+x.Entitlement, y.Connector+"/"+y.Entitlement)
	})
	for _, v := range a.Verdicts {
		if v.Outcome == Indeterminate && !slices.ContainsFunc(lines, func(l Line) bool { return slices.Contains(l.Roles, v.Role) }) {
			lines = append(lines, Line{Change: Open, Roles: []string{v.Role}, Mode: v.Mode, Reason: v.Reason})
		}
	}
	return lines
}

func (a Access) line(change Change, on schema.Assignment) Line {
	l := Line{Change: change, Roles: rolesOf(on), Connector: on.Connector, Entitlement: on.Entitlement, Mode: on.Mode}
	var reasons []string
	for _, role := range l.Roles {
		i := slices.IndexFunc(a.Verdicts, func(v Verdict) bool { return v.Role == role })
		if i < 0 {
			reasons = append(reasons, role+": no such role is in force")
			continue
		}
		reasons = append(reasons, role+": "+a.Verdicts[i].Reason)
	}
	l.Reason = strings.Join(reasons, "; ")
	return l
}

// rolesOf returns the roles among a line's reasons.
func rolesOf(a schema.Assignment) []string {
	var roles []string
	for _, b := range a.Because {
		if role, ok := strings.CutPrefix(b, "role/"); ok {
			roles = append(roles, role)
		}
	}
	return roles
}
