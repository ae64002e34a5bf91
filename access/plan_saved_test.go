package access_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func (w *world) savePlan(to *policy.Book) access.SavedPlan {
	w.t.Helper()
	saved, err := access.SavePlan(w.t.Context(), w.store, w.rules.Book(), to)
	if err != nil {
		w.t.Fatal(err)
	}
	return saved
}

// moved is the policy in which engineers edit, instead of to read.
func moved(t testing.TB) *policy.Book {
	t.Helper()
	return book(t, "grants: [{ connector: wiki, entitlement: readers }]", "grants: [{ connector: wiki, entitlement: admins }]")
}

// R-PLAN-2: a plan names what it saw of whom it changes something for, and says what
// moved; what happens to others, and passing time, is none of its business.
func TestSavedPlanSaysWhatMoved(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		writers := w.writers()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Sales"})
		w.publish(w.rules.Book())
		w.work()
		was := w.savePlan(moved(t))
		if len(was.Stakes) != 1 || was.Stakes[0].UserName != "ada" || was.Plan.Hash == "" {
			t.Fatalf("at stake: %+v", was.Stakes)
		}
		same := func(when string) {
			t.Helper()
			if now := w.savePlan(moved(t)); now.Plan.Hash != was.Plan.Hash || len(was.Moved(now)) > 0 {
				t.Errorf("%s: %v moved", when, was.Moved(now))
			}
		}
		same("nothing happened")
		w.admit(person{id: bob, name: "bob", department: "Marketing"})
		same("somebody else is about to move")
		w.work()
		same("somebody else moved")

		for _, c := range []struct {
			name, want string
			do, undo   func()
		}{
			{"she is in a group by now", "ada: what is known of them, or what they hold, changed",
				func() { writers(ada, true) }, func() { writers(ada, false) }},
			{"somebody joined", "eve: it would change something for them, too",
				func() { w.admit(person{name: "eve", department: "Engineering"}); w.work() }, func() {}},
		} {
			c.do()
			now := w.savePlan(moved(t))
			if got := was.Moved(now); now.Plan.Hash == was.Plan.Hash || !slices.Contains(got, c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			c.undo()
			was = w.savePlan(moved(t))
		}
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		if got := was.Moved(w.savePlan(moved(t))); !slices.Contains(got, "ada: it would change nothing for them any more") {
			t.Errorf("she moved: %q", got)
		}
		if got := was.Moved(w.savePlan(refusing(t))); len(got) == 0 || !strings.HasPrefix(got[0], "the documents are those of policy") {
			t.Errorf("other documents: %q", got)
		}
		w.publish(refusing(t))
		w.work()
		if got := strings.Join(was.Moved(w.savePlan(moved(t))), "\n"); !strings.Contains(got, "is in force, and was") {
			t.Errorf("another policy in force: %q", got)
		}
	})
}

// TestPlanOfABackupIsThatOfItsStore plans against a backup and against the store that
// it is of. R-PLAN-5.
func TestPlanOfABackupIsThatOfItsStore(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		writers := w.writers()
		for _, name := range []string{"ada", "bob", "eve"} {
			writers(w.admit(person{name: name, department: "Engineering"}), name == "eve")
		}
		w.publish(w.rules.Book())
		w.work()
		w.admit(person{name: "late", department: "Engineering"}) // whom nobody looked at yet
		live := w.savePlan(moved(t))

		var text bytes.Buffer
		if err := w.store.Backup(t.Context(), &text); errors.Is(err, schema.ErrInvalid) {
			return // an engine that has no backups
		} else if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		engine, err := bolt.Open(path, bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		copied, err := store.Open(engine)
		if err != nil {
			t.Fatal(err)
		}
		defer copied.Close()
		backup, err := access.SavePlan(t.Context(), copied, w.rules.Book(), moved(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := live.Moved(backup); backup.Plan.Hash != live.Plan.Hash || len(got) > 0 {
			t.Errorf("%q moved between the store and its backup", got)
		}
	})
}

// R-READY-4: what is observed is explained by roles, by exceptions, held or unexplained,
// and nothing is counted twice.
func TestCoverage(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.admit(person{name: "bob", department: "Sales"})
		w.targets["wiki"]["r-"+ada] = schema.Account{RemoteID: "r-" + ada, Active: true, Entitlements: []string{"Admins", "Elsewhere"}}
		w.publish(w.rules.Book())
		w.work()
		if err := access.ReportOrphans(t.Context(), w.store, w.rules.Book(), "wiki", []string{"r-nobody"}, nil); err != nil {
			t.Fatal(err)
		}
		got := w.plan(w.rules.Book()).Coverage
		wiki := got.Connectors["wiki"]
		got.Connectors = nil
		if want := (access.Coverage{Observed: 3, ByRoles: 1, Unexplained: 2, Uncatalogued: 1, Ungoverned: 1}); !same(got, want) || !same(wiki, want) {
			t.Errorf("%+v, of the wiki %+v; want %+v", got, wiki, want)
		}
		if got := w.plan(refusing(t)).Coverage; got.Held != 1 || got.ByRoles != 0 {
			t.Errorf("with the role refused: %+v, want what it gave held", got)
		}
	})
}

func same(a, b access.Coverage) bool {
	a.Connectors, b.Connectors = nil, nil
	return a.Observed == b.Observed && a.ByRoles == b.ByRoles && a.ByException == b.ByException && a.Held == b.Held &&
		a.Unexplained == b.Unexplained && a.Uncatalogued == b.Uncatalogued && a.Ungoverned == b.Ungoverned
}

// TestPlanNamesOrphanedExceptions plans a policy that takes away what exceptions are
// about, or whose own are for nobody.
func TestPlanNamesOrphanedExceptions(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		e := g.allow("bob", 3*oneDay, "iam2")
		if p := w.plan(w.rules.Book()); len(p.Orphaned) > 0 {
			t.Errorf("orphaned under the policy in force: %+v", p.Orphaned)
		}
		p := w.plan(book(t))
		if len(p.Orphaned) != 1 || p.Orphaned[0].Exception != e.ID || p.Orphaned[0].Reason != "there is no constraint vendor-vs-payment" {
			t.Errorf("orphaned: %+v", p.Orphaned)
		}
	})
}
