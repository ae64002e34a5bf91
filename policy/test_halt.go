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
	has    []string  // connector/id
	behind time.Time // since when it is not as is wanted; zero if it is
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
	want := map[string][]string{}
	for _, line := range a.Assignments {
		if line.Mode == schema.Enforce {
			want[line.Connector] = append(want[line.Connector], line.Ref())
		}
	}
	for _, c := range r.book.Connectors() {
		name := c.Metadata.Name
		t := r.targets[name]
		wants := schema.Sorted(want[name]...)
		if t == nil { // what a test begins with is there already
			r.targets[name] = &rehearsedTarget{has: wants}
			continue
		}
		if slices.Equal(t.has, wants) {
			t.behind = time.Time{}
			continue
		}
		if t.behind.IsZero() {
			t.behind = r.spec.Now
		}
		if !r.halts[schema.Everywhere] && !r.halts[name] || r.departed(r.in.identity) {
			t.has, t.behind = wants, time.Time{}
			continue
		}
		t.has = UnderHalt(t.has, wants, r.over(t.behind))
	}
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
