package policy

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"drawbridge/schema"
)

// What targets have, as a Test rehearses it: what is decided, and enforced, unless writing
// is halted.

// A rehearsedTarget is what the identity has at one target.
type rehearsedTarget struct {
	has    []string            // connector/id
	roles  map[string][]string // by which it was decided to have each
	behind time.Time           // since when it is not as is wanted; zero if it is
}

// halt stops what is written to a target, or to all, or lets it go on.
func (r *rehearsal) halt(connector string, stops bool) error {
	if connector == "" {
		connector = schema.Everywhere
	}
	if !stops && !r.halts[connector] {
		return fmt.Errorf("connector %s is not halted", connector)
	}
	r.halts[connector] = stops
	return nil
}

// write has targets become as is wanted of them.
func (r *rehearsal) write(a Access) {
	for _, c := range r.book.Connectors() {
		name := c.Metadata.Name
		t, known := r.targets[name]
		if !known {
			t = &rehearsedTarget{roles: map[string][]string{}}
			r.targets[name] = t
		}
		want := t.wants(name, a)
		if slices.Equal(t.has, want) {
			t.behind = time.Time{}
			continue
		}
		if t.behind.IsZero() {
			t.behind = r.spec.Now
		}
		halted := known && (r.halts[schema.Everywhere] || r.halts[name]) // what a test begins with is there already
		if halted && !r.departed(r.in.identity) {
			t.has = UnderHalt(t.has, want, r.over(t.behind))
			continue
		}
		t.has, t.behind = want, time.Time{}
	}
}

// wants is what a target is to have: what is decided and enforced, and what stays as it is
// because of a role of which nothing new is decided.
func (t *rehearsedTarget) wants(connector string, a Access) (want []string) {
	for _, line := range a.Assignments {
		if line.Connector == connector && line.Mode == schema.Enforce {
			want = append(want, line.Ref())
			t.roles[line.Ref()] = line.Roles()
		}
	}
	for _, ref := range t.has {
		if slices.ContainsFunc(t.roles[ref], func(role string) bool { return slices.Contains(a.Keep, role) }) {
			want = append(want, ref)
		}
	}
	return schema.Sorted(want...)
}

// over is what rested on grants that ended since, and by no trigger.
func (r *rehearsal) over(since time.Time) (refs []string) {
	for _, g := range r.held.Grants {
		if g.Ended.IsZero() && !g.Until.IsZero() && !r.spec.Now.Before(g.Until) {
			g.Ended = r.spec.Now
		}
		if role, ok := r.governed.Role(g.Role); ok && EndsUnderHalt(g, since) {
			refs = append(refs, refsOf(role)...)
		}
	}
	return refs
}

// written is what targets have, in order.
func (r *rehearsal) written() []string {
	all := []string{}
	for _, name := range slices.Sorted(maps.Keys(r.targets)) {
		all = append(all, r.targets[name].has...)
	}
	return all
}
