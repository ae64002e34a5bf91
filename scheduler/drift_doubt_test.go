package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A particular target reads nobody whose id is not known, as targets do that are asked by URL.
type particular struct{ *target }

func (p particular) Read(ctx context.Context, id string) (schema.Account, error) {
	if err := connectors.Named(id); err != nil {
		return schema.Account{}, err
	}
	return p.target.Read(ctx, id)
}

// TestDriftLeavesWhoMayBeThere has somebody leave whose account was made by a call that
// nobody heard the answer of, and was given up. No listing tells whether that is there: it
// is neither gone, nor in the way of what differs at other accounts, and is tried again.
// R-DRIFT-1.
func TestDriftLeavesWhoMayBeThere(t *testing.T) {
	for name, at := range map[string]func(*target) connectors.Connector{
		"read as gone":    func(g *target) connectors.Connector { return g },
		"not asked about": func(g *target) connectors.Connector { return particular{g} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				left := w.admit("", "Engineering", false)
				eve := w.admitNamed("eve", "", "Engineering", true)
				settle(time.Second)
				w.target.edit("r-"+left, func(a *schema.Account) { a.Active, a.Attributes = true, map[string]string{"userName": "ada"} })
				w.update(func(tx store.Tx) error {
					return store.Accounts.Put(tx, schema.Account{
						Connector: "wiki", Identity: left, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Parked,
						Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
					})
				})
				w.tamper(eve)
				settle(time.Second)
				drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": at(w.target)})
				if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 || run.Retried != 1 {
					t.Errorf("%+v, %v; want one account mended, and one tried again", run, err)
				}
				settle(time.Second)
				w.want(eve, true, "Readers")
				w.want(left, false)
			})
		})
	}
}

// TestDriftKnowsTheBridgesOwnDoubt has an account given up of which a call left open whether
// it took effect: what it may have and has not is nobody else's doing, what it has beside
// that is. R-DRIFT-1.
func TestDriftKnowsTheBridgesOwnDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		there  func(*schema.Account) // how the target has it
		undone int
	}{
		"the call took no effect": {there: func(a *schema.Account) { a.Active, a.Entitlements = false, nil }},
		"the call made an end":    {there: func(a *schema.Account) { *a = schema.Account{} }},
		"somebody gave it more": {
			there:  func(a *schema.Account) { a.Entitlements = []string{"Editors", "Readers"} },
			undone: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				id := w.admit("", "Engineering", true)
				w.admitNamed("eve", "", "Engineering", true)
				settle(time.Second)
				w.update(func(tx store.Tx) error {
					a, err := store.Accounts.Get(tx, "wiki", id)
					if err != nil {
						return err
					}
					a.State, a.Attributes, a.Due = schema.Parked, nil, schema.Change{Received: tx.Now()}
					return store.Accounts.Put(tx, a)
				})
				w.target.change(func(g *target) {
					a := g.accounts["r-"+id]
					delete(g.accounts, "r-"+id)
					if c.there(&a); a.Exists() {
						g.accounts["r-"+id] = a
					}
				})
				settle(time.Second)
				drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
				run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100})
				if err != nil || run.Done != c.undone || run.Found != 1 || run.Done+run.Retried != 1 {
					t.Errorf("%+v, %v; want %d undone, and tried again if not", run, err, c.undone)
				}
				settle(time.Second)
				w.want(id, true, "Readers")
			})
		})
	}
}

// TestDriftSaysWhomItPassesOver has a target fail at one person's account for ever, which
// somebody changes meanwhile. That is not compared, for nobody knows what came of the last
// call; so the run says that it was not, and after a day a finding does, until the target
// agrees. R-DRIFT-1.
func TestDriftSaysWhomItPassesOver(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		w.admitNamed("eve", "", "Engineering", true)
		settle(time.Second)
		w.target.change(func(g *target) {
			g.refuse = func(s connectors.Step) error { return errors.New("the " + s.Verb.String() + " came to nothing") }
		})
		grantEditor(w, id)
		settle(time.Minute)
		w.target.edit("r-"+id, func(a *schema.Account) { a.Attributes = map[string]string{"userName": "mallory"} })
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		look := func(looked, passed, findings int) {
			t.Helper()
			run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100})
			if err != nil || run.Looked != looked || run.PassedOver["their target has yet to agree to what was decided"] != passed {
				t.Errorf("%+v, %v; want %d looked at, and %d passed over", run, err, looked, passed)
			}
			if open := w.open("drift-unknown"); len(open) != findings || findings > 0 && (open[0].Subject != id || open[0].Connector != "wiki") {
				t.Errorf("%+v stand, want %d of %s", open, findings, id)
			}
		}
		look(1, 1, 0)
		settle(25 * time.Hour)
		look(1, 1, 1)
		w.target.change(func(g *target) { g.refuse = nil })
		settle(2 * time.Minute)
		look(2, 0, 0)
	})
}

// TestDriftUnderAHalt has an account wait for longer than a day for a target that is halted: nothing
// was sent that could have come to nothing, and nobody is told that it was not compared. R-DRIFT-1.
func TestDriftUnderAHalt(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		w.admitNamed("eve", "", "Engineering", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			_, err := access.Halt(tx, access.Halting{Connector: "wiki", Known: []string{"wiki"}, By: "token/test", Reason: "an incident"})
			return err
		})
		w.admit(id, "Sales", true) // loses what they have
		settle(25 * time.Hour)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100})
		if err != nil || run.Looked != 1 || len(run.PassedOver) != 1 {
			t.Errorf("%+v, %v; want one looked at, and one passed over", run, err)
		}
		if open := w.open("drift-unknown"); len(open) > 0 {
			t.Errorf("%+v stand", open)
		}
	})
}

// TestDriftSaysOnceOfManyWhomItPassesOver has a target not agree for long to what was decided
// about very many accounts: that is one finding, about the target, until there are few enough
// to name each. R-DRIFT-1.
func TestDriftSaysOnceOfManyWhomItPassesOver(t *testing.T) {
	inBubble(t, func(w *world) {
		w.admitNamed("eve", "", "Engineering", true)
		settle(25 * time.Hour)
		account := func(i int) schema.Account {
			id := fmt.Sprintf("q%04d", i)
			return schema.Account{Connector: "wiki", Identity: id, RemoteID: "r-" + id, Active: true, State: schema.Retrying}
		}
		w.update(func(tx store.Tx) error {
			return each(101, func(i int) error {
				a := account(i)
				a.Due = schema.Change{Received: tx.Now().Add(-25 * time.Hour)}
				return store.Accounts.Put(tx, a)
			})
		})
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		look := func(passed, findings int, first string) {
			t.Helper()
			run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100})
			if err != nil || run.PassedOver["their target has yet to agree to what was decided"] != passed {
				t.Errorf("%+v, %v; want %d passed over", run, err, passed)
			}
			if open := w.open("drift-unknown"); len(open) != findings || open[0].Subject != first {
				t.Errorf("%d stand, want %d, and of %s first: %+v", len(open), findings, first, open[:min(1, len(open))])
			}
		}
		look(101, 1, "connector/wiki")
		w.update(func(tx store.Tx) error { return store.Accounts.Delete(tx, "wiki", account(0).Identity) })
		look(100, 100, "q0001")
	})
}

// TestDriftIsMended has an account at a target that others write to as well be otherwise for
// a while: that is found, and the finding ends with it. R-DRIFT-1.
func TestDriftIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.rules.Use(booktest.Compile(t, strings.Replace(documents, "authority: exclusive", "authority: shared", 1)))
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		for i, c := range []struct {
			active bool
			want   int
		}{{false, 1}, {true, 0}} {
			w.target.edit("r-"+id, func(a *schema.Account) { a.Active = c.active })
			settle(time.Second)
			if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Found != c.want {
				t.Errorf("%d: %+v, %v; want %d found", i, run, err, c.want)
			}
			if open := w.open("drift"); len(open) != c.want {
				t.Errorf("%d: %+v stand, want %d", i, open, c.want)
			}
		}
	})
}

// open returns the open findings of a kind.
func (w *world) open(kind schema.FindingKind) (all []schema.Finding) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		all = nil
		for f, err := range store.Findings.All(r, kind) {
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// TestDriftFindsWhoWasTakenForGone has a target not show somebody whom the bridge made there,
// until that was believed, and they left: what has the id that only the bridge gives is
// theirs, and loses what was decided for it. What nobody ever decided stays. R-DRIFT-1.
func TestDriftFindsWhoWasTakenForGone(t *testing.T) {
	for name, c := range map[string]struct {
		id     func(id string) string // that the account has at the target
		active bool
		undone int
	}{
		"it has their id":         {func(id string) string { return id }, false, 1},
		"it has another's id":     {func(string) string { return "somebody" }, true, 0},
		"it has no id of anybody": {func(string) string { return "" }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				id := w.admit("", "Engineering", true)
				w.admitNamed("eve", "", "Engineering", true)
				settle(time.Second)
				w.admit(id, "Engineering", false)
				settle(time.Second)
				w.update(func(tx store.Tx) error {
					a, err := store.Accounts.Get(tx, "wiki", id)
					if err != nil {
						return err
					}
					a.RemoteID, a.Attributes, a.Entitlements, a.Managed = "", nil, nil, nil
					return store.Accounts.Put(tx, a)
				})
				w.target.edit("r-"+id, func(a *schema.Account) {
					a.Active, a.Entitlements = true, []string{"Editors", "Readers"}
					a.Attributes = map[string]string{"userName": "ada", "externalId": c.id(id)}
				})
				settle(time.Second)
				drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
				if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != c.undone {
					t.Errorf("%+v, %v; want %d undone", run, err, c.undone)
				}
				settle(time.Second)
				want := []string{"Editors", "Readers"}
				if c.undone > 0 {
					want = want[:1]
				}
				w.want(id, c.active, want...)
				if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 0 {
					t.Errorf("again: %+v, %v; want nothing to be undone", run, err)
				}
			})
		})
	}
}

// TestOneOfTwoWhoWereMade has somebody be made twice, where the first was not shown: the one
// that the bridge does not know is an orphan, of which is said whose it is. R-DRIFT-1.
func TestOneOfTwoWhoWereMade(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.target.edit("r-2", func(a *schema.Account) {
			a.Active, a.Attributes = true, map[string]string{"userName": "ada", "externalId": id}
		})
		w.target.edit("r-3", func(a *schema.Account) { a.Active, a.Attributes = true, map[string]string{"userName": "eve"} })
		orphans := scheduler.Orphans(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		if _, err := w.sweep("orphans", orphans, policy.Brake{Count: 10, Percent: 100}); err != nil {
			t.Fatal(err)
		}
		for _, f := range w.open("orphan") {
			if named := strings.Contains(f.Reason, id); named != (f.Subject == "r-2") {
				t.Errorf("of %s is said: %s", f.Subject, f.Reason)
			}
		}
		if n := len(w.open("orphan")); n != 2 {
			t.Errorf("%d orphans, want two", n)
		}
		w.want(id, true, "Readers")
	})
}
