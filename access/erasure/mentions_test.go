package erasure

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/access/accesstest"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/store"
)

// A weighing engine counts the rows that each transaction walks that writes.
type weighing struct {
	store.Engine
	most atomic.Int64 // of one of them
}

func (e *weighing) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return &weighed{Txn: txn, engine: e}, nil
}

type weighed struct {
	store.Txn
	engine *weighing
	rows   int64
}

func (t *weighed) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range t.Txn.Scan(table, from, to) {
			t.rows++
			if most := t.engine.most.Load(); t.rows > most { // there is one writer
				t.engine.most.Store(t.rows)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// TestForgetLooksBesideTheWriter forgets somebody among very many notices, findings and
// publications, a few of which name them: no transaction that writes walks the others.
// R-LOG-6.
func TestForgetLooksBesideTheWriter(t *testing.T) {
	engine := &weighing{Engine: accesstest.Engine(t)}
	s := accesstest.StoreOn(t, engine)
	const many, few = 4 * page, 4
	settled := &schema.Settlement{Reason: "her knee hurts"}
	for from := 0; from < many; from += page {
		accesstest.Update(t, s, func(tx store.Tx) error {
			for i := from; i < from+page; i++ {
				who, name := fmt.Sprint("other", i), "bobby"
				if i%(many/few) == 1 {
					who, name = "bob-1", "bob"
				}
				n := schema.Notice{To: "bea", Kind: "work", Subject: fmt.Sprint(i), What: "at wiki, for " + name + ": something"}
				if err := store.Notices.Put(tx, n); err != nil {
					return err
				}
				if err := store.Findings.Put(tx, schema.Finding{Kind: "drift", Subject: who, Object: fmt.Sprint(i), Settled: settled}); err != nil {
					return err
				}
				plan := fmt.Appendf(nil, `{"lines":[{"identity":%q,"userName":%q}]}`, who, name)
				q := schema.Publication{ID: fmt.Sprintf("%05d", i), State: schema.PublicationPublished}
				if err := store.Publications.Put(tx, q); err != nil {
					return err
				}
				if err := store.Plans.Put(tx, store.KeptPlan{Publication: q.ID, Plan: plan}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	accesstest.Update(t, s, func(tx store.Tx) error {
		return store.Identities.Put(tx, schema.Identity{ID: "bob-1", Source: "hr", UserName: "bob", Deleted: tx.Now()})
	})
	book := booktest.Compile(t, nobodysPolicy)
	engine.most.Store(0)
	if _, err := Forget(t.Context(), s, book, Forgetting{Identity: "bob-1", By: "token/dpo", Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
	if most := engine.most.Load(); most > page {
		t.Errorf("a transaction that writes walks %d rows of %d, want %d at most", most, 3*many, page)
	}
	count := map[string]int{}
	err := s.View(t.Context(), func(r store.Reader) error {
		for n, err := range store.Notices.All(r) {
			if err != nil {
				return err
			}
			count[strings.TrimPrefix(n.What, "at wiki, for ")]++
		}
		for f, err := range store.Findings.All(r) {
			if err != nil {
				return err
			}
			count[f.Settled.Reason]++
		}
		for q, err := range store.Publications.All(r) {
			if err != nil {
				return err
			}
			plan, err := store.Plans.Get(r, q.ID)
			if err != nil {
				return err
			}
			if strings.Contains(string(plan.Plan), erasedName("bob-1")) {
				count["plan"]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]int{
		"bob: something": 0, "forgotten/bob-1: something": few, "bobby: something": many - few,
		"(forgotten)": few, "her knee hurts": many - few, "plan": few,
	} {
		if count[what] != want {
			t.Errorf("%q is there %d times, want %d", what, count[what], want)
		}
	}
}

// An overtaken engine has somebody write as soon as a look at publications has ended, which
// is the last thing that is looked at.
type overtaken struct {
	store.Engine
	write func()
}

func (e *overtaken) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	if err != nil || write {
		return txn, err
	}
	return &overtakenLook{Txn: txn, engine: e}, nil
}

type overtakenLook struct {
	store.Txn
	engine *overtaken
	last   bool
}

func (t *overtakenLook) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	t.last = t.last || table == "publications"
	return t.Txn.Scan(table, from, to)
}

func (t *overtakenLook) Rollback() error {
	err := t.Txn.Rollback()
	if t.last && t.engine.write != nil {
		t.last = false
		t.engine.write()
	}
	return err
}

// mention writes of bob in every place that is looked for and in none that an index tells.
func mention(t *testing.T, s *store.Store, n int) {
	t.Helper()
	name := fmt.Sprint(n)
	accesstest.Update(t, s, func(tx store.Tx) error {
		q := schema.Publication{ID: name, State: schema.PublicationPublished}
		return errors.Join(
			store.Notices.Put(tx, schema.Notice{To: "bea", Kind: "work", Subject: name, What: "at wiki, for bob: something"}),
			store.Notices.Put(tx, schema.Notice{To: "mailto:bob@example.com", Kind: "work", Subject: name, What: "something"}),
			store.Findings.Put(tx, schema.Finding{Kind: "drift", Subject: "bob-1", Object: name, Settled: &schema.Settlement{Reason: "his knee hurts"}}),
			store.Publications.Put(tx, q),
			store.Plans.Put(tx, store.KeptPlan{Publication: name, Plan: []byte(`{"lines":[{"identity":"bob-1","userName":"bob"}]}`)}))
	})
}

// mentioned is where somebody is named still.
func mentioned(t *testing.T, s *store.Store) (where []string) {
	t.Helper()
	accesstest.View(t, s, func(r store.Reader) error {
		where = nil
		for n, err := range store.Notices.All(r) {
			if err != nil {
				return err
			}
			if strings.Contains(n.To+n.What, "bob:") || strings.Contains(n.To, "bob@") {
				where = append(where, "notice to "+n.To)
			}
		}
		for f, err := range store.Findings.All(r) {
			if err != nil {
				return err
			}
			if strings.Contains(f.Settled.Reason, "knee") {
				where = append(where, "finding")
			}
		}
		for q, err := range store.Publications.All(r) {
			if err != nil {
				return err
			}
			plan, err := store.Plans.Get(r, q.ID)
			if err != nil {
				return err
			}
			if strings.Contains(string(plan.Plan), `"bob"`) {
				where = append(where, "plan")
			}
		}
		return nil
	})
	return where
}

// TestForgetWhatWasWrittenMeanwhile forgets somebody of whom others write between the look
// for what names them and the transaction that forgets, once and for ever. R-LOG-6.
func TestForgetWhatWasWrittenMeanwhile(t *testing.T) {
	book := booktest.Compile(t, nobodysPolicy)
	for name, times := range map[string]int{"once": 1, "twice": 2, "for ever": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			engine := &overtaken{Engine: accesstest.Engine(t)}
			s := accesstest.StoreOn(t, engine)
			accesstest.Update(t, s, func(tx store.Tx) error {
				return store.Identities.Put(tx, schema.Identity{ID: "bob-1", Source: "hr", UserName: "bob", Email: "bob@example.com", Deleted: tx.Now()})
			})
			written := 0
			engine.write = func() {
				if written++; written <= times {
					mention(t, s, written)
				}
			}
			done, err := Forget(t.Context(), s, book, Forgetting{Identity: "bob-1", By: "token/dpo", Reason: "asked for"})
			if err != nil {
				t.Fatal(err)
			}
			engine.write = nil
			goesOn := slices.ContainsFunc(done.Kept, func(why string) bool { return strings.Contains(why, "being forgotten") })
			if forever := times > 2; goesOn != forever {
				t.Errorf("kept %q after %d times", done.Kept, written)
			}
			if left := mentioned(t, s); len(left) > 0 && !goesOn {
				t.Errorf("named still in %q", left)
			} else if most := len(places); goesOn && len(left) > most {
				t.Errorf("named still in %q, want what was written last alone", left)
			}
		})
	}
}

// TestForgetSeesNoMore has nothing written again where nothing names anybody any more, and
// a look tell of nothing that has been erased. R-LOG-6.
func TestForgetSeesNoMore(t *testing.T) {
	s := accesstest.StoreOn(t, accesstest.Engine(t))
	accesstest.Update(t, s, func(tx store.Tx) error {
		return store.Identities.Put(tx, schema.Identity{ID: "bob-1", Source: "hr", UserName: "bob", Email: "bob@example.com", Deleted: tx.Now()})
	})
	mention(t, s, 1)
	who := person{id: "bob-1", name: erasedName("bob-1"), ids: []string{"bob-1"}, names: []string{"bob", "bob@example.com"}}
	found, err := find(t.Context(), s, who)
	if err != nil || len(slices.Concat(found.notices, found.findings, found.plans)) != len(places) {
		t.Fatalf("found %+v, %v; want one of each of %q", found, err, places)
	}
	if _, err := Forget(t.Context(), s, booktest.Compile(t, nobodysPolicy), Forgetting{Identity: "bob-1", By: "token/dpo", Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
	if found, err = find(t.Context(), s, who); err != nil || !found.only(0) {
		t.Errorf("found %+v, %v when they are forgotten", found, err)
	}
}

// places are where mention writes of somebody.
var places = []string{"notice to others", "notice to them", "finding", "plan"}

const nobodysPolicy = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { mode: enforce }
`

// TestReplaceName takes a name out of texts, whole and cut.
func TestReplaceName(t *testing.T) {
	const with = "forgotten/1"
	name := "bob.smith@example.com"
	for text, want := range map[string]string{
		"for bob.smith@example.com: a thing": "for forgotten/1: a thing",
		"for bob.smith@example.com":          "for forgotten/1",
		"for jim-bob.smith@example.com":      "for jim-bob.smith@example.com",
		"for bob.smith@exam…":                "for forgotten/1…",
		"bob.s…":                             "forgotten/1…",
		"for bob.smythe…":                    "for bob.smythe…",
		"for bob.smith@example.com …":        "for forgotten/1 …",
		"for bob.smith@exam and…":            "for bob.smith@exam and…",
		"at wiki (bob.smith@…":               "at wiki (forgotten/1…",
		`for "bob.sm…`:                       `for "forgotten/1…`,
		"for jim-bob.sm…":                    "for jim-bob.sm…",
		"a jo…":                              "a jo…",
		"a b…":                               "a b…",
	} {
		if got := replaceName(text, name, with); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	name = "Bob Smith"
	for text, want := range map[string]string{
		"for Bob Smith: a thing":    "for forgotten/1: a thing",
		"for Bob Sm…":               "for forgotten/1…",
		"(Bob…":                     "(forgotten/1…",
		"for Bo…":                   "for Bo…",
		"Bob Smith is for Bob Smi…": "forgotten/1 is for forgotten/1…",
	} {
		if got := replaceName(text, name, with); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestLookGoesOnBehindAnEmptyKey looks through more than a page of notices to nobody. R-LOG-6.
func TestLookGoesOnBehindAnEmptyKey(t *testing.T) {
	s := accesstest.StoreOn(t, accesstest.Engine(t))
	accesstest.Update(t, s, func(tx store.Tx) error {
		for i := range page + 1 {
			if err := store.Notices.Put(tx, schema.Notice{Kind: "work", Subject: fmt.Sprint(i), What: "for bob"}); err != nil {
				return err
			}
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	found, err := find(ctx, s, person{id: "bob-1", names: []string{"bob"}})
	if err != nil || len(found.notices) != page+1 {
		t.Errorf("found %d notices, %v; want %d", len(found.notices), err, page+1)
	}
}
