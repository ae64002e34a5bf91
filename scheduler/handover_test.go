package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

func (w *world) remove(id string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
}

func (w *world) account(id string) (a schema.Account) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
		a, err = store.Accounts.Get(r, "wiki", id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// has says what ada's account, which is active, has at a target that knows her by
// name.
func (w *world) has(entitlements string) {
	w.t.Helper()
	w.want("ada", true, strings.Fields(entitlements)...)
}

// Somebody who is deleted and told of anew keeps the account, and what only the
// former one should have is taken away; sweeps find nothing wrong with it.
func TestDeletedAndCreatedAgain(t *testing.T) {
	for _, row := range []struct {
		name    string
		between time.Duration
	}{{"at once", 0}, {"later", time.Minute}} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.target.change(func(g *target) { g.adopts = true })
				old := w.admit("", "Engineering", true)
				settle(time.Second)
				grantEditor(w, old)
				settle(2 * time.Second)
				w.has("Editors Readers")
				if row.between == 0 {
					w.target.down(true) // so that both are due when it is well again
				}
				w.remove(old)
				settle(row.between)
				id := w.admit("", "Engineering", true)
				settle(time.Second)
				w.target.down(false)
				settle(10 * time.Minute)
				w.has("Readers")
				if a := w.account(old); a.Exists() || !a.Due.IsZero() {
					t.Errorf("the one who is gone still has %+v", a)
				}
				if a := w.account(id); a.State != schema.Settled || !a.Due.IsZero() {
					t.Errorf("the one who came has %+v", a)
				}
				drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
				for range 3 {
					if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Found != 0 {
						t.Errorf("the sweep found %d, %v; want nothing", run.Found, err)
					}
					settle(time.Minute)
					w.has("Readers")
				}
			})
		})
	}
}

// late has the next call for an identity take half a minute, and take effect by then.
func (w *world) late(identity string, effect func(want schema.Account)) {
	first := true
	w.target.change(func(g *target) {
		g.answer = func(want schema.Account) {
			if want.Identity == identity && first {
				first = false
				time.Sleep(30 * time.Second) //nolint:forbidigo // of the bubble's own time
				effect(want)
			}
		}
	})
}

// What was under way for the former holder of an account reaches it after it went
// over: its new holder has it again.
func TestLateCallForAFormerHolder(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		old := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		w.late(old, func(want schema.Account) {
			if _, err := w.target.apply(schema.Account{RemoteID: "r-ada"}, want); err != nil { // now it takes effect
				t.Error(err)
			}
		})
		w.remove(old)
		id := w.admit("", "Engineering", true)
		settle(10 * time.Minute)
		w.has("Readers")
		if a := w.account(id); a.State != schema.Settled || !a.Active {
			t.Errorf("the one who came has %+v", a)
		}
	})
}

// What somebody gave by hand to the account of one who is gone does not go over with it as
// though it had been there before the bridge was. R-DRIFT-1.
func TestWhatAFormerHolderWasGivenByHand(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		old := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		w.remove(old)
		settle(2 * time.Second)
		w.target.edit("r-ada", func(a *schema.Account) { a.Entitlements = []string{"Editors"} })
		w.admit("", "Engineering", true)
		settle(time.Minute)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 {
			t.Errorf("%+v, %v; want one account mended", run, err)
		}
		settle(time.Minute)
		w.has("Readers")
	})
}

// Nobody takes over an account that is being written to for its former holder: either
// would write to it what the other knows nothing of. R-PROV-2.
func TestNothingGoesOverWhileItIsWritten(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		old := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		w.late(old, func(schema.Account) {})
		grantEditor(w, old)
		settle(3 * time.Second)
		w.remove(old)
		id := w.admit("", "Engineering", true)
		settle(20 * time.Second)
		w.target.change(func(g *target) {
			if slices.ContainsFunc(g.log, func(c call) bool { return c.identity == id }) {
				t.Error("it was written to for the one who came while a call for the other was under way")
			}
		})
		settle(10 * time.Minute)
		w.has("Readers")
		if a := w.account(id); a.State != schema.Settled || a.RemoteID != "r-ada" {
			t.Errorf("the one who came has %+v", a)
		}
	})
}

// A finder finds the same account for everybody, and takes its time.
type finder struct{ took []string }

func (f *finder) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	if _, err := connectors.Claim(ctx, have, want, schema.Account{RemoteID: "r-1"}); err != nil {
		return have, err
	}
	f.took = append(f.took, want.Identity)
	time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
	return schema.Account{RemoteID: "r-1", Active: true, Attributes: want.Attributes, Adopted: true}, nil
}

// One of two who find an account at the same time takes it, and the other looks again,
// also while it is yet to be written down who did. R-PROV-2.
func TestOneOfTwoTakesIt(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.down(true)
		ids := []string{w.admitNamed("ada", "", "Engineering", true), w.admitNamed("eve", "", "Engineering", true)}
		settle(time.Second)
		f := &finder{}
		p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: f}
		handle := func(n int) error {
			_, err := p.Handle(t.Context(), store.Item{Lane: access.LaneAccount("wiki"), ID: ids[n], Attempt: 1})
			return err
		}
		var first error
		var wg sync.WaitGroup
		wg.Go(func() { first = handle(0) })
		synctest.Wait()
		for _, when := range []string{"at the same time", "before it is written down"} {
			if err := handle(1); err == nil || connectors.KindOf(err) != connectors.Transient {
				t.Errorf("%s: %v, want an error that passes", when, err)
			}
			wg.Wait()
		}
		if first != nil || !slices.Equal(f.took, ids[:1]) {
			t.Errorf("%v took it, %v; want the first alone", f.took, first)
		}
	})
}

// Two who are both there are not given one account.
func TestTwoWithOneAccount(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		first := w.admitNamed("ada", "", "Engineering", true)
		settle(2 * time.Second)
		w.admitNamed("ada.lovelace", first, "Sales", true) // who keeps her account, disabled
		settle(2 * time.Second)
		second := w.admitNamed("ada", "", "Engineering", true)
		settle(time.Minute)
		if a := w.account(second); a.State != schema.Parked || a.Exists() || !strings.Contains(a.Problem, first) {
			t.Errorf("the second has %+v, want it parked for %s", a, first)
		}
		if a := w.account(first); a.RemoteID != "r-ada" {
			t.Errorf("the first has %+v", a)
		}
	})
}

// Whoever gets a name that another's account keeps, because its target refuses to give that
// another one, waits for people, visibly, and gets an account once the other gave up the name,
// whatever else is refused then and whatever the target makes of names; or that account once
// the other left.
func TestANameThatIsKept(t *testing.T) {
	unpark := func(w *world, first string) {
		w.target.change(func(g *target) { g.refuse = nil })
		w.update(func(tx store.Tx) error { return access.Unpark(tx, "token/test", "wiki", first) })
	}
	for name, c := range map[string]struct {
		prefix  string // that the target puts before user names
		settles func(w *world, first string)
	}{
		"renamed":                    {"", unpark},
		"renamed where names differ": {"x-", unpark},
		"renamed, then refused": {"", func(w *world, first string) {
			w.target.change(func(g *target) {
				g.refuse = func(s connectors.Step) error {
					if s.Verb != connectors.Grant || !slices.Contains(s.Entitlements, "Editors") {
						return nil
					}
					return &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no grants today")}
				}
			})
			grantEditor(w, first)
		}},
		"left": {"", func(w *world, first string) { w.remove(first) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.target.change(func(g *target) { g.adopts, g.prefix = true, c.prefix })
				first := w.admitNamed("ada", "", "Engineering", true)
				settle(2 * time.Second)
				w.target.change(func(g *target) {
					g.refuse = func(s connectors.Step) error {
						if s.Attributes["userName"] != c.prefix+"lovelace" {
							return nil
						}
						return &connectors.Error{Kind: connectors.Exists, Err: errors.New("somebody has the name")}
					}
				})
				w.admitNamed("lovelace", first, "Engineering", true)
				second := w.admitNamed("ada", "", "Engineering", true)
				settle(10 * time.Minute)
				if a := w.account(second); a.State != schema.Parked || !strings.Contains(a.Problem, first) {
					t.Errorf("the second has %+v, want it parked for %s", a, first)
				}
				c.settles(w, first)
				settle(time.Minute)
				a := w.account(second)
				if there := w.target.account(a.RemoteID); a.State != schema.Settled || !there.Active || there.Attributes["userName"] != c.prefix+"ada" {
					t.Errorf("the second has %+v, and there is %+v", a, there)
				}
			})
		})
	}
}

// Whoever gets the name of somebody who is away, and has another one, does not get
// their account, not even for a moment, until they are gone.
func TestTheNameOfSomebodyAway(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		away := w.admitNamed("ada", "", "Engineering", true)
		settle(2 * time.Second)
		w.admitNamed("ada", away, "Engineering", false)
		settle(2 * time.Second)
		w.admitNamed("ada.lovelace", away, "Engineering", false)
		second := w.admitNamed("ada", "", "Engineering", true)
		settle(time.Minute)
		if a := w.account(second); a.State != schema.Parked || a.Exists() || !strings.Contains(a.Problem, away) {
			t.Errorf("the second has %+v, want it parked for %s", a, away)
		}
		w.want("ada", false)
		w.target.change(func(g *target) {
			if slices.ContainsFunc(g.log, func(c call) bool { return c.identity == second }) {
				t.Error("the target was told to change it for the second")
			}
		})
		w.remove(away) // as disabled as before, but nobody's
		settle(time.Minute)
		w.want("ada", true, "Readers")
	})
}

// A target that can not be read back after it acknowledged is told again, so that
// a revocation is verified, measured and recorded however often reading fails. R-REV-8.
func TestReadingBackFails(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		fails := 3
		w.target.change(func(g *target) {
			g.blind = func() error {
				if fails--; fails >= 0 {
					return errors.New("the line broke")
				}
				return nil
			}
		})
		w.admit(id, "Engineering", false)
		settle(10 * time.Minute)
		w.want(id, false)
		a := w.account(id)
		if a.State != schema.Settled || !a.Verified || a.Last.Verified.IsZero() || !a.Last.Ends {
			t.Errorf("the account is %+v, want it verified", a)
		}
	})
}

// Somebody is to have again what was just taken from them, and that cannot be read back:
// they get it, although what is remembered of them says that they have it.
func TestReinstatedWhileReadingBackFails(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		slow, blind := true, true
		w.target.change(func(g *target) {
			g.answer = func(want schema.Account) {
				if !want.Active && slow {
					slow = false
					time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
				}
			}
			g.blind = func() error {
				if blind {
					blind = false
					return errors.New("the line broke")
				}
				return nil
			}
		})
		w.admit(id, "Engineering", false)
		settle(500 * time.Millisecond)
		w.admit(id, "Engineering", true)
		settle(10 * time.Minute)
		w.want(id, true, "Readers")
		if a := w.account(id); a.State != schema.Settled || !a.Due.IsZero() {
			t.Errorf("the account is %+v", a)
		}
	})
}
