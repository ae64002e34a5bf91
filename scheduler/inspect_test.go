package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// watched is a policy with a source that tells of use, and a role that is reviewed.
const watched = documents + `
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: siem, owner: { user: hr, deputy: hr2 } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [use], freshness: { staleAfter: 72h } }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: writer, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: Writers write.
  assign: identity.kind == "human" && identity.department == "Press"
  grants: [{ connector: wiki, entitlement: editors }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 90d, by: owner, within: 7d, overdue: suspend }
`

// reads counts the rows that are read of a store, and tells of each write.
type reads struct {
	store.Engine
	rows  *atomic.Int64
	write *atomic.Pointer[func()]
}

func (e reads) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if tell := e.write.Load(); write && tell != nil {
		(*tell)()
	}
	t, err := e.Engine.Begin(ctx, write)
	return readTxn{t, e.rows}, err
}

type readTxn struct {
	store.Txn
	rows *atomic.Int64
}

func (t readTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	t.rows.Add(int64(len(keys)))
	return t.Txn.Get(table, keys...)
}

func (t readTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range t.Txn.Scan(table, from, to) {
			t.rows.Add(1)
			if !yield(row, err) {
				return
			}
		}
	}
}

// An inspect world is a store whose reads are counted.
type inspectWorld struct {
	*world
	rows  atomic.Int64
	write atomic.Pointer[func()] // is called before each write
}

func inspecting(t *testing.T, fn func(w *inspectWorld)) {
	synctest.Test(t, func(t *testing.T) {
		w := &inspectWorld{}
		w.world = newWorldOn(t, reads{accesstest.Engine(t), &w.rows, &w.write})
		defer w.stop()
		w.rules.Use(booktest.Compile(t, watched))
		fn(w)
	})
}

// run runs a sweep to its end, and keeps its record.
func (w *inspectWorld) run(sweep scheduler.Sweep) schema.Run {
	w.t.Helper()
	if sweep.Run == nil {
		sweep.Run = scheduler.Inspect(w.store, w.rules, access.Inspections()[sweep.Name])
	}
	sweep.Schedule = cron.ConstantDelaySchedule{Delay: time.Hour}
	o := &ran{}
	s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{sweep.Name: sweep}, Observer: o}
	finish, err := s.Handle(w.t.Context(), store.Item{ID: sweep.Name})
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
	return o.last
}

func (w *inspectWorld) findings(kind string) (found []string) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		found = nil
		for f, err := range store.Findings.All(r, kind) {
			if err != nil {
				return err
			}
			found = append(found, strings.TrimSpace(f.Connector+" "+f.Subject+" "+f.Object))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// TestInspections has each inspection find what it is for among many things that are as they
// should be, reading its index and not the world; and let go of it, with a decision,
// once it is mended. R-SWEEP-2, R-REV-8, R-INH-6.
func TestInspections(t *testing.T) {
	const many = 3000
	held := func(i int) schema.Account {
		return schema.Account{Connector: "wiki", Identity: fmt.Sprint("p", i), RemoteID: fmt.Sprint("r", i), Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}}
	}
	for name, test := range map[string]struct {
		kind  string
		age   time.Duration
		world func(tx store.Tx) error // as it should be
		wrong func(tx store.Tx) error // one thing that is not
		mend  func(tx store.Tx) error
		want  string
	}{
		"unmanaged": {
			kind: "unmanaged", want: "wiki p7 Editors",
			world: func(tx store.Tx) error {
				return each(many, func(i int) error { return store.Accounts.Put(tx, held(i)) })
			},
			wrong: func(tx store.Tx) error {
				a := held(7)
				a.Entitlements = []string{"Editors", "Readers"}
				return store.Accounts.Put(tx, a)
			},
			mend: func(tx store.Tx) error { return store.Accounts.Put(tx, held(7)) },
		},
		"unused": {
			kind: "unused", age: 90 * 24 * time.Hour, want: "wiki p7 readers",
			world: func(tx store.Tx) error {
				if err := store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now()}); err != nil {
					return err
				}
				return each(many, func(i int) error {
					if err := store.Accounts.Put(tx, held(i)); err != nil {
						return err
					}
					return store.Uses.Put(tx, schema.Use{Identity: fmt.Sprint("p", i), Connector: "wiki", Entitlement: "readers", LastUsed: tx.Now()})
				})
			},
			wrong: func(tx store.Tx) error {
				return store.Uses.Put(tx, schema.Use{Identity: "p7", Connector: "wiki", Entitlement: "readers", LastUsed: tx.Now().Add(-91 * 24 * time.Hour)})
			},
			mend: func(tx store.Tx) error {
				return store.Uses.Put(tx, schema.Use{Identity: "p7", Connector: "wiki", Entitlement: "readers", LastUsed: tx.Now()})
			},
		},
		"unconfirmed": {
			kind: "unconfirmed-removal", age: time.Hour, want: "wiki p7",
			world: func(tx store.Tx) error {
				return each(many, func(i int) error {
					a := held(i)
					a.Due = schema.Change{Received: tx.Now(), Ends: true}
					return store.Accounts.Put(tx, a)
				})
			},
			wrong: func(tx store.Tx) error {
				a := held(7)
				a.Due = schema.Change{Received: tx.Now().Add(-2 * time.Hour), Ends: true}
				return store.Accounts.Put(tx, a)
			},
			mend: func(tx store.Tx) error { return store.Accounts.Put(tx, held(7)) },
		},
		"exceptions": {
			kind: "exception-ending", age: 14 * 24 * time.Hour, want: "p7 exception/e7",
			world: func(tx store.Tx) error {
				return each(many, func(i int) error {
					return store.Exceptions.Put(tx, schema.Exception{ID: fmt.Sprint("e", i), Identity: fmt.Sprint("p", i), State: schema.ExceptionApproved, Expires: tx.Now().Add(99 * 24 * time.Hour)})
				})
			},
			wrong: func(tx store.Tx) error {
				return store.Exceptions.Put(tx, schema.Exception{ID: "e7", Identity: "p7", State: schema.ExceptionApproved, Expires: tx.Now().Add(24 * time.Hour)})
			},
			mend: func(tx store.Tx) error {
				return store.Exceptions.Put(tx, schema.Exception{ID: "e7", Identity: "p7", State: schema.ExceptionEnded, Expires: tx.Now().Add(24 * time.Hour)})
			},
		},
		"evidence": {
			kind: "evidence-overdue", want: "p7 bypass/b7",
			world: func(tx store.Tx) error {
				return each(many, func(i int) error {
					return store.Bypasses.Put(tx, schema.Bypass{ID: fmt.Sprint("b", i), Identity: fmt.Sprint("p", i), Grant: fmt.Sprint("g", i), State: schema.BypassReviewed, Reviewers: "security"})
				})
			},
			wrong: func(tx store.Tx) error {
				return store.Bypasses.Put(tx, schema.Bypass{ID: "b7", Identity: "p7", Grant: "g7", State: schema.BypassOpen, Reviewers: "security", Owed: []string{"actions"}, OwedBy: tx.Now().Add(-time.Hour)})
			},
			mend: func(tx store.Tx) error {
				return store.Bypasses.Put(tx, schema.Bypass{ID: "b7", Identity: "p7", Grant: "g7", State: schema.BypassOpen, Reviewers: "security", OwedBy: tx.Now().Add(-time.Hour)})
			},
		},
		"silence": {
			kind: "silent-feed", want: "wiki source/siem use",
			world: func(store.Tx) error { return nil },
			wrong: func(tx store.Tx) error {
				return store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now().Add(-100 * time.Hour)})
			},
			mend: func(tx store.Tx) error {
				return store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now()})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inspecting(t, func(w *inspectWorld) {
				w.update(test.world)
				if run := w.run(scheduler.Sweep{Name: name, Age: test.age}); run.Found != 0 || run.Problem != "" {
					t.Fatalf("all is as it should be, and it came to %+v", run)
				}
				w.update(test.wrong)
				before := w.rows.Load()
				run := w.run(scheduler.Sweep{Name: name, Age: test.age})
				if read := w.rows.Load() - before; read > 500 {
					t.Errorf("it read %d rows to find one thing among %d", read, many)
				}
				if run.Looked < 1 || run.Looked > 250 {
					t.Errorf("its record says that it looked at %d", run.Looked)
				}
				if got := w.findings(test.kind); run.Reported != 1 || !slices.Equal(got, []string{test.want}) || len(run.First) != 1 {
					t.Fatalf("it came to %+v, and found %v; want %s", run, got, test.want)
				}
				w.update(test.mend)
				w.run(scheduler.Sweep{Name: name, Age: test.age})
				if got := w.findings(test.kind); len(got) != 0 {
					t.Errorf("it is mended, and still found: %v", got)
				}
				if got := w.decisions("sweep/" + name); !slices.Contains(got, schema.Found) || !slices.Contains(got, schema.Resolved) {
					t.Errorf("the log has %v of it", got)
				}
			})
		})
	}
}

// TestNeverUsed finds access that nobody used since it was given long ago, of which there is
// no use to look up, where use would have been seen and nowhere else.
func TestNeverUsed(t *testing.T) {
	const many, age = 600, 90 * 24 * time.Hour
	inspecting(t, func(w *inspectWorld) {
		who := func(i int) string { return fmt.Sprintf("p%04d", i) }
		sweep := func() schema.Run { w.t.Helper(); return w.run(scheduler.Sweep{Name: "unused", Age: age}) }
		w.update(func(tx store.Tx) error {
			old := tx.Now().Add(-age - time.Hour)
			return each(many, func(i int) error {
				a := schema.Account{Connector: "wiki", Identity: who(i), RemoteID: "r" + who(i), Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}}
				line := schema.Assignment{Identity: who(i), Connector: "wiki", Entitlement: "readers", Because: []string{"role/engineer"}, Mode: schema.Enforce, Since: old}
				use := schema.Use{Identity: who(i), Connector: "wiki", Entitlement: "readers", LastUsed: tx.Now()}
				switch i {
				case 3, 555: // never used
					return errors.Join(store.Accounts.Put(tx, a), store.Assignments.Put(tx, line))
				case 4: // given lately
					line.Since = tx.Now().Add(-time.Hour)
					return errors.Join(store.Accounts.Put(tx, a), store.Assignments.Put(tx, line))
				case 5: // not there yet
					a.Entitlements = nil
					return errors.Join(store.Accounts.Put(tx, a), store.Assignments.Put(tx, line))
				case 6: // its account is told of as a whole
					use.Entitlement = ""
				case 7: // told of, but not when it was used
					return errors.Join(store.Accounts.Put(tx, a), store.Assignments.Put(tx, line), store.Uses.Put(tx, schema.Use{Identity: who(i), Connector: "wiki", Rotated: old}))
				}
				return errors.Join(store.Accounts.Put(tx, a), store.Assignments.Put(tx, line), store.Uses.Put(tx, use))
			})
		})
		if run := sweep(); run.Found != 0 || run.Problem != "" {
			t.Fatalf("nobody tells of use at the wiki, and it came to %+v", run)
		}
		w.update(func(tx store.Tx) error {
			return store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now()})
		})
		want := []string{"wiki p0003 readers", "wiki p0007 readers", "wiki p0555 readers"}
		if run := sweep(); run.Looked < many || run.Found != 3 || !slices.Equal(w.findings("unused"), want) {
			t.Fatalf("it came to %+v, and found %v; want %v", run, w.findings("unused"), want)
		}
		sweep()
		if got := w.findings("unused"); !slices.Equal(got, want) {
			t.Errorf("a run later it found %v", got)
		}
		if run := w.run(scheduler.Sweep{Name: "unused", Age: age, Scope: scheduler.Scope{Roles: []string{"writer"}}}); run.Found != 0 || len(w.findings("unused")) != 3 {
			t.Errorf("of another role it came to %+v, %v", run, w.findings("unused"))
		}
		if run := w.run(scheduler.Sweep{Name: "unused", Age: age, Scope: scheduler.Scope{Roles: []string{"engineer"}}}); run.Found != 3 {
			t.Errorf("of the role that gives it: %+v", run)
		}
		w.update(func(tx store.Tx) error {
			return errors.Join(
				store.Uses.Put(tx, schema.Use{Identity: who(3), Connector: "wiki", Entitlement: "readers", LastUsed: tx.Now()}),
				store.Assignments.Delete(tx, who(7), "wiki", "readers"),
			)
		})
		sweep()
		if got := w.findings("unused"); !slices.Equal(got, want[2:]) {
			t.Errorf("one was used, one ended, and it found %v", got)
		}
	})
}

func each(n int, do func(i int) error) error {
	for i := range n {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// decisions returns the verbs of what an actor did.
func (w *inspectWorld) decisions(actor string) (verbs []schema.Verb) {
	w.t.Helper()
	for {
		if n, err := w.store.Sequence(w.t.Context()); err != nil || n == 0 {
			break
		}
	}
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			if e.Decision.Actor == actor {
				verbs = append(verbs, e.Decision.Verb)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return verbs
}

// TestOwnerless finds every document whose owner left with no deputy, and every machine
// for which nobody answers. R-OWN-2, R-SWEEP-2.
func TestOwnerless(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		iam := w.admitNamed("iam", "", "Leads", true)
		if run := w.run(scheduler.Sweep{Name: "ownerless"}); run.Found != 0 {
			t.Fatalf("the owner is there: %+v", run)
		}
		w.admitNamed("iam", iam, "Leads", false)
		w.run(scheduler.Sweep{Name: "ownerless"})
		if got := w.findings("ownerless"); !slices.Contains(got, "Role/engineer") && !slices.Contains(got, "role/engineer") {
			t.Errorf("the owner left, and it found %v", got)
		}
		machine := func(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-000000000%03d", n) }
		w.update(func(tx store.Tx) error {
			return each(300, func(i int) error {
				id := schema.Identity{ID: machine(i), Source: "hr", Kind: schema.Workload, UserName: fmt.Sprint("robot", i), Active: i%100 == 0, Resource: json.RawMessage(`{}`), Version: 1}
				if err := store.Identities.Put(tx, id); err != nil {
					return err
				}
				return store.Machines.Put(tx, schema.Machine{Identity: id.ID})
			})
		})
		if run := w.run(scheduler.Sweep{Name: "ownerless"}); run.Looked < 300 {
			t.Errorf("it looked at %d machines and more: its record says %d", 300, run.Looked)
		}
		got := w.findings("ownerless")
		for _, i := range []int{0, 100, 200} {
			if !slices.Contains(got, machine(i)) {
				t.Errorf("nobody answers for %s, and it found %v", machine(i), got)
			}
		}
		w.update(func(tx store.Tx) error { return store.Machines.Delete(tx, machine(0)) })
		w.update(func(tx store.Tx) error { return store.Identities.Delete(tx, machine(0)) })
		w.run(scheduler.Sweep{Name: "ownerless"})
		if got := w.findings("ownerless"); slices.Contains(got, machine(0)) || !slices.Contains(got, machine(200)) {
			t.Errorf("one is gone, and it found %v", got)
		}
	})
}

// TestMissedRunIsCaughtUpOnce has the bridge be down over many times of a sweep: of two
// processes that come up one runs it, once, and it is due by its schedule again. R-SWEEP-1.
func TestMissedRunIsCaughtUpOnce(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		schedule, err := scheduler.Timing{Schedule: "0 * * * *"}.Parse("unused")
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		sweep := scheduler.Sweep{Name: "unused", Schedule: schedule, Run: func(context.Context, scheduler.Sweep, *schema.Run) error { ran++; return nil }}
		both := [2]scheduler.Sweeper{}
		for i := range both {
			both[i] = scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{"unused": sweep}}
			if err := both[i].Plan(w.t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		leased := func() (items []store.Item) {
			w.update(func(tx store.Tx) (err error) {
				items, err = tx.Lease(access.LaneSweep, 10, time.Minute)
				return err
			})
			return items
		}
		settle(10*time.Hour + time.Minute)
		if err := both[1].Plan(w.t.Context()); err != nil { // it came up
			t.Fatal(err)
		}
		items := leased()
		if len(items) != 1 || len(leased()) != 0 {
			t.Fatalf("%d are due, and two processes have it", len(items))
		}
		finish, err := both[0].Handle(w.t.Context(), items[0])
		if err != nil {
			t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			next, err := finish(tx)
			if err == nil && !next.Equal(schedule.Next(tx.Now())) {
				t.Errorf("it is due next at %s", next)
			}
			return errors.Join(err, tx.Done(items[0], next))
		})
		if again := leased(); ran != 1 || len(again) != 0 {
			t.Errorf("it ran %d times, and is due %d times more", ran, len(again))
		}
	})
}

// TestScope looks only at what is within a sweep's scope, and leaves the other findings
// alone.
func TestScope(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		ada, bob := w.admitNamed("ada", "", "Engineering", true), w.admitNamed("bob", "", "Press", true)
		settle(2 * time.Second)
		w.update(func(tx store.Tx) error {
			for _, id := range []string{ada, bob} {
				a, err := store.Accounts.Get(tx, "wiki", id)
				if err != nil {
					return err
				}
				a.Entitlements = append(a.Entitlements, "Secrets")
				if err := store.Accounts.Put(tx, a); err != nil {
					return err
				}
			}
			return nil
		})
		w.run(scheduler.Sweep{Name: "unmanaged", Scope: scheduler.Scope{Where: `identity.department == "Press"`}})
		if got := w.findings("unmanaged"); !slices.Equal(got, []string{"wiki " + bob + " Secrets"}) {
			t.Errorf("of the press it found %v", got)
		}
		if run := w.run(scheduler.Sweep{Name: "unmanaged", Scope: scheduler.Scope{Connectors: []string{"crm"}}}); run.Found != 0 {
			t.Errorf("of another connector it found %+v", run)
		}
		if got := w.findings("unmanaged"); len(got) != 1 {
			t.Errorf("what is out of the scope was let go of: %v", got)
		}
		if run := w.run(scheduler.Sweep{Name: "unmanaged", Scope: scheduler.Scope{Where: `identity.departmnt == "x"`}}); !strings.Contains(run.Problem, "departmnt") {
			t.Errorf("of a rule that does not compile it said %+v", run)
		}
	})
}

// TestCutOffSweepGoesOn stops a sweep behind its first page, as a crash would, and has it
// go on there: nothing is looked at twice, nothing is left out, and it is one run. R-SWEEP-1.
func TestCutOffSweepGoesOn(t *testing.T) {
	const many = 1000
	inspecting(t, func(w *inspectWorld) {
		w.update(func(tx store.Tx) error {
			return each(many, func(i int) error {
				return store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: fmt.Sprintf("p%04d", i), RemoteID: fmt.Sprint("r", i), Active: true, Entitlements: []string{"Extra"}})
			})
		})
		sweep := scheduler.Sweep{Name: "unmanaged", Schedule: cron.ConstantDelaySchedule{Delay: time.Hour}}
		sweep.Run = scheduler.Inspect(w.store, w.rules, access.Inspections()["unmanaged"])
		ctx, stop := context.WithCancel(w.t.Context())
		defer stop()
		writes := 0
		tell := func() {
			if writes++; writes == 5 { // it began, wrote a page and how far it came, and wrote another
				stop()
			}
		}
		w.write.Store(&tell)
		s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{"unmanaged": sweep}}
		if _, err := s.Handle(ctx, store.Item{ID: "unmanaged"}); !errors.Is(err, context.Canceled) {
			t.Fatalf("it was not cut off: %v", err)
		}
		w.write.Store(nil)
		some := len(w.findings("unmanaged"))
		if some == 0 || some == many {
			t.Fatalf("it was cut off after %d", some)
		}
		run := w.run(scheduler.Sweep{Name: "unmanaged"})
		if run.Resumed != 1 || run.Found != many || len(w.findings("unmanaged")) != many {
			t.Errorf("it came to %+v, and found %d", run, len(w.findings("unmanaged")))
		}
		if run := w.run(scheduler.Sweep{Name: "unmanaged"}); run.Resumed != 0 || run.Found != many {
			t.Errorf("the run after it: %+v", run)
		}
	})
}

// TestPreview runs every sweep that could act without anything being done or written.
func TestPreview(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		ada := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		w.tamper(ada)
		w.update(func(tx store.Tx) error {
			return store.Grants.Put(tx, schema.Grant{ID: "g", Identity: ada, Role: "editor", From: tx.Now().Add(-2 * time.Hour), Until: tx.Now().Add(-time.Hour)})
		})
		sweeps := map[string]scheduler.Sweep{
			"expiry": {Name: "expiry", Run: scheduler.Expiry(w.store, w.rules)},
			"drift":  {Name: "drift", Run: scheduler.Drift(w.store, w.rules, targets(w.target))},
			"unused": {Name: "unused", Run: scheduler.Inspect(w.store, w.rules, access.Inspections()["unused"])},
		}
		s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: sweeps}
		before := w.everything()
		for name, plans := range map[string]int{"expiry": 1, "drift": 1, "unused": 0} {
			p, err := s.Preview(w.t.Context(), name)
			if err != nil || p.Run.Problem != "" || !p.Run.DryRun || len(p.Plans) != plans || p.Run.Done != 0 || p.Run.Proposed != plans {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
		}
		if after := w.everything(); after != before {
			t.Errorf("something was written: %d rows before, %d after", before, after)
		}
		if _, err := s.Preview(w.t.Context(), "nothing"); !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("of a sweep that there is not: %v", err)
		}
	})
}

// TestMissedSweep is found by the one that watches, and let go of when it runs. R-SWEEP-1.
func TestMissedSweep(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		others := map[string]scheduler.Sweep{"unused": {Name: "unused", Schedule: cron.ConstantDelaySchedule{Delay: time.Hour}}}
		watch := scheduler.Sweep{Name: "watch", Run: scheduler.Watch(w.store, w.rules, func() map[string]scheduler.Sweep { return others })}
		want := func(when string, n int) {
			t.Helper()
			run := w.run(watch)
			if got := w.findings("sweep-missed"); len(got) != n || run.Found != n {
				t.Errorf("%s: %v, %+v; want %d", when, got, run, n)
			}
		}
		want("it has yet to run", 0)
		settle(3 * time.Hour)
		want("it never ran", 1)
		w.run(scheduler.Sweep{Name: "unused"})
		want("it ran", 0)
		settle(90 * time.Minute)
		want("it is a little late", 0)
		settle(time.Hour)
		w.run(scheduler.Sweep{Name: "unused", Run: func(context.Context, scheduler.Sweep, *schema.Run) error { return errors.New("broken") }})
		want("it fails", 1)
	})
}

// TestNoSweepRuns has nobody take anything from the lane of sweeps: that is found all the
// same, the one that watches among them, and let go of when they run; as long as nothing is new
// nothing is written.
func TestNoSweepRuns(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		ran := func(context.Context, scheduler.Sweep, *schema.Run) error { return nil }
		hourly := cron.ConstantDelaySchedule{Delay: time.Hour}
		s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{
			"unused": {Name: "unused", Schedule: hourly, Run: ran}, "watch": {Name: "watch", Schedule: hourly, Run: ran},
		}}
		if err := s.Plan(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(w.t.Context())
		defer stop()
		go func() { _ = s.KeepWatch(ctx, slog.New(slog.DiscardHandler)) }()
		settle(time.Hour)
		if got := w.findings("sweep-missed"); len(got) != 0 {
			t.Errorf("before any is due, it found %v", got)
		}
		commits := w.store.Stats().Commits
		settle(time.Hour)
		if more := w.store.Stats().Commits - commits; more != 0 {
			t.Errorf("nothing was new, and it was written %d times", more)
		}
		settle(time.Hour)
		if got := w.findings("sweep-missed"); !slices.Equal(got, []string{"sweep/unused", "sweep/watch"}) {
			t.Errorf("none ran, and it found %v", got)
		}
		for _, sweep := range s.Sweeps {
			w.run(sweep)
		}
		settle(11 * time.Minute)
		if got := w.findings("sweep-missed"); len(got) != 0 {
			t.Errorf("they ran, and it found %v", got)
		}
	})
}

// TestRestingSweepIsNotMissed watches one that runs on weekdays: at the weekend it is not
// missed, and on Monday it is.
func TestRestingSweepIsNotMissed(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		schedule, err := scheduler.Timing{Schedule: "0 3 * * 1-5"}.Parse("unused")
		if err != nil {
			t.Fatal(err)
		}
		others := map[string]scheduler.Sweep{"unused": {Name: "unused", Schedule: schedule}}
		watch := scheduler.Sweep{Name: "watch", Run: scheduler.Watch(w.store, w.rules, func() map[string]scheduler.Sweep { return others })}
		at := func(day time.Weekday, hour int) {
			for now := time.Now().UTC(); ; now = now.Add(time.Hour) {
				if now.Weekday() == day && now.Hour() == hour && now.After(time.Now()) {
					settle(time.Until(now))
					return
				}
			}
		}
		at(time.Friday, 3)
		w.run(scheduler.Sweep{Name: "unused"})
		for _, test := range []struct {
			day  time.Weekday
			hour int
			want int
		}{{time.Saturday, 12, 0}, {time.Sunday, 23, 0}, {time.Monday, 3, 0}, {time.Monday, 5, 1}} {
			at(test.day, test.hour)
			if run := w.run(watch); run.Found != test.want {
				t.Errorf("on %s at %d it found %d, want %d", test.day, test.hour, run.Found, test.want)
			}
		}
	})
}
