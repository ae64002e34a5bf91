package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// What nobody may hold together is kept apart when it is asked for (Breaches), and also
// where nobody asks: a role held by rule is not given to somebody in whose hands it
// would break a constraint. What they hold already is never taken away for that, but
// said (Access.Breaks): which of the two they are to keep is for people to decide.

// A Tenure is what somebody holds by now, which a constraint does not take away.
type Tenure struct {
	Roles []string // whose access they have, but for what an exception allowed that is no more
	Refs  []string // entitlements (connector/id) that stay although nothing earns them

	// Pass finds the exception that allows a breach, and until when.
	Pass func(Breach) (exception string, until time.Time, ok bool)
}

// Bar returns an access without the roles that an identity would newly hold by rule and
// a constraint forbids; what an exception allows cites it.
func (b *Book) Bar(f Facts, access Access, t Tenure, now time.Time) Access {
	return b.bar(b.bearer(f), access, t, now)
}

func (b *Book) bar(who bearer, access Access, t Tenure, now time.Time) Access {
	if !b.touches(access, t.Refs) {
		return access
	}
	refs := slices.Clone(t.Refs)
	var fresh []*Verdict
	for i := range access.Verdicts {
		v := &access.Verdicts[i]
		switch {
		case v.Outcome != Assigned:
		case v.Grant != "" || slices.Contains(t.Roles, v.Role):
			refs = append(refs, refsOf(b.byName[v.Role].Role)...)
		default:
			fresh = append(fresh, v)
		}
	}
	for _, v := range fresh {
		role := b.byName[v.Role].Role
		var forbidden []string
		for _, breach := range b.breaches(who, refs, role, now) {
			exception, until, ok := t.Pass(breach)
			if !ok {
				forbidden = append(forbidden, fmt.Sprintf("constraint %s: %s", breach.Constraint, breach.Reason))
				continue
			}
			access.cite(role, exception)
			access.endsBy(until, now)
		}
		if len(forbidden) > 0 {
			v.Outcome, v.Reason = Blocked, strings.Join(forbidden, "; ")
			b.unassign(&access, role)
			continue
		}
		refs = append(refs, refsOf(role)...)
	}
	access.Breaks = b.broken(who, schema.Sorted(refs...), t, now)
	return access
}

// refsOf returns what a role gives by itself, as connector/id.
func refsOf(r *Role) []string {
	refs := make([]string, len(r.Spec.Grants))
	for i, g := range r.Spec.Grants {
		refs[i] = g.Connector + "/" + g.Entitlement
	}
	return refs
}

// cite says of what a role gives by which exception it does.
func (a *Access) cite(role *Role, exception string) {
	for i, line := range a.Assignments {
		if slices.Contains(line.Because, "role/"+role.Metadata.Name) && !slices.Contains(line.Because, exception) {
			a.Assignments[i].Because = schema.Sorted(append(line.Because, exception)...)
		}
	}
}

// endsBy makes Next the end of an exception, if that is sooner.
func (a *Access) endsBy(at, now time.Time) {
	if at.After(now) && (a.Next.IsZero() || at.Before(a.Next)) {
		a.Next = at
	}
}

// unassign takes out of an access what a role gives and no other role does.
func (b *Book) unassign(access *Access, role *Role) {
	access.Assignments = slices.DeleteFunc(access.Assignments, func(line schema.Assignment) bool {
		return len(line.Because) == 1 && line.Because[0] == "role/"+role.Metadata.Name
	})
	for i, line := range access.Assignments {
		if !slices.Contains(line.Because, "role/"+role.Metadata.Name) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(line.Because), func(ref string) bool { return ref == "role/"+role.Metadata.Name })
		access.Assignments[i].Because, access.Assignments[i].Mode = rest, b.modeOf(line, rest)
	}
}

// modeOf is the highest mode in which any of the roles that a line rests on gives it.
func (b *Book) modeOf(line schema.Assignment, because []string) schema.Mode {
	mode := schema.Observe
	for _, ref := range because {
		r, ok := b.byName[strings.TrimPrefix(ref, "role/")]
		if !ok {
			continue
		}
		for _, h := range r.holdings {
			if h.Connector == line.Connector && h.ID == line.Entitlement && schema.Least(mode, h.mode) == mode {
				mode = h.mode
			}
		}
	}
	return mode
}

// broken returns the constraints that what is held breaks, those that only detect
// included, but for what an exception allows.
func (b *Book) broken(who bearer, refs []string, t Tenure, now time.Time) []Breach {
	var breaks []Breach
	note := func(k *Constraint, reason string, met []string) {
		breach := Breach{k.Metadata.Name, reason, met}
		if reason == "" {
			return
		}
		if _, _, ok := t.Pass(breach); !ok {
			breaks = append(breaks, breach)
		}
	}
	for _, k := range b.set.Registers.Constraints {
		reason, met := b.together(k, refs)
		note(k, reason, met)
		reason, ref := b.demands(k, who, b.effective(refs...), now)
		note(k, reason, []string{ref})
	}
	return breaks
}

// together says how entitlements that are held conflict, and through what.
func (b *Book) together(k *Constraint, held []string) (reason string, met []string) {
	if len(k.Spec.Conflict) < 2 {
		return "", nil
	}
	var sides []string
	for _, side := range k.Spec.Conflict {
		words := ""
		for _, ref := range side {
			through := slices.IndexFunc(held, func(h string) bool { return b.Confers(h, ref) })
			if through < 0 {
				continue
			}
			words, met = ref+" is held", append(met, ref)
			if held[through] != ref {
				words += " through " + held[through]
			}
			break
		}
		if words == "" {
			return "", nil
		}
		sides = append(sides, words)
	}
	return strings.Join(sides, ", and "), met
}

// A barrier is what tells quickly that a constraint is about nothing that somebody
// holds: for each of its sides, the entitlements with which that comes.
type barrier []map[string]bool

// settleBarriers works out the barriers of all constraints.
func (b *Book) settleBarriers() {
	all := map[string]map[string]schema.Entitlement{}
	for _, c := range b.connectors {
		for id := range c.byID {
			ref := c.doc.Metadata.Name + "/" + id
			all[ref] = b.effective(ref)
		}
	}
	leading := func(is func(ref string, e schema.Entitlement) bool) map[string]bool {
		side := map[string]bool{}
		for ref, gives := range all {
			for other, e := range gives {
				if is(other, e) {
					side[ref] = true
				}
			}
		}
		return side
	}
	for _, k := range b.set.Registers.Constraints {
		if len(k.Spec.Conflict) >= 2 {
			var sides barrier
			for _, side := range k.Spec.Conflict {
				sides = append(sides, leading(func(ref string, _ schema.Entitlement) bool { return slices.Contains(side, ref) }))
			}
			b.barriers = append(b.barriers, sides)
		}
		if b.requirements[k.Metadata.Name] != nil {
			reach := k.Spec.AppliesTo
			b.barriers = append(b.barriers, barrier{leading(func(ref string, e schema.Entitlement) bool {
				return reach.Privileged && e.Privileged || slices.Contains(reach.Entitlements, ref)
			})})
		}
	}
}

// Constrains reports whether there is any constraint.
func (b *Book) Constrains() bool { return len(b.barriers) > 0 }

// touches reports whether any constraint may be about what an access gives, or about
// the entitlements besides.
func (b *Book) touches(access Access, besides []string) bool {
	return slices.ContainsFunc(b.barriers, func(sides barrier) bool {
		for _, side := range sides {
			given := slices.ContainsFunc(access.Assignments, func(a schema.Assignment) bool { return side[a.Ref()] })
			if !given && !slices.ContainsFunc(besides, func(ref string) bool { return side[ref] }) {
				return false
			}
		}
		return true
	})
}
