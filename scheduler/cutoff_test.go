package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// How many things the sweeps have to find that are cut off, which takes them three pages.
const cutMany = 600

// sweepsToCut are, by the sweep's name, how to make one of the things that it finds.
func sweepsToCut() map[string]struct {
	kind string
	age  time.Duration
	make func(tx store.Tx, i int) error
} {
	who := func(i int) string { return fmt.Sprintf("p%04d", i) }
	account := func(i int) schema.Account {
		return schema.Account{Connector: "wiki", Identity: who(i), RemoteID: "r" + who(i), Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}}
	}
	old := func(tx store.Tx, i int) time.Time { return tx.Now().Add(-2*time.Hour - time.Duration(i)*time.Second) }
	type sweep = struct {
		kind string
		age  time.Duration
		make func(tx store.Tx, i int) error
	}
	return map[string]sweep{
		"unused": {"unused", time.Hour, func(tx store.Tx, i int) error { // every other one was never used
			use := schema.Use{Identity: who(i), Connector: "wiki", Entitlement: "readers", LastUsed: old(tx, i)}
			if i%2 == 0 {
				use.LastUsed, use.Rotated = time.Time{}, old(tx, i)
			}
			line := schema.Assignment{Identity: who(i), Connector: "wiki", Entitlement: "readers", Mode: schema.Enforce, Since: old(tx, i)}
			feed := schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now()}
			return errors.Join(store.Accounts.Put(tx, account(i)), store.Uses.Put(tx, use), store.Assignments.Put(tx, line), store.Feeds.Put(tx, feed))
		}},
		"unmanaged": {"unmanaged", 0, func(tx store.Tx, i int) error {
			a := account(i)
			a.Managed = nil
			return store.Accounts.Put(tx, a)
		}},
		"ownerless": {"ownerless", 0, func(tx store.Tx, i int) error {
			id := fmt.Sprintf("0192cd12-0000-7000-8000-%012d", i)
			machine := schema.Identity{ID: id, Source: "hr", Kind: schema.Workload, UserName: "robot" + who(i), Active: true, Resource: json.RawMessage(`{}`), Version: 1}
			return errors.Join(store.Identities.Put(tx, machine), store.Machines.Put(tx, schema.Machine{Identity: id}))
		}},
		"exceptions": {"exception-ending", time.Hour, func(tx store.Tx, i int) error {
			return store.Exceptions.Put(tx, schema.Exception{ID: "e" + who(i), Identity: who(i), State: schema.ExceptionApproved, Expires: tx.Now().Add(time.Duration(i) * time.Second)})
		}},
		"evidence": {"evidence-overdue", 0, func(tx store.Tx, i int) error {
			return store.Bypasses.Put(tx, schema.Bypass{ID: "b" + who(i), Identity: who(i), Grant: "g" + who(i), State: schema.BypassOpen, Reviewers: "security", Owed: []string{"actions"}, OwedBy: old(tx, i)})
		}},
		"unconfirmed": {"unconfirmed-removal", time.Hour, func(tx store.Tx, i int) error {
			a := account(i)
			a.Due = schema.Change{Received: old(tx, i), Ends: true}
			return store.Accounts.Put(tx, a)
		}},
	}
}

// TestCutOffAnywhere cuts every sweep that finds things off before each of its writes, and
// has it go on: all of them are found, and each is counted once. R-SWEEP-1.
func TestCutOffAnywhere(t *testing.T) {
	for name, sweep := range sweepsToCut() {
		t.Run(name, func(t *testing.T) {
			inspecting(t, func(w *inspectWorld) {
				w.update(func(tx store.Tx) error {
					return each(cutMany, func(i int) error { return sweep.make(tx, i) })
				})
				others := len(w.afterOne(name, sweep.kind, sweep.age)) - cutMany
				cuts := 0
				for at := 2; w.cutOff(name, sweep.age, at); at++ {
					cuts++
					want := 0
					if w.came(name) {
						want = 1
					}
					run := w.run(scheduler.Sweep{Name: name, Age: sweep.age})
					found := w.findings(sweep.kind)
					slices.Sort(found)
					if n := len(slices.Compact(found)); run.Resumed != want || n != cutMany+others || run.Found != n || run.Reported != n {
						t.Fatalf("cut off before its write %d it came to %+v, and found %d of %d", at, run, n, cutMany+others)
					}
					w.forgetFindings()
				}
				if cuts < 3 { // and some before writes of the store's own, now and then
					t.Errorf("it was cut off %d times: it has three pages and more", cuts)
				}
			})
		})
	}
}

// TestReviewedMeanwhile has emergencies settled that a sweep already came by, while it is cut
// off: it leaves none of the others out.
func TestReviewedMeanwhile(t *testing.T) {
	sweep := sweepsToCut()["evidence"]
	inspecting(t, func(w *inspectWorld) {
		w.update(func(tx store.Tx) error {
			return each(cutMany, func(i int) error { return sweep.make(tx, i) })
		})
		if !w.cutOff("evidence", 0, 5) || len(w.findings(sweep.kind)) == 0 {
			t.Fatal("it was not cut off behind a page")
		}
		const reviewed = 50
		w.update(func(tx store.Tx) error {
			return each(reviewed, func(i int) error {
				y, err := store.Bypasses.Get(tx, fmt.Sprintf("bp%04d", i))
				if err != nil {
					return err
				}
				y.State, y.Owed = schema.BypassReviewed, nil
				return store.Bypasses.Put(tx, y)
			})
		})
		w.run(scheduler.Sweep{Name: "evidence"})
		if got := len(w.findings(sweep.kind)); got != cutMany-reviewed {
			t.Errorf("it found %d of %d that nobody reviewed", got, cutMany-reviewed)
		}
	})
}

// afterOne returns what one run finds that nobody cuts off, which is forgotten again.
func (w *inspectWorld) afterOne(name, kind string, age time.Duration) []string {
	w.t.Helper()
	w.run(scheduler.Sweep{Name: name, Age: age})
	defer w.forgetFindings()
	return w.findings(kind)
}

// came reports whether it is written down how far a sweep came.
func (w *inspectWorld) came(name string) (came bool) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		_, err := store.SweepProgress.Get(r, name)
		came = err == nil
		if schema.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return came
}

func (w *inspectWorld) forgetFindings() {
	w.update(func(tx store.Tx) error {
		var all []schema.Finding
		for f, err := range store.Findings.All(tx) {
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return each(len(all), func(i int) error {
			return store.Findings.Delete(tx, all[i].Kind, all[i].Connector, all[i].Subject, all[i].Object)
		})
	})
}

// cutOff runs an inspection that is stopped before one of its writes. It reports whether it
// came to that.
func (w *inspectWorld) cutOff(name string, age time.Duration, at int) bool {
	w.t.Helper()
	sweep := scheduler.Sweep{Name: name, Age: age}
	sweep.Run = scheduler.Inspect(w.store, w.rules, access.Inspections()[name])
	return w.cutOffSweep(sweep, at)
}

func (w *inspectWorld) cutOffSweep(sweep scheduler.Sweep, at int) bool {
	w.t.Helper()
	sweep.Schedule = cron.ConstantDelaySchedule{Delay: time.Hour}
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	writes := 0
	tell := func() {
		if writes++; writes == at {
			stop()
		}
	}
	w.write.Store(&tell)
	defer w.write.Store(nil)
	s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{sweep.Name: sweep}}
	finish, err := s.Handle(ctx, store.Item{ID: sweep.Name})
	switch {
	case err != nil && ctx.Err() != nil:
		return true
	case err != nil:
		w.t.Fatal(err)
	}
	w.write.Store(nil)
	w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
	return false
}
