package access_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// endings notes how accounts end at the wiki.
func (w *world) endings(e schema.Ending) {
	w.t.Helper()
	e.Connector = "wiki"
	if err := access.NoteEndings(w.t.Context(), w.store, []schema.Ending{e}); err != nil {
		w.t.Fatal(err)
	}
}

// TestPlanMarksWhatCannotBeUndone has a plan mark who would be disabled where that cannot be undone, and nobody
// whose account goes on, is protected, or ends anyway.
func TestPlanMarksWhatCannotBeUndone(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
		const engineering, sales = "identity.department == \"Engineering\"\n  grants: [{ connector: wiki", "identity.department == \"Sales\"\n  grants: [{ connector: wiki"
		ends := book(t, engineering, sales)
		marked := func(p access.Plan) bool {
			return slices.ContainsFunc(p.Lines, func(l access.PlanLine) bool { return l.ForGood })
		}
		if p := w.plan(ends); p.Revocations != 1 || marked(p) || len(p.Endings) > 0 || !slices.Equal(p.Unnoted, []string{"wiki"}) {
			t.Errorf("no bridge noted anything: %+v, endings %+v, unnoted %v; want the wiki unnoted", p.Totals, p.Endings, p.Unnoted)
		}
		for name, c := range map[string]struct {
			noted schema.Ending
			want  []access.PlanEnding
		}{
			"can be undone": {schema.Ending{}, nil},
			"for good":      {schema.Ending{ForGood: true}, []access.PlanEnding{{Connector: "wiki", Accounts: 1}}},
			"and allowed":   {schema.Ending{ForGood: true, Allowed: true}, []access.PlanEnding{{Connector: "wiki", Accounts: 1, Allowed: true}}},
			"protected":     {schema.Ending{ForGood: true, Protected: []string{"ADA"}}, nil},
		} {
			w.endings(c.noted)
			if p := w.plan(ends); !slices.Equal(p.Endings, c.want) || marked(p) != (c.want != nil) || len(p.Unnoted) > 0 {
				t.Errorf("%s: endings %+v, lines %+v, unnoted %v; want %+v", name, p.Endings, p.Lines, p.Unnoted, c.want)
			}
		}
		w.endings(schema.Ending{ForGood: true})
		if p := w.plan(moved(t)); p.Revocations != 1 || marked(p) || len(p.Endings) > 0 {
			t.Errorf("whose account goes on: %+v, endings %+v; want nothing marked", p.Totals, p.Endings)
		}
		off := w.savePlan(ends)
		w.endings(schema.Ending{ForGood: true, Allowed: true})
		if got := off.Moved(w.savePlan(ends)); len(got) != 1 || !strings.Contains(got[0], "what cannot be undone: 1 account at wiki") {
			t.Errorf("it is allowed now, and %q moved", got)
		}
		w.admit(person{id: ada, name: "ada", department: "Finance"}) // which the policy in force is about to act on
		if p := w.plan(ends); p.Pending != 1 || len(p.Endings) > 0 || !marked(p) {
			t.Errorf("who ends anyway: %d pending, endings %+v, lines %+v; want a marked line that does not count", p.Pending, p.Endings, p.Lines)
		}
	})
}

// TestPlanIsOfWhoEndsForGood has a plan for two people, of whom one is protected from an end
// that cannot be undone, and then the other: as many end for good, and it is another plan.
func TestPlanIsOfWhoEndsForGood(t *testing.T) {
	w := newWorld(t, enginetest.Memory(1))
	defer w.store.Close()
	w.admit(person{name: "ada", department: "Engineering"})
	w.admit(person{name: "bob", department: "Engineering"})
	w.work()
	ends := book(t, "identity.department == \"Engineering\"\n  grants: [{ connector: wiki", "identity.department == \"Sales\"\n  grants: [{ connector: wiki")
	saved := func(protected string) access.SavedPlan {
		w.endings(schema.Ending{ForGood: true, Allowed: true, Protected: []string{protected}})
		return w.savePlan(ends)
	}
	was := saved("ada")
	if same := saved("ada"); same.Plan.Hash != was.Plan.Hash {
		t.Errorf("nothing is different, and %q moved", was.Moved(same))
	}
	now := saved("bob")
	if !slices.Equal(was.Plan.Endings, now.Plan.Endings) {
		t.Fatalf("%+v end for good, and %+v: want as many", was.Plan.Endings, now.Plan.Endings)
	}
	want := []string{"ada: it would do something else for them", "bob: it would do something else for them"}
	if got := was.Moved(now); !slices.Equal(got, want) {
		t.Errorf("another one ends for good, and %q moved, want %q", got, want)
	}
}

// TestEndingsAreNotedOnce has a bridge say twice how accounts end, and then without a
// connector: what is noted is what was said last, and to say it again writes nothing.
func TestEndingsAreNotedOnce(t *testing.T) {
	e := &counting{Engine: enginetest.Memory(1)}
	w := newWorld(t, e)
	defer w.store.Close()
	w.endings(schema.Ending{ForGood: true, Protected: []string{"root"}})
	before := e.commits
	w.endings(schema.Ending{ForGood: true, Protected: []string{"root"}})
	if n := e.commits - before; n != 0 {
		t.Errorf("what is noted already is written %d times", n)
	}
	if err := access.NoteEndings(t.Context(), w.store, nil); err != nil {
		t.Fatal(err)
	}
	w.view(func(r store.Reader) error {
		for e, err := range store.Endings.All(r) {
			t.Errorf("a connector that is gone is still noted: %+v, %v", e, err)
		}
		return nil
	})
}
