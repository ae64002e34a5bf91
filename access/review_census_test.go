package access_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

// TestPeers counts who of a department holds what: roles, and what no role gives. Of what a
// census has no room for it says nothing, rather than that nobody has it.
func TestPeers(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		w.admit(person{name: "wiki", department: "Leads"})
		var people []string
		for i := range 5 {
			people = append(people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
		}
		w.work()
		for _, id := range people[:3] {
			w.update(func(tx store.Tx) error {
				a, err := store.Accounts.Get(tx, "wiki", id)
				if err != nil {
					return err
				}
				a.Entitlements = schema.Sorted(append(a.Entitlements, "Pins")...)
				return store.Accounts.Put(tx, a)
			})
		}
		v := w.openReview(access.Opening{Kind: schema.ReviewConnector, Of: "wiki"})
		seen := map[string]bool{}
		for _, i := range w.items(v.ID) {
			seen[i.Holding] = true
			if want := map[string]int{"role/engineer": 4, "entitlement/wiki/Pins": 2}[i.Holding]; i.Peers != 4 || i.Alike != want {
				t.Errorf("%s: %d of %d others, want %d of 4", i.Holding, i.Alike, i.Peers, want)
			}
		}
		if len(seen) != 2 {
			t.Errorf("it looks at %v", seen)
		}
	})
	if others, alike := access.PeersWhenFull(); others != 0 || alike != 0 {
		t.Errorf("of what it has no room for it says %d of %d", alike, others)
	}
}

// TestNobodyComesNextTwice escalates where one person is behind two links of the chain: they
// are nobody new, and whoever is, is asked.
func TestNobodyComesNextTwice(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, "name: engineer, owner: { user: lead@example.com, deputy: second@example.com }",
			"name: engineer, owner: { user: lead@example.com, deputy: iam@example.com }"))
		s := w.governors() // the deputy is who answers for the policy, too
		second := w.admit(person{name: "iam2", department: "Leads"})
		w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		i := w.items(v.ID)[0]
		escalate := func() error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Escalate(tx, w.rules.Book(), access.Judgement{
					Review: v.ID, Identity: i.Identity, Holding: i.Holding, By: access.Decider{Actor: "token/lead", Identity: s.lead}, Reason: "not for me",
				})
				return err
			})
		}
		for n, want := range []int{2, 3} { // the deputy, and the deputy of the policy
			if err := escalate(); err != nil {
				t.Fatal(err)
			}
			if got := w.items(v.ID)[0].Awaits; len(got) != want {
				t.Errorf("escalated %d times, it waits for %v", n+1, got)
			}
		}
		if got := w.items(v.ID)[0].Awaits; !slices.Contains(got, "identity/"+second) {
			t.Errorf("it waits for %v", got)
		}
		if err := escalate(); err == nil {
			t.Error("nobody comes next, and it was escalated")
		}
	})
}

// TestPastReviewsGo keeps a review for as long as auditors ask for it, and no longer; the
// decisions stay.
func TestPastReviewsGo(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		w.mustJudge(w.items(v.ID)[0], schema.ItemKept, s.lead)
		w.work()
		w.pass(3 * 365 * oneDay)
		if got := w.review(v.ID); got.State != schema.ReviewClosed || len(w.items(v.ID)) != 1 {
			t.Fatalf("it is %s and has %d items", got.State, len(w.items(v.ID)))
		}
		w.pass(10 * oneDay)
		w.view(func(r store.Reader) error {
			if there, err := store.Reviews.Has(r, v.ID); there || err != nil {
				t.Errorf("it is there: %v", err)
			}
			return nil
		})
		if got := len(w.items(v.ID)); got != 0 {
			t.Errorf("%d items are there", got)
		}
		if got := w.verbs(ada); !slices.Contains(got, schema.Reapproved) {
			t.Errorf("the log has %v of her", got)
		}
		if got := w.verbs(v.Ref()); !slices.Contains(got, schema.Forgotten) {
			t.Errorf("the log has %v of it", got)
		}
	})
}

// TestOpeningLooksAtLittle opens a review of a role whose first entitlements many have by
// other roles: the transaction reads a bounded number of them, and the review, of nobody,
// is found to be empty while it is prepared. Nobody hears of it.
func TestOpeningLooksAtLittle(t *testing.T) {
	const many = 3000
	e := newHeavy()
	w := newWorld(t, e)
	defer func() { _ = w.store.Close() }()
	for at := 0; at < many; at += 500 {
		w.update(func(tx store.Tx) error {
			for i := range 500 {
				id := fmt.Sprintf("p%05d", at+i)
				line := schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "readers", Because: []string{"role/reader"}, Mode: schema.Enforce}
				if err := store.Assignments.Put(tx, line); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var v schema.Review
	e.read.Store(0)
	w.update(func(tx store.Tx) (err error) {
		v, err = access.OpenReview(tx, w.rules, access.Opening{Kind: schema.ReviewRole, Of: "engineer", By: access.Decider{Actor: "token/x"}, Reason: "all"})
		return err
	})
	if read := e.read.Load(); read > 3*1000+200 {
		t.Errorf("opening it read %d rows", read)
	}
	reviews := &access.Reviews{Store: w.store, Rules: w.rules}
	if _, err := reviews.Attend(t.Context(), store.Item{ID: v.ID}); err != nil {
		t.Fatal(err)
	}
	if v = w.review(v.ID); v.State != schema.ReviewEmpty {
		t.Errorf("it is %s", v.State)
	}
	w.view(func(r store.Reader) error {
		if n, err := store.Notices.Count(r); n != 0 || err != nil {
			t.Errorf("%d notices: %v", n, err)
		}
		return nil
	})
}

// TestReviewOfManyIsBounded prepares, reminds of and closes a review of many items with
// many reviewers: no transaction writes more than a chunk of it, and there are no more of
// them than chunks.
func TestReviewOfManyIsBounded(t *testing.T) {
	const many = 2000
	e := newHeavy()
	w := newWorld(t, e)
	defer func() { _ = w.store.Close() }()
	v := w.crowd(many)
	reviews := &access.Reviews{Store: w.store, Rules: w.rules}
	e.commits.Store(0)
	e.most.Store(0)
	attend := func() {
		t.Helper()
		finish, err := reviews.Attend(t.Context(), store.Item{ID: v.ID})
		if err == nil && finish != nil {
			w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
		}
		if err != nil {
			t.Fatal(err)
		}
		v = w.review(v.ID)
	}
	attend()
	if v.State != schema.ReviewOpen || v.Items != many {
		t.Fatalf("it is %s, with %d items", v.State, v.Items)
	}
	attend() // those who decide are told
	w.view(func(r store.Reader) error {
		if n, err := store.Reminders.Count(r); n != many || err != nil {
			t.Errorf("%d are reminded, want %d: %v", n, many, err)
		}
		return nil
	})
	w.update(func(tx store.Tx) error {
		_, err := access.CloseReview(tx, w.rules.Book(), access.Choice{Request: v.ID, By: access.Decider{Actor: v.By}, Reason: "enough"})
		return err
	})
	attend()
	w.view(func(r store.Reader) error {
		counts, err := access.ReviewCounts(r, v.ID)
		if err != nil || counts[schema.ItemUndecided] != many {
			t.Errorf("it came to %v, %v", counts, err)
		}
		if n, err := store.Reminders.Count(r); n != 0 || err != nil {
			t.Errorf("%d are still reminded: %v", n, err)
		}
		return nil
	})
	if n, most := e.commits.Load(), e.most.Load(); n > many/20 || most > 5000 {
		t.Errorf("%d transactions, of which one wrote %d rows", n, most)
	}
}

// crowd opens a review of what the people of managers hold, each of whom has one.
func (w *world) crowd(many int) (v schema.Review) {
	w.t.Helper()
	const said = "    department: { type: string, from: [hr] }\n"
	w.rules.Use(book(w.t, said, said+"    manager: { type: string, from: [hr] }\n"))
	for at := 0; at < many; at += 500 {
		w.update(func(tx store.Tx) error {
			for i := range min(500, many-at) {
				boss, id := fmt.Sprintf("b%06d", at+i), fmt.Sprintf("p%06d", at+i)
				for _, who := range []schema.Identity{person{id: boss, name: boss}.identity(w.t), managed(w.t, id, boss)} {
					who.Source = "hr"
					if err := store.Identities.Put(tx, who); err != nil {
						return err
					}
				}
				line := schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "readers", Because: []string{"role/engineer"}, Mode: schema.Enforce}
				if err := store.Assignments.Put(tx, line); err != nil {
					return err
				}
			}
			return nil
		})
	}
	w.update(func(tx store.Tx) (err error) {
		v, err = access.OpenReview(tx, w.rules, access.Opening{
			Kind: schema.ReviewRole, Of: "engineer", Reviewer: schema.ByManager, Within: 14 * oneDay, By: access.Decider{Actor: "token/x"}, Reason: "all",
		})
		return err
	})
	return v
}

// managed is somebody who has a manager.
func managed(t testing.TB, id, boss string) schema.Identity {
	t.Helper()
	one := person{id: id, name: id}.identity(t)
	one.Resource = json.RawMessage(`{"userName":"` + id + `","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"` + boss + `"}}}`)
	return one
}

// A heavy engine is one in memory that counts what is written at once, and what is read.
type heavy struct {
	store.Engine
	commits, most, read atomic.Int64
}

func newHeavy() *heavy { return &heavy{Engine: enginetest.Memory(1)} }

// Begin begins a transaction that is counted.
func (e *heavy) Begin(ctx context.Context, write bool) (store.Txn, error) {
	t, err := e.Engine.Begin(ctx, write)
	return &heavyTxn{Txn: t, e: e}, err
}

type heavyTxn struct {
	store.Txn
	e      *heavy
	writes int64
}

// Get counts what is read.
func (t *heavyTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	t.e.read.Add(int64(len(keys)))
	return t.Txn.Get(table, keys...)
}

// Scan counts what is read.
func (t *heavyTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range t.Txn.Scan(table, from, to) {
			if t.e.read.Add(1); !yield(row, err) {
				return
			}
		}
	}
}

// Put counts what is written.
func (t *heavyTxn) Put(table string, key, value []byte) error {
	t.writes++
	return t.Txn.Put(table, key, value)
}

// Delete counts what is written.
func (t *heavyTxn) Delete(table string, key []byte) error {
	t.writes++
	return t.Txn.Delete(table, key)
}

// Commit counts transactions that write.
func (t *heavyTxn) Commit() error {
	if t.writes > 0 {
		t.e.commits.Add(1)
		for most := t.e.most.Load(); t.writes > most && !t.e.most.CompareAndSwap(most, t.writes); most = t.e.most.Load() {
		}
	}
	return t.Txn.Commit()
}

// BenchmarkReview prepares a review of 100,000 items, each of which waits for another
// person, and has all of them told: the rows that one transaction writes and the memory
// that is held do not grow with it.
func BenchmarkReview(b *testing.B) {
	for _, many := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			for b.Loop() {
				file, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{NoSync: true})
				if err != nil {
					b.Fatal(err)
				}
				e := &heavy{Engine: file}
				w := newWorld(b, e)
				v := w.crowd(many)
				e.commits.Store(0)
				e.most.Store(0)
				reviews := &access.Reviews{Store: w.store, Rules: w.rules}
				begun := time.Now()
				for range 2 {
					finish, err := reviews.Attend(b.Context(), store.Item{ID: v.ID})
					if err == nil && finish != nil {
						w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(many)/time.Since(begun).Seconds(), "items/s")
				b.ReportMetric(float64(e.commits.Load()), "commits")
				b.ReportMetric(float64(e.most.Load()), "rows/commit")
				if err := w.store.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
