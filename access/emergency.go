package access

import (
	"fmt"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// emergency looks at how a break-glass role is used: one of which a bypass was not
// reviewed in time is suspended, and one that nobody took for too long, not even to
// see whether it can be, is not ready.
func (g *governance) emergency(role *policy.Role) error {
	if role.Spec.Type != schema.BreakGlass || role.Spec.Bypass == nil {
		return nil
	}
	name, last := role.Metadata.Name, time.Time{}
	for y, err := range store.Bypasses.By(g.reader, store.BypassRole, name) {
		if err != nil {
			return err
		}
		if last = y.Taken; y.State == schema.BypassOverdue {
			g.quarantined[name] = fmt.Sprintf("its bypass %s was not reviewed in time", y.ID)
		}
	}
	every := time.Duration(role.Spec.Bypass.DrillEvery)
	due := last.Add(every)
	switch {
	case every <= 0:
	case last.IsZero():
		g.undrilled[name] = "nobody tried yet whether it can be taken; a drill is due every " + role.Spec.Bypass.DrillEvery.String()
	case !g.reader.Now().Before(due):
		g.undrilled[name] = fmt.Sprintf("nobody tried since %s whether it can be taken; a drill is due every %s",
			last.UTC().Format(time.DateOnly), role.Spec.Bypass.DrillEvery)
	default:
		g.next = earlier(g.next, due)
	}
	return nil
}

// RecentBypasses counts the bypasses by each role since a time; a role of which there
// ever was one is among them.
func RecentBypasses(r store.Reader, since time.Time) (map[string]int, error) {
	recent := map[string]int{}
	for role, err := range store.BypassRole.Firsts(r) {
		if err != nil {
			return nil, err
		}
		recent[role] = 0
		for y, err := range store.Bypasses.By(r, store.BypassRole, role) {
			if err != nil {
				return nil, err
			}
			if !y.Taken.Before(since) {
				recent[role]++
			}
		}
	}
	return recent, nil
}
