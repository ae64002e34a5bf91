package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// How many things there are for a sweep that is cut off at each of its writes, which it does
// in three turns and more.
const resumeMany = 550

// resumed are, by the sweep's name, how to make the world that it is cut off in, and the sweep.
func resumed() map[string]func(w *inspectWorld) scheduler.Sweep {
	return map[string]func(w *inspectWorld) scheduler.Sweep{
		"drift": func(w *inspectWorld) scheduler.Sweep {
			return scheduler.Sweep{Run: scheduler.Drift(w.store, w.rules, w.threeTargets(true))}
		},
		"orphans": func(w *inspectWorld) scheduler.Sweep {
			return scheduler.Sweep{Run: scheduler.Orphans(w.store, w.rules, w.threeTargets(false))}
		},
		"reviews": func(w *inspectWorld) scheduler.Sweep {
			w.overdue("a", 3*resumeMany/2)
			w.overdue("b", resumeMany)
			w.overdue("c", resumeMany)
			w.update(func(tx store.Tx) error { // one of its own is due, and is held by the same people
				return store.ReviewClocks.Put(tx, schema.ReviewClock{Role: "writer", Since: tx.Now().Add(-200 * reviewDay)})
			})
			return scheduler.Sweep{Run: scheduler.Reviews(w.store, w.rules), Limits: policy.Brake{Count: resumeMany}}
		},
		"drift, released": func(w *inspectWorld) scheduler.Sweep {
			sweep := scheduler.Sweep{Name: "drift", Mode: schema.Propose, Run: scheduler.Drift(w.store, w.rules, w.threeTargets(true))}
			return w.releasing(sweep, "sweep:drift:crm", "sweep:drift:wiki")
		},
		"reviews, released": func(w *inspectWorld) scheduler.Sweep {
			w.overdue("a", 3*resumeMany/2)
			w.overdue("b", resumeMany)
			sweep := scheduler.Sweep{Name: "reviews", Run: scheduler.Reviews(w.store, w.rules), Limits: policy.Brake{Count: 1}}
			return w.releasing(sweep, "sweep:reviews:a", "sweep:reviews:b")
		},
		"expiry, released": func(w *inspectWorld) scheduler.Sweep {
			w.ended("editor", 4*resumeMany)
			sweep := scheduler.Sweep{Name: "expiry", Run: scheduler.Expiry(w.store, w.rules), Limits: policy.Brake{Count: 1}}
			return w.releasing(sweep, "sweep:expiry")
		},
		"retention": func(w *inspectWorld) scheduler.Sweep {
			_, signer, _ := signedLog(w.t)
			w.keepFor("decisions: 400d, evidence: 400d")
			w.decide(0, 3*resumeMany)
			settle(401 * oneDay)
			w.decide(1, resumeMany)
			sign := func(ctx context.Context) error { return scheduler.Checkpoint(ctx, w.store, signer, "test") }
			return scheduler.Sweep{Run: scheduler.Retention(w.store, w.rules, sign)}
		},
	}
}

// TestResumedWhereverCut cuts the sweeps that act off before each of their writes, and has
// them go on: it comes to the same as in one go, in what was done, found and told, and in
// what the record says. R-SWEEP-1.
func TestResumedWhereverCut(t *testing.T) {
	for name, setUp := range resumed() {
		t.Run(name, func(t *testing.T) {
			want, _ := afterCut(t, name, setUp, 0)
			if want.Done+want.Reported < resumeMany {
				t.Fatalf("in one go it comes to %+v", want)
			}
			cuts := 0
			for at := 2; ; at++ {
				got, cut := afterCut(t, name, setUp, at)
				if !cut {
					break
				}
				cuts++
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("cut off before its write %d (-in one go +resumed):\n%s", at, diff)
				}
			}
			if cuts < 3 { // and some before writes of the store's own, now and then
				t.Errorf("it was cut off %d times: it has three turns and more", cuts)
			}
		})
	}
}

// An outcome is what a sweep came to.
type outcome struct {
	Looked, Found, Done, Reported int
	Problem, Held                 string
	Tells                         bool           // of some of it
	Decisions                     map[string]int // by their verbs and what they are about
	Findings, Notices, Holds      []string
}

// afterCut runs a sweep in a world of its own that is cut off before one of its writes, and
// goes on; at 0 it is not. It reports whether it was.
func afterCut(t *testing.T, name string, setUp func(*inspectWorld) scheduler.Sweep, at int) (is outcome, cut bool) {
	synctest.Test(t, func(t *testing.T) {
		w := &inspectWorld{}
		w.world = idleWorldOn(t, reads{accesstest.Engine(t), &w.rows, &w.write})
		defer w.stop()
		w.rules.Use(booktest.Compile(t, watched))
		sweep := setUp(w)
		if sweep.Name == "" {
			sweep.Name = name
		}
		name := sweep.Name
		settle(time.Second)
		if cut = w.cutOffSweep(sweep, at); at > 0 && !cut {
			return
		}
		came := 0
		if cut {
			if w.came(name) {
				came = 1
			}
			settle(time.Second)
			run := w.run(sweep)
			if run.Resumed != came {
				t.Errorf("cut off before its write %d, its record says that it was resumed %d times, want %d", at, run.Resumed, came)
			}
		}
		is = w.outcome(name)
	})
	return is, cut
}

func (w *inspectWorld) outcome(name string) (is outcome) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		is = outcome{Decisions: map[string]int{}}
		for run, err := range store.Runs.All(r) {
			if err != nil {
				return err
			}
			is.Looked, is.Found, is.Done, is.Reported = run.Looked, run.Found, run.Done, run.Reported
			is.Problem, is.Held, is.Tells = run.Problem, run.Held, len(run.First) > 0
		}
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			if e.Decision.Actor == "sweep/"+name {
				about := e.Decision.Subject
				if kind, _, named := strings.Cut(about, "/"); named {
					about = kind // the ids of runs and reviews are new each time
				}
				is.Decisions[string(e.Decision.Verb)+" "+about+" "+e.Decision.Object]++
			}
		}
		for f, err := range store.Findings.All(r) {
			if err != nil {
				return err
			}
			is.Findings = append(is.Findings, f.Kind+" "+f.Connector+" "+f.Subject+" "+f.Object)
		}
		for n, err := range store.Notices.All(r) {
			if err != nil {
				return err
			}
			is.Notices = append(is.Notices, n.To+" "+n.Kind+" "+n.Subject)
		}
		for h, err := range store.Holds.All(r) {
			if err != nil {
				return err
			}
			is.Holds = append(is.Holds, fmt.Sprint(h.ID, " ", h.Count))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(is.Findings)
	return is
}

// releasing has two people release what a run of a sweep is held from.
func (w *inspectWorld) releasing(sweep scheduler.Sweep, holds ...string) scheduler.Sweep {
	w.t.Helper()
	settle(time.Second)
	if run := w.run(sweep); run.Held == "" {
		w.t.Fatalf("it is not held: %+v", run)
	}
	for _, id := range holds {
		w.release(id)
	}
	settle(time.Second)
	return sweep
}

// ended makes grants of a role that reached their end and that nobody looked at.
func (w *inspectWorld) ended(role string, n int) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return each(n, func(i int) error {
			return store.Grants.Put(tx, schema.Grant{
				ID: fmt.Sprintf("g-%s-%04d", role, i), Identity: fmt.Sprintf("p%04d", i), Role: role, From: tx.Now().Add(-2 * time.Hour), Until: tx.Now().Add(-time.Hour),
			})
		})
	})
}

// TestResumedPlanIsThatPlan has something more, or something else, come to be due while a
// run is cut off in the middle of what people released: that nobody released. R-BRAKE-1, R-BRAKE-5.
func TestResumedPlanIsThatPlan(t *testing.T) {
	const many = 4 * resumeMany
	for name, test := range map[string]struct {
		meanwhile func(w *inspectWorld, tx store.Tx) error
		held      bool
	}{
		"nothing": {func(*inspectWorld, store.Tx) error { return nil }, false},
		"one more": {func(_ *inspectWorld, tx store.Tx) error {
			return store.Grants.Put(tx, grantThatEnded(tx, "x", time.Hour))
		}, true},
		"later": {func(_ *inspectWorld, tx store.Tx) error {
			return store.Grants.Put(tx, grantThatEnded(tx, "x", -500*time.Millisecond))
		}, false},
		"one less": {func(_ *inspectWorld, tx store.Tx) error {
			return store.Grants.Delete(tx, fmt.Sprintf("p%04d", many-1), fmt.Sprintf("g-editor-%04d", many-1))
		}, true},
		"in exchange": {func(_ *inspectWorld, tx store.Tx) error {
			return errors.Join(store.Grants.Put(tx, grantThatEnded(tx, "x", time.Hour)), store.Grants.Delete(tx, fmt.Sprintf("p%04d", many-1), fmt.Sprintf("g-editor-%04d", many-1)))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &inspectWorld{}
				w.world = idleWorldOn(t, reads{accesstest.Engine(t), &w.rows, &w.write})
				defer w.stop()
				w.rules.Use(booktest.Compile(t, watched))
				w.ended("editor", many)
				sweep := w.releasing(scheduler.Sweep{Name: "expiry", Run: scheduler.Expiry(w.store, w.rules), Limits: policy.Brake{Count: 1}}, "sweep:expiry")
				if !w.cutOffSweep(sweep, 4) || !w.came("expiry") {
					t.Fatal("it was not cut off in the middle")
				}
				w.update(func(tx store.Tx) error { return test.meanwhile(w, tx) })
				settle(time.Second)
				run := w.run(sweep)
				if held := run.Held != ""; held != test.held || run.Resumed != 1 || run.Done == 0 || !held && run.Done != many || held && run.Done >= many {
					t.Errorf("it goes on to %+v; want it held: %v", run, test.held)
				}
				if next := w.run(sweep); test.held && next.Held == "" {
					t.Errorf("what was held anew is done by the next run: %+v", next)
				}
			})
		})
	}
}

// grantThatEnded is somebody's that reached its end so long ago.
func grantThatEnded(tx store.Tx, whose string, ago time.Duration) schema.Grant {
	return schema.Grant{ID: "g-" + whose, Identity: whose, Role: "editor", From: tx.Now().Add(-2 * time.Hour), Until: tx.Now().Add(-ago)}
}

// threeTargets are one that cannot be listed, one that the bridge only reports about and one
// that it writes to. Where the accounts are known they differ.
func (w *inspectWorld) threeTargets(known bool) map[string]connectors.Connector {
	w.t.Helper()
	all := map[string]connectors.Connector{"broken": &target{broken: true}}
	for _, name := range []string{"crm", "wiki"} {
		g := &target{accounts: map[string]schema.Account{}}
		all[name] = g
		w.update(func(tx store.Tx) error {
			return each(resumeMany, func(i int) error {
				a := schema.Account{
					Connector: name, Identity: fmt.Sprintf("p%04d", i), RemoteID: fmt.Sprintf("r%04d", i), Active: true,
					Entitlements: []string{"Readers"}, Managed: []string{"Readers"}, Observed: tx.Now(),
				}
				there := a
				there.Entitlements = []string{"Editors", "Readers"}
				g.accounts[a.RemoteID] = there
				if !known {
					return nil
				}
				return store.Accounts.Put(tx, a)
			})
		})
	}
	return all
}

// overdue makes a review that is overdue, about so many who hold a role.
func (w *inspectWorld) overdue(id string, n int) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		v := schema.Review{
			ID: id, Kind: schema.ReviewConnector, Of: "wiki", State: schema.ReviewOpen, Opened: tx.Now().Add(-2 * time.Hour),
			Due: tx.Now().Add(-time.Hour), Within: time.Hour, Overdue: schema.OverdueSuspend, Items: n,
		}
		return errors.Join(store.Reviews.Put(tx, v), each(n, func(i int) error {
			who := fmt.Sprintf("p-%s-%04d", id, i)
			return errors.Join(
				store.Identities.Put(tx, schema.Identity{ID: who, Source: "hr", UserName: who, Active: true, Resource: []byte(`{}`), Version: 1}),
				store.Assignments.Put(tx, schema.Assignment{Identity: who, Connector: "wiki", Entitlement: "editors", Because: []string{"role/writer"}, Mode: schema.Enforce, Since: tx.Now()}),
				store.ReviewItems.Put(tx, schema.ReviewItem{Review: id, Identity: who, Holding: "role/writer", State: schema.ItemOpen}),
			)
		}))
	})
}

// failing is an engine in which one write of how far a sweep came fails, as where a disk is
// full for a moment. What the store writes by itself, whenever it does, is not counted.
type failing struct {
	store.Engine
	at *atomic.Int64 // how many until then; below 1 there is none
}

var errNoRoom = errors.New("there is no room")

func (e failing) Begin(ctx context.Context, write bool) (store.Txn, error) {
	t, err := e.Engine.Begin(ctx, write)
	return failingTxn{t, e.at}, err
}

type failingTxn struct {
	store.Txn
	at *atomic.Int64
}

func (t failingTxn) Put(table string, key, value []byte) error {
	if table == "sweepProgress" && t.at.Add(-1) == 0 {
		return errNoRoom
	}
	return t.Txn.Put(table, key, value)
}

// failingWorld is one in which writes can fail.
func failingWorld(t *testing.T) (w *inspectWorld, at *atomic.Int64) {
	w, at = &inspectWorld{}, new(atomic.Int64)
	w.world = idleWorldOn(t, reads{failing{accesstest.Engine(t), at}, &w.rows, &w.write})
	w.rules.Use(booktest.Compile(t, watched))
	return w, at
}

// failAt runs a sweep of which a write fails, and keeps its record. It reports whether it
// came to that write.
func (w *inspectWorld) failAt(sweep scheduler.Sweep, left *atomic.Int64, at int) (run schema.Run, failed bool) {
	w.t.Helper()
	sweep.Schedule = cron.ConstantDelaySchedule{Delay: time.Hour}
	o := &ran{}
	s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{sweep.Name: sweep}, Observer: o}
	left.Store(int64(at))
	finish, err := s.Handle(w.t.Context(), store.Item{ID: sweep.Name})
	failed = left.Load() < 1
	left.Store(0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
	return o.last, failed
}

// TestReleaseOutlivesAFailure has a write fail in the middle of what people released, each in
// its turn: the run is over, and says so, and the next one does the rest under the same
// release. R-BRAKE-5.
func TestReleaseOutlivesAFailure(t *testing.T) {
	for name, setUp := range map[string]func(w *inspectWorld) scheduler.Sweep{
		"drift": func(w *inspectWorld) scheduler.Sweep {
			target := w.threeTargets(true)["wiki"]
			sweep := scheduler.Sweep{Name: "drift", Mode: schema.Propose, Run: scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": target})}
			return w.releasing(sweep, "sweep:drift:wiki")
		},
		"reviews": resumed()["reviews, released"],
		"expiry":  resumed()["expiry, released"],
	} {
		t.Run(name, func(t *testing.T) {
			failures, done := 0, 0
			for at := 1; ; at++ {
				came := true
				synctest.Test(t, func(t *testing.T) {
					w, left := failingWorld(t)
					defer w.stop()
					sweep := setUp(w)
					var run, next schema.Run
					if run, came = w.failAt(sweep, left, at); !came {
						if run.Done == 0 || done == 0 {
							t.Fatalf("in one go it does %d, and cut by a failure at most %d: %+v", run.Done, done, run)
						}
						return
					}
					if !strings.Contains(run.Problem, errNoRoom.Error()) {
						t.Fatalf("its write %d failed, and its problem is %q", at, run.Problem)
					}
					failures++
					settle(time.Second)
					next = w.run(sweep)
					if all := run.Done + next.Done; next.Held != "" || done > 0 && all != done {
						t.Fatalf("its write %d failed: it did %d, and the next run came to %+v; want %d in all", at, run.Done, next, done)
					}
					done = run.Done + next.Done
					if is := w.outcome(sweep.Name); len(is.Holds) > 0 || w.came(sweep.Name) {
						t.Errorf("its write %d failed, and when all is done %v is held; something is kept of it: %v", at, is.Holds, w.came(sweep.Name))
					}
				})
				if t.Failed() || !came {
					break
				}
			}
			if failures < 4 {
				t.Errorf("it failed %d times: it has three turns and more", failures)
			}
		})
	}
}

// TestReleaseIsOfItsPlanAfterAFailure has something more be due when a run failed in the
// middle of what people released: that nobody released. R-BRAKE-5.
func TestReleaseIsOfItsPlanAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, left := failingWorld(t)
		defer w.stop()
		sweep := resumed()["expiry, released"](w)
		run, failed := w.failAt(sweep, left, 4)
		if !failed || run.Done == 0 {
			t.Fatalf("it did not fail in the middle: %+v", run)
		}
		w.update(func(tx store.Tx) error { return store.Grants.Put(tx, grantThatEnded(tx, "x", time.Hour)) })
		settle(time.Second)
		if next := w.run(sweep); next.Held == "" || next.Done != 0 {
			t.Errorf("the next run came to %+v; want it held anew", next)
		}
		if next := w.run(sweep); next.Held == "" {
			t.Errorf("what was held anew is done: %+v", next)
		}
	})
}

// TestNothingIsLeftOfAPlanThatIsOver has the rest of what people released end by itself, when
// a run failed in the middle of it: the next plan is one of its own.
func TestNothingIsLeftOfAPlanThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, left := failingWorld(t)
		defer w.stop()
		sweep := resumed()["expiry, released"](w)
		if run, failed := w.failAt(sweep, left, 4); !failed || run.Done == 0 || !w.came("expiry") {
			t.Fatalf("it did not fail in the middle: %+v", run)
		}
		w.update(func(tx store.Tx) error {
			var rest []schema.Grant
			for g, err := range store.Grants.All(tx) {
				if err != nil {
					return err
				}
				if g.Ended.IsZero() {
					rest = append(rest, g)
				}
			}
			return each(len(rest), func(i int) error { return store.Grants.Delete(tx, rest[i].Identity, rest[i].ID) })
		})
		settle(time.Second)
		if run := w.run(sweep); run.Held != "" || run.Done != 0 || w.came("expiry") || len(w.outcome("expiry").Holds) > 0 {
			t.Errorf("nothing is left to do, and it came to %+v; something is kept of it: %v, %v", run, w.came("expiry"), w.outcome("expiry").Holds)
		}
		w.update(func(tx store.Tx) error {
			return errors.Join(store.Grants.Put(tx, grantThatEnded(tx, "x", time.Hour)), store.Grants.Put(tx, grantThatEnded(tx, "y", time.Hour)))
		})
		w.releasing(sweep, "sweep:expiry")
		if run := w.run(sweep); run.Held != "" || run.Done != 2 {
			t.Errorf("what people released anew came to %+v", run)
		}
	})
}

// besides runs a sweep, and what another does besides that sweep's own.
func besides(sweep scheduler.Sweep, more func() error) scheduler.Sweep {
	own := sweep.Run
	sweep.Run = func(ctx context.Context, s scheduler.Sweep, run *schema.Run) error {
		return errors.Join(own(ctx, s, run), more())
	}
	return sweep
}

// TestAReleaseEndsWithItsPlan has nothing be left of what people released, in a run that does
// not come to everything: the same due once more, weeks later, is asked about. So it is where
// a run failed in the middle of it, and where none came to it. R-BRAKE-5.
func TestAReleaseEndsWithItsPlan(t *testing.T) {
	for name, failsAt := range map[string]int{"before any of it": 0, "in the middle": 4} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, left := failingWorld(t)
				defer w.stop()
				sweep := resumed()["expiry, released"](w)
				if failsAt > 0 {
					if run, failed := w.failAt(sweep, left, failsAt); !failed || run.Done == 0 || !w.came("expiry") {
						t.Fatalf("it did not fail in the middle: %+v", run)
					}
				}
				var all []schema.Grant
				w.update(func(tx store.Tx) error {
					all = nil
					for g, err := range store.Grants.All(tx) {
						if err != nil {
							return err
						}
						all = append(all, g)
					}
					return each(len(all), func(i int) error { return store.Grants.Delete(tx, all[i].Identity, all[i].ID) })
				})
				settle(time.Second)
				if run := w.run(besides(sweep, func() error { return errNoRoom })); run.Problem == "" || run.Done != 0 {
					t.Fatalf("it found something, or all went well: %+v", run)
				}
				if is := w.outcome("expiry"); len(is.Holds) > 0 || w.came("expiry") {
					t.Errorf("nothing is left of it, and %v is held; something is kept: %v", is.Holds, w.came("expiry"))
				}
				w.update(func(tx store.Tx) error {
					return each(len(all), func(i int) error {
						all[i].Ended = time.Time{}
						return store.Grants.Put(tx, all[i])
					})
				})
				settle(21 * oneDay)
				if run := w.run(sweep); run.Held == "" || run.Done != 0 {
					t.Errorf("the same weeks later: %+v; want people asked", run)
				}
			})
		})
	}
}

// TestAReleaseHasAnAge has nobody come to what people released for more than a week: they are
// asked again, can agree again, and then it is done. R-BRAKE-5.
func TestAReleaseHasAnAge(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		held  bool
	}{"a week": {7*oneDay - time.Hour, false}, "longer": {7*oneDay + time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, left := failingWorld(t)
				defer w.stop()
				sweep := resumed()["expiry, released"](w)
				first, failed := w.failAt(sweep, left, 4)
				if !failed || first.Done == 0 {
					t.Fatalf("it did not fail in the middle: %+v", first)
				}
				settle(c.after)
				run := w.run(sweep)
				if held := run.Held != ""; held != c.held || held == (run.Done > 0) {
					t.Fatalf("after %v: %+v; want it held: %v", c.after, run, c.held)
				}
				if !c.held {
					return
				}
				w.release("sweep:expiry")
				if run = w.run(sweep); run.Held != "" || first.Done+run.Done != 4*resumeMany {
					t.Errorf("released again: %+v, and %d before; want %d done", run, first.Done, 4*resumeMany)
				}
			})
		})
	}
}
