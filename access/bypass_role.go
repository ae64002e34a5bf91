package access

import (
	"fmt"
	"strings"
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
			g.shut(name, fmt.Sprintf(ofBypass+"%s was not reviewed in time", y.ID))
		}
	}
	due, demanded := role.DrillDue(last)
	switch {
	case !demanded:
	case last.IsZero():
		g.undrilled["role/"+name] = "nobody tried yet whether it can be taken; a drill is due every " + role.Spec.Bypass.DrillEvery.String()
	case !g.reader.Now().Before(due):
		g.undrilled["role/"+name] = fmt.Sprintf("nobody tried since %s whether it can be taken; a drill is due every %s",
			last.UTC().Format(time.DateOnly), role.Spec.Bypass.DrillEvery)
	default:
		g.next = earlier(g.next, due)
	}
	return nil
}

// ofBypass begins why a role is in quarantine of which a bypass is not settled.
const ofBypass = "its bypass "

// underBypass names a bypass that gave something at a connector, and whose time to be
// reviewed is not over: what was done there by hand is for its reviewers to judge. That
// somebody has by hand what a bypass gave is not: it would outlast its end.
func underBypass(r store.Reader, book *policy.Book, acc, seen schema.Account) (ref string, err error) {
	for y, err := range store.Bypasses.By(r, store.BypassAwaits) {
		if err != nil {
			return "", err
		}
		if y.State != schema.BypassOpen || !r.Now().Before(y.ReviewBy) {
			continue
		}
		for _, given := range y.Gives {
			connector, id, _ := strings.Cut(given, "/")
			if connector != seen.Connector {
				continue
			}
			if e, ok := book.Entitlement(connector, id); ok && seen.Holds(e.Target) && !acc.Holds(e.Target) {
				return "", nil
			}
			ref = bypassRef(y.ID)
		}
	}
	return ref, nil
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
