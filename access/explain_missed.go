package access

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/schema"
)

// had reports whether the target ever agreed that the identity has what was
// assigned, as far back as the decisions go.
func (e *Explanation) had() bool {
	if e.Omitted > 0 {
		return true // it may have agreed to what is left out
	}
	for i, d := range e.Decisions {
		if d.Object != e.Entitlement {
			continue
		}
		later := e.Decisions[i+1:]
		switch {
		case d.Verb == schema.Assigned && d.Mode == schema.Enforce:
			until := slices.IndexFunc(later, func(l Reason) bool { return l.Object == d.Object && l.Verb == schema.Unassigned })
			if until >= 0 {
				later = later[:until]
			}
			if slices.ContainsFunc(later, d.agreed) {
				return true
			}
		case d.Verb == schema.Unassigned: // it was there before it was assigned, if it had to be taken
			taken := func(l Reason) bool { return d.agreed(l) && revokes(l.Reason, e.target) }
			if slices.ContainsFunc(later, taken) {
				return true
			}
		}
	}
	return false
}

// agreed reports whether a later decision says that the target agreed to this one.
func (d *Reason) agreed(later Reason) bool {
	agrees := later.Verb == schema.Provisioned || later.Verb == schema.Verified || later.Verb == schema.Adopted
	return agrees && slices.Contains(later.Because, d.ID)
}

// revokes reports whether a summary has an entitlement among what was revoked.
// Without a catalogue that names it, whatever was revoked may have been it.
func revokes(summary, target string) bool {
	for step := range strings.SplitSeq(summary, "; ") {
		if strings.HasPrefix(step, "revoke") && strings.Contains(step, target) {
			return true
		}
	}
	return false
}

// missed says what was to be, and why it never was.
func (e *Explanation) missed() string {
	for _, d := range slices.Backward(e.Decisions) {
		if d.Verb != schema.Assigned || d.Object != e.Entitlement {
			continue
		}
		words := fmt.Sprintf("%s was to have %s from %s (%s), and its target never had it", e.UserName, e.Entitlement, day(d.Time), d.Reason)
		failed := func(l Reason) bool { return l.Verb == schema.Failed && slices.Contains(l.Because, d.ID) }
		switch i := slices.IndexFunc(e.Decisions, failed); {
		case d.Mode != schema.Enforce:
			words += fmt.Sprintf(": in mode %s nothing is written", d.Mode)
		case i >= 0 && e.Decisions[i].Words != "":
			words += ": " + strings.ReplaceAll(e.Decisions[i].Words, "\n", "; ")
		}
		return words
	}
	return fmt.Sprintf("%s was to have %s, and its target never had it", e.UserName, e.Entitlement)
}
