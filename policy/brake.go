package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"drawbridge/schema"
)

// Stops reports whether n changes of a population are more than the brake lets
// through. A percentage lets at least one through, so that a small place is not
// held by rounding.
func (b Brake) Stops(n, population int) bool {
	if b.Count > 0 && n > b.Count {
		return true
	}
	return b.Percent > 0 && n > max(1, int(math.Ceil(float64(population)*b.Percent/100)))
}

// String says what the brake lets through.
func (b Brake) String() string {
	switch {
	case b.Percent <= 0:
		return fmt.Sprintf("%d", b.Count)
	case b.Count <= 0:
		return fmt.Sprintf("%g%%", b.Percent)
	}
	return fmt.Sprintf("%d, and %g%%", b.Count, b.Percent)
}

// Braked reports whether a source's document limits how many it may take something
// from at once.
func (b *Book) Braked(source string) bool {
	s, ok := b.sources[source]
	return ok && (s.Spec.MassChange.DeactivationsPerHour > 0 || s.Spec.MassChange.PercentPerDay > 0)
}

// Brakes reports whether any source's does.
func (b *Book) Brakes() bool { return b.brakes }

// Concerns reports whether the rule of a role reads anything that a source may say.
func (b *Book) Concerns(source, role string) bool {
	r, ok := b.byName[role]
	if !ok {
		return false
	}
	return b.says(source, r.rule)
}

// says reports whether a rule reads anything of identities that a source may say.
func (b *Book) says(source string, r *rule) bool {
	v, approved := b.views[source]
	return approved && slices.ContainsFunc(r.reads, func(read read) bool { return v.says(read.name) })
}

// says reports whether the source may say an attribute, by the name that rules read.
func (v view) says(name string) bool {
	_, says := v.ranks[name]
	switch {
	case name == "identity.groups":
		return says || v.groups >= 0
	case name == "identity.active":
		return v.active
	case strings.HasPrefix(name, "identity.employment."):
		return says || v.active
	}
	return says
}

// EndsBy reports whether a trigger of a role, by its name, looks at anything that a
// source may say: of identities, or by signals. What ends in an emergency never waits.
func (b *Book) EndsBy(source, role, trigger string) bool {
	r, ok := b.byName[role]
	if !ok || r.Spec.Type == schema.BreakGlass {
		return false
	}
	return slices.ContainsFunc(r.triggers, func(t *compiledTrigger) bool {
		return t.name == trigger && (b.says(source, t.rule) ||
			slices.ContainsFunc(t.topics, func(topic schema.Topic) bool { return b.Tells(source, topic) }) ||
			slices.ContainsFunc(t.rule.changes, func(name string) bool { return b.Authority(source, name) }))
	})
}
