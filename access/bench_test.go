package access_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// benchWorld is a world on a file that is not synced: what is measured is the work
// and not the disk.
func benchWorld(b *testing.B) *world {
	b.Helper()
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, e)
	b.Cleanup(func() { _ = w.store.Close() })
	return w
}

// journey takes one item of a lane through a handler, as a loop does: one commit
// for the lease, one for the finish.
func (w *world) journey(lane store.Lane, handle func(store.Item) (access.Finish, error)) {
	var items []store.Item
	w.update(func(tx store.Tx) (err error) {
		items, err = tx.Lease(lane, 1, time.Minute)
		return err
	})
	if len(items) != 1 {
		w.t.Fatalf("lane %s: %d items", lane, len(items))
	}
	finish, err := handle(items[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) error {
		next, err := finish(tx)
		if err != nil {
			return err
		}
		return tx.Done(items[0], next)
	})
}

func (w *world) reconcile(item store.Item) (access.Finish, error) {
	return access.Reconcile(w.t.Context(), w.store, w.rules, item)
}

// BenchmarkJoiner is one identity from its source to its target: admitted, decided,
// provisioned, every decision of it in the log. Five commits.
func BenchmarkJoiner(b *testing.B) {
	w := benchWorld(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.admit(person{name: fmt.Sprintf("p%07d", i), department: "Engineering"})
		w.journey(access.LaneIdentity, w.reconcile)
		w.journey(access.LaneAccount("wiki"), w.provision("wiki"))
	}
}

// The parts of it, each with what it commits.

func BenchmarkAdmit(b *testing.B) {
	w := benchWorld(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.admit(person{name: fmt.Sprintf("p%07d", i), department: "Engineering"})
	}
}

// BenchmarkReconcileNothing is the look at somebody of whom nothing changes.
func BenchmarkReconcileNothing(b *testing.B) {
	w := benchWorld(b)
	id := w.admit(person{name: "ada", department: "Engineering"})
	w.journey(access.LaneIdentity, w.reconcile)
	w.journey(access.LaneAccount("wiki"), w.provision("wiki"))
	b.ReportAllocs()
	for b.Loop() {
		w.update(func(tx store.Tx) error { return tx.Wake(access.LaneIdentity, id, tx.Now()) })
		w.journey(access.LaneIdentity, w.reconcile)
	}
}

// BenchmarkMover is somebody who changes departments, and every account with it.
func BenchmarkMover(b *testing.B) {
	w := benchWorld(b)
	id := w.admit(person{name: "ada", department: "Engineering"})
	w.journey(access.LaneIdentity, w.reconcile)
	w.journey(access.LaneAccount("wiki"), w.provision("wiki"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.admit(person{id: id, name: "ada", department: []string{"Operations", "Engineering"}[i%2]})
		w.update(func(tx store.Tx) error { return tx.WakeUrgent(access.LaneIdentity, id) }) // it would settle first
		w.journey(access.LaneIdentity, w.reconcile)
		w.journey(access.LaneAccount("wiki"), w.provision("wiki"))
	}
}

// BenchmarkPlan is what one identity costs a plan.
func BenchmarkPlan(b *testing.B) {
	w := benchWorld(b)
	const people = 1000
	for i := range people {
		w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"})
	}
	b.ReportAllocs()
	for b.Loop() {
		w.plan(w.rules.Book())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/people, "ns/identity")
}

// BenchmarkExpire ends due grants among a hundred thousand, as the sweep does: by
// their index, 250 a commit.
func BenchmarkExpire(b *testing.B) {
	w := benchWorld(b)
	var people []string
	for i := range 1000 {
		people = append(people, w.admit(person{name: fmt.Sprint("p", i), department: "Sales"}))
	}
	base := time.Now().Add(-time.Hour)
	serial := 0
	seed := func(n int, until time.Time) {
		for range n / 1000 {
			w.update(func(tx store.Tx) error {
				for _, id := range people {
					serial++
					g := schema.Grant{ID: fmt.Sprintf("g%08d", serial), Identity: id, Role: "editor", From: base, Until: until.Add(time.Duration(serial))}
					if err := store.Grants.Put(tx, g); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	seed(100_000, time.Now().Add(time.Hour))
	const due = 10_000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		seed(due, time.Now().Add(-time.Minute))
		b.StartTimer()
		for ended := 0; ended < due; {
			w.update(func(tx store.Tx) error {
				n := 0
				for g, err := range store.Grants.Until(tx, store.GrantUntil, tx.Now()) {
					if err != nil {
						return err
					}
					if _, err := access.Expire(tx, "sweep/expiry", "digest", g); err != nil {
						return err
					}
					if n++; n == 250 {
						break
					}
				}
				ended += n
				return nil
			})
		}
	}
	b.ReportMetric(float64(b.N*due)/b.Elapsed().Seconds(), "grants/s")
}

// BenchmarkImport is BenchmarkJoiner for many at once, who share their commits, on
// a disk that is synced: what an import of a whole company costs.
func BenchmarkImport(b *testing.B) {
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, e)
	b.Cleanup(func() { _ = w.store.Close() })
	var serial atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w.admit(person{name: fmt.Sprintf("p%07d", serial.Add(1)), department: "Engineering"})
			w.journey(access.LaneIdentity, w.reconcile)
			w.journey(access.LaneAccount("wiki"), w.settleAs())
		}
	})
}

// settleAs is a target that agrees to everything at once, for many at a time.
func (w *world) settleAs() func(store.Item) (access.Finish, error) {
	return func(item store.Item) (access.Finish, error) {
		var o access.Outcome
		err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
			o.Work, err = access.WorkFor(r, w.rules, "wiki", item.ID, 1)
			return err
		})
		o.Steps = connectors.Plan(o.Work.Have, o.Work.Want)
		o.Got = o.Work.Want
		o.Got.RemoteID = "r-" + item.ID
		o.Sent, o.Acked = time.Now(), time.Now()
		return func(tx store.Tx) (time.Time, error) {
			_, err := access.Observe(tx, w.rules, item, o)
			return time.Time{}, err
		}, err
	}
}
