package access

import (
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A difference is what lies between the lines an identity holds and those that
// policy wants. Reconcile writes it, a plan shows it.
type difference struct {
	lines []schema.Assignment // what is held from now on
	begun []schema.Assignment // of these, what is new, or held in another mode or for other reasons; Since is zero where it is new
	ended []schema.Assignment // what is held no more
	kept  []keptLine          // what stays although nothing earns it
}

// A keptLine is a line that stays although nothing earns it, and why.
type keptLine struct {
	line schema.Assignment
	why  string
}

// compare works out the difference. It is pure. A line that was enforced stays as
// it is while its mode is lower; one that nothing may be concluded about, or whose
// roles are not enforced, is kept.
func compare(book *policy.Book, held []schema.Assignment, access policy.Access) difference {
	var d difference
	for _, want := range access.Assignments {
		if i := index(held, want); i >= 0 {
			was := held[i]
			if was.Mode == schema.Enforce && want.Mode != schema.Enforce ||
				was.Mode == want.Mode && slices.Equal(was.Because, want.Because) {
				d.lines = append(d.lines, was)
				continue
			}
			want.Since = was.Since
		}
		d.lines = append(d.lines, want)
		d.begun = append(d.begun, want)
	}
	for _, was := range held {
		if index(access.Assignments, was) >= 0 {
			continue
		}
		if why := keep(book, access, was); why != "" {
			d.lines = append(d.lines, was)
			d.kept = append(d.kept, keptLine{was, why})
			continue
		}
		d.ended = append(d.ended, was)
	}
	return d
}

// index returns where the entitlement of a line is among the lines, or -1.
func index(lines []schema.Assignment, line schema.Assignment) int {
	return slices.IndexFunc(lines, func(l schema.Assignment) bool {
		return l.Connector == line.Connector && l.Entitlement == line.Entitlement
	})
}

// keep says why a line stays although nothing earns it, or nothing if it ends.
func keep(book *policy.Book, access policy.Access, line schema.Assignment) string {
	enforced := line.Mode != schema.Enforce // what never reached a target may end in any mode
	for _, role := range rolesOf(line) {
		if slices.Contains(access.Keep, role) {
			return "role " + role + " can not be decided now"
		}
		if slices.ContainsFunc(book.Refused(), func(r policy.Refusal) bool { return r.Role == role }) {
			return "role " + role + " is refused; what is held stays until it is mended or removed"
		}
		if _, known := book.Role(role); !known {
			role = ""
		}
		enforced = enforced || book.Mode(role, line.Connector) == schema.Enforce
	}
	if !enforced {
		return "it would end, but its mode is not enforce"
	}
	return ""
}
