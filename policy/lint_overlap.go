package policy

import (
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"
)

// mostCompared is how many roles one is compared with that give all that it gives.
const mostCompared = 32

// overlaps reports roles that confer the same, and those that nobody needs because
// whoever has them has more by another.
func (c *compiler) overlaps() {
	first := map[string]string{}
	gives := make([]map[string]schema.Entitlement, len(c.compiled))
	giving := map[string][]int{} // by what they give: places of roles
	for i, r := range c.compiled {
		gives[i] = c.book.effectiveOf(r.Role)
		for ref := range gives[i] {
			giving[ref] = append(giving[ref], i)
		}
	}
	for i, r := range c.compiled {
		refs := slices.Sorted(maps.Keys(gives[i]))
		if len(refs) == 0 {
			continue
		}
		key := strings.Join(refs, " ")
		if other, ok := first[key]; ok {
			c.report(&r.Header, CodeOverlap, in("spec", "grants"), "role %q confers what role %q does", r.Metadata.Name, other)
			continue
		}
		first[key] = r.Metadata.Name
		rarest := slices.MinFunc(refs, func(a, b string) int { return len(giving[a]) - len(giving[b]) })
		for _, j := range giving[rarest][:min(len(giving[rarest]), mostCompared)] {
			if len(gives[j]) > len(gives[i]) && c.needless(r, c.compiled[j], gives[i], gives[j]) {
				c.report(&r.Header, CodeOverlap, in("spec", "grants"), "whoever holds role %q holds role %q, which confers all of it and more", r.Metadata.Name, c.compiled[j].Metadata.Name).
					hint("take one of the two away, or say in their rules who is to hold which")
				break
			}
		}
	}
}

// needless reports whether a role gives nothing that another does not, to nobody who has
// not that: both are held by rule, and whoever meets the one rule meets the other. That
// people may ask for less than all is no overlap.
func (c *compiler) needless(r, other *compiledRole, gives, others map[string]schema.Entitlement) bool {
	if !r.Spec.ByRule() || !other.Spec.ByRule() || r.rule == nil || other.rule == nil || !r.rule.ofIdentity() || !other.rule.ofIdentity() {
		return false
	}
	for ref := range gives {
		if _, too := others[ref]; !too {
			return false
		}
	}
	for _, d := range other.rule.demands { // quickly: what the other demands, this one does
		values := r.rule.demanded(d.read.name)
		if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(d.values, v) }) {
			return false
		}
	}
	return c.book.language.shapes.always(r.rule, other.rule)
}
