package scheduler_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TellsUse reports whether the target tells when accounts were used.
func (g *target) TellsUse() (tells bool) {
	g.change(func(g *target) { tells = g.tells })
	return tells
}

const (
	oneDay   = 24 * time.Hour
	longAgo  = 91 * oneDay
	quarter  = 90 * oneDay
	withWiki = "wiki"
)

// people puts accounts into the bridge and into the target, used as the target says, and a
// line for each that was given so long ago.
func (w *inspectWorld) people(given time.Duration, used map[string]func(*schema.Account)) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		var errs []error
		for name, how := range used {
			a := schema.Account{Connector: withWiki, Identity: name, RemoteID: "r-" + name, Active: true, Entitlements: []string{"Readers"}, Managed: []string{"Readers"}}
			line := schema.Assignment{Identity: name, Connector: withWiki, Entitlement: "readers", Because: []string{"role/engineer"}, Mode: schema.Enforce, Since: tx.Now().Add(-given)}
			errs = append(errs, store.Accounts.Put(tx, a), store.Assignments.Put(tx, line))
			how(&a)
			w.target.edit(a.RemoteID, func(there *schema.Account) { *there = a })
		}
		return errors.Join(errs...)
	})
}

// usedAgo says that an account was used so long ago.
func usedAgo(d time.Duration) func(*schema.Account) {
	return func(a *schema.Account) { a.LastUsed = time.Now().Add(-d) }
}

func unclear(a *schema.Account) { a.UseUnclear = true }

func never(*schema.Account) {}

// listed runs a drift sweep, which reads the target.
func (w *inspectWorld) listed() error {
	_, err := w.sweep("drift", scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{withWiki: w.target}), policy.Brake{Count: 10, Percent: 100})
	return err
}

// TestListingsTellOfDisabledAccounts has somebody disable an account at its target, and
// enable it again: a listing tells, of a target that tells nothing of use, too. What the
// bridge disabled, or is about to change, nobody else did. R-REV-5, R-DRIFT-1.
func TestListingsTellOfDisabledAccounts(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		off := func(a *schema.Account) { a.Active = false }
		switched := func(when, name string, want bool) {
			t.Helper()
			if err := w.listed(); err != nil {
				t.Fatal(err)
			}
			if got, _ := w.use(name).IsDisabled(); got != want {
				t.Errorf("%s: %s is disabled: %v", when, name, got)
			}
		}
		w.people(oneDay, map[string]func(*schema.Account){"ada": off, "bob": never, "eve": off})
		w.update(func(tx store.Tx) error {
			a, err := store.Accounts.Get(tx, withWiki, "eve")
			if err != nil {
				return err
			}
			a.State = schema.Pending
			return store.Accounts.Put(tx, a)
		})
		switched("somebody disabled it", "ada", true)
		switched("nobody did", "bob", false)
		switched("the bridge is about to change it", "eve", false)
		<-time.After(time.Minute)
		w.people(oneDay, map[string]func(*schema.Account){"ada": never})
		switched("somebody enabled it", "ada", false)
	})
}

// unused runs a sweep for what is unused, and returns what it found.
func (w *inspectWorld) unused() []string {
	w.t.Helper()
	if run := w.run(scheduler.Sweep{Name: "unused", Age: quarter}); run.Problem != "" {
		w.t.Fatal(run.Problem)
	}
	return w.findings("unused")
}

func (w *inspectWorld) use(name string) (u schema.Use) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
		u, err = store.Uses.Get(r, name, withWiki, "")
		return err
	})
	if err != nil && !schema.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return u
}

// TestTargetsTellOfUse proves R-REV-6, R-SWEEP-2: what a target says of when its accounts
// were used, in a listing that the drift sweep reads anyway, is what the sweep for the
// unused goes by.
func TestTargetsTellOfUse(t *testing.T) {
	used := map[string]func(*schema.Account){
		"ada": usedAgo(longAgo), "bob": usedAgo(oneDay), "eve": never, "mal": usedAgo(-oneDay), "odd": unclear,
	}
	inspecting(t, func(w *inspectWorld) {
		w.people(longAgo+oneDay, used)
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got := w.unused(); len(got) != 0 {
			t.Errorf("the target is none that tells, and it found %v", got)
		}
		w.target.change(func(g *target) { g.tells = true })
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.unused(), []string{"wiki ada readers", "wiki eve readers"}; !slices.Equal(got, want) {
			t.Errorf("it found %v; want %v: bob used it, and of mal and odd nothing is known", got, want)
		}
		if u := w.use("ada"); u.By != "connector/wiki" || time.Since(u.LastUsed) != longAgo {
			t.Errorf("it is kept as %+v", u)
		}
		if u := w.use("mal"); !u.LastUsed.IsZero() || !u.Unclear {
			t.Errorf("a time that is yet to come is kept as %+v", u)
		}
		if run := w.run(scheduler.Sweep{Name: "unused", Age: quarter}); !strings.Contains(fmt.Sprint(run.First), "as connector wiki says") {
			t.Errorf("it does not say who told: %v", run.First)
		}
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": usedAgo(time.Minute), "mal": usedAgo(longAgo)})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.unused(), []string{"wiki eve readers", "wiki mal readers"}; !slices.Equal(got, want) {
			t.Errorf("ada signed in, mal's clock was set, and it found %v; want %v", got, want)
		}
		w.target.change(func(g *target) { g.tells = false })
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got := w.unused(); len(got) != 0 {
			t.Errorf("the target tells no more, and it found %v", got)
		}
	})
}

// TestSilentListings has targets that are said to tell, and whose silence means nothing.
func TestSilentListings(t *testing.T) {
	for name, test := range map[string]struct {
		used    map[string]func(*schema.Account)
		given   time.Duration
		before  func(w *inspectWorld)
		want    []string
		waiting time.Duration
	}{
		"it tells of nobody":            {used: map[string]func(*schema.Account){"ada": never, "bob": never}},
		"it breaks off":                 {used: map[string]func(*schema.Account){"ada": never, "bob": usedAgo(time.Hour)}, before: func(w *inspectWorld) { w.target.change(func(g *target) { g.broken = true }) }},
		"it was given lately":           {used: map[string]func(*schema.Account){"ada": usedAgo(longAgo), "eve": never, "bob": usedAgo(time.Hour)}, given: oneDay},
		"nobody asked it for four days": {used: map[string]func(*schema.Account){"ada": usedAgo(longAgo), "bob": usedAgo(time.Hour)}, waiting: 4 * oneDay},
		"it tells":                      {used: map[string]func(*schema.Account){"ada": never, "bob": usedAgo(time.Hour)}, want: []string{"wiki ada readers"}},
	} {
		t.Run(name, func(t *testing.T) {
			inspecting(t, func(w *inspectWorld) {
				given := test.given
				if given == 0 {
					given = longAgo
				}
				w.people(given, test.used)
				w.target.change(func(g *target) { g.tells = true })
				if test.before != nil {
					test.before(w)
				}
				if err := w.listed(); err != nil && test.before == nil {
					t.Fatal(err)
				}
				settle(test.waiting)
				if got := w.unused(); !slices.Equal(got, test.want) {
					t.Errorf("it found %v; want %v", got, test.want)
				}
				if test.waiting == 0 {
					return
				}
				w.run(scheduler.Sweep{Name: "silence"})
				if got, want := w.findings("silent-feed"), []string{"wiki connector/wiki use"}; !slices.Equal(got, want) {
					t.Errorf("that it is silent is found as %v; want %v", got, want)
				}
			})
		})
	}
}

// TestFinerUseCounts has a source that tells of one entitlement, and a target that tells of
// the account.
func TestFinerUseCounts(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": usedAgo(time.Hour), "bob": usedAgo(longAgo)})
		w.target.change(func(g *target) { g.tells = true })
		w.update(func(tx store.Tx) error {
			old, late := tx.Now().Add(-longAgo), tx.Now().Add(-time.Hour)
			return errors.Join(
				store.Uses.Put(tx, schema.Use{Identity: "ada", Connector: withWiki, Entitlement: "readers", LastUsed: old, By: "source/siem"}),
				store.Uses.Put(tx, schema.Use{Identity: "bob", Connector: withWiki, Entitlement: "readers", LastUsed: late, By: "source/siem"}),
				store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: withWiki, Heard: tx.Now()}),
			)
		})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.unused(), []string{"wiki ada readers"}; !slices.Equal(got, want) {
			t.Errorf("it found %v; want %v: ada signs in and does not read", got, want)
		}
		settle(4 * oneDay) // the source fell silent
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got := w.unused(); len(got) != 0 {
			t.Errorf("nobody tells of reading any more, and it found %v", got)
		}
	})
}

// TestUseIsKeptSeldom has somebody at work all day, whom a target tells of every quarter of
// an hour.
func TestUseIsKeptSeldom(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.target.change(func(g *target) { g.tells = true })
		w.people(longAgo, map[string]func(*schema.Account){"ada": usedAgo(0)})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		began, kept := time.Now(), 0
		for range 5 * 24 * 4 {
			settle(15 * time.Minute)
			if time.Since(began) < 2*oneDay-time.Hour {
				w.target.edit("r-ada", func(a *schema.Account) { a.LastUsed = time.Now() })
			}
			before := w.use("ada")
			if err := w.listed(); err != nil {
				t.Fatal(err)
			}
			if !w.use("ada").LastUsed.Equal(before.LastUsed) {
				kept++
			}
		}
		if kept != 2 {
			t.Errorf("it was written down %d times in two days; want once after the first, and when the last was over", kept)
		}
		if got, want := w.use("ada").LastUsed, w.target.account("r-ada").LastUsed; !got.Equal(want) {
			t.Errorf("the last use is kept as %s; want %s", got, want)
		}
	})
}

// TestOldUsesHaveTheirSource reads what was kept before anybody said who told.
func TestOldUsesHaveTheirSource(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.target.change(func(g *target) { g.tells = true })
		w.people(longAgo, map[string]func(*schema.Account){"ada": usedAgo(3 * oneDay)})
		w.update(func(tx store.Tx) error {
			return store.Uses.Put(tx, schema.Use{Identity: "ada", Connector: withWiki, LastUsed: tx.Now().Add(-2 * oneDay), Rotated: tx.Now()})
		})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if u := w.use("ada"); u.By != "" || time.Since(u.LastUsed) != 2*oneDay {
			t.Errorf("what was told later before is now %+v", u)
		}
		w.people(longAgo, map[string]func(*schema.Account){"ada": usedAgo(0)})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if u := w.use("ada"); u.By != "connector/wiki" || u.Rotated.IsZero() {
			t.Errorf("what the target told is %+v", u)
		}
	})
}
