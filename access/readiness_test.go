package access_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
)

func (w *world) ready() access.Readiness {
	w.t.Helper()
	r, err := access.Ready(w.t.Context(), w.store, w.rules)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// gaps are those about something, each as "WHO: WHAT".
func gaps(r access.Readiness, about string) (all []string) {
	for _, g := range r.Gaps {
		if g.About == about {
			all = append(all, g.Who+": "+g.What)
		}
	}
	return all
}

// R-READY-3: each role and connector has a score, and what it lacks says who is to decide
// what; what weighs most comes first, and what was decided weighs no more.
func TestReadiness(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := &council{w, nil}
		c.force(draft(t))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.admit(person{name: "eve"}) // of whom nobody said where she works
		lead := w.admit(person{name: "lead", department: "Sales"})
		second := w.admit(person{name: "second", department: "Sales"})
		w.targets["wiki"]["r-"+ada] = schema.Account{RemoteID: "r-" + ada, Active: true, Entitlements: []string{"Admins", "Elsewhere"}}
		w.work()
		has := func(when, about, want string) {
			t.Helper()
			if got := gaps(w.ready(), about); !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, want) }) {
				t.Errorf("%s: of %s %q, want %q", when, about, got, want)
			}
		}
		score := func(role string) int {
			for _, one := range w.ready().Roles {
				if one.Name == role {
					return one.Score
				}
			}
			return -1
		}
		has("to begin with", "role/engineer", "lead@example.com: for 1 identity it cannot be decided")
		has("to begin with", "role/engineer", "lead@example.com: W-UNTESTED")
		has("to begin with", "role/editor", "iam@example.com: no source knows its owner iam@example.com")
		has("to begin with", "connector/wiki", "wiki@example.com: no role explains 1 entitlement of 3 seen there")
		has("to begin with", "connector/wiki", "wiki@example.com: no catalogue names 1 entitlement of 3 seen there")
		fine := score("engineer")
		if fine <= score("editor") {
			t.Errorf("engineer, whose owner is there, scores %d, and editor %d", fine, score("editor"))
		}
		w.admit(person{id: lead, name: "lead", inactive: true})
		w.work()
		has("its owner left", "role/engineer", "second@example.com: its owner lead@example.com left: name another")
		if now := score("engineer"); now >= fine {
			t.Errorf("its owner left, and it scores %d after %d", now, fine)
		}
		w.admit(person{id: second, name: "second", inactive: true})
		w.work()
		has("and its deputy", "role/engineer", "iam@example.com: it is in quarantine")
		if got := w.ready().Gaps; !slices.IsSortedFunc(got, func(x, y access.RankedGap) int { return y.Weight - x.Weight }) {
			t.Errorf("not by weight: %+v", got)
		}
		refused := draft(t, "metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }", "metadata: { name: engineer }")
		c.force(refused)
		has("it is refused", "role/engineer", "iam@example.com: E-OWNER")
		if got := w.ready(); score("engineer") != 0 || got.Roles[0].Name != "engineer" || got.Gaps[0].About != "role/engineer" {
			t.Errorf("it is refused, scores %d, and first is %s", score("engineer"), got.Roles[0].Name)
		}
	})
}
