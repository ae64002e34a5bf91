package scheduler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// sweeping runs a sweep that may take nothing away without people, and keeps its
// holds and its record. It returns the record.
func (w *world) sweeping(name string) schema.Run {
	w.t.Helper()
	sweeps := map[string]scheduler.Sweep{
		"drift":  {Run: scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})},
		"expiry": {Run: scheduler.Expiry(w.store, w.rules)},
	}
	sweep := sweeps[name]
	sweep.Name, sweep.Mode, sweep.Schedule = name, schema.Propose, cron.ConstantDelaySchedule{Delay: time.Hour}
	observed := &ran{}
	s := scheduler.Sweeper{Store: w.store, Rules: w.rules, Sweeps: map[string]scheduler.Sweep{name: sweep}, Observer: observed}
	finish, err := s.Handle(w.t.Context(), store.Item{ID: name})
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) error { _, err := finish(tx); return err })
	return observed.last
}

type ran struct{ last schema.Run }

func (*ran) Exposure(string, string, time.Duration, bool) {}
func (*ran) Missed(string)                                {}
func (r *ran) Swept(run schema.Run)                       { r.last = run }

// release has two people release what is held now, and returns the hold.
func (w *world) release(id string) (h schema.Hold) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) {
		if h, err = store.Holds.Get(tx, id); err != nil {
			return err
		}
		for _, by := range []string{"token/a", "token/b"} {
			if _, err := access.Release(tx, w.rules.Book(), access.Releasing{Hold: id, Plan: h.Plan, By: by, Reason: "as it should be"}); err != nil {
				return err
			}
		}
		return nil
	})
	return h
}

// tamper has somebody add an entitlement at the target, past the bridge.
func (w *world) tamper(identity string) {
	w.target.edit("r-"+identity, func(a *schema.Account) { a.Entitlements = schema.Sorted(append(a.Entitlements, "Editors")...) })
}

func TestReleasedDriftIsUndoneOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		ada, bob := w.admitNamed("ada", "", "Engineering", true), w.admitNamed("bob", "", "Engineering", true)
		settle(time.Second)
		w.tamper(ada)
		settle(time.Second)
		if run := w.sweeping("drift"); run.Held == "" || run.Found != 1 || run.Done != 0 {
			t.Fatalf("without people: %+v", run)
		}
		h := w.release("sweep:drift:wiki")
		if h.Count != 1 || h.First[0].Identity != ada || h.First[0].What != "has Editors" {
			t.Errorf("held: %+v", h)
		}
		w.tamper(bob)
		if run := w.sweeping("drift"); run.Held == "" || run.Done != 0 || len(run.Released) != 0 {
			t.Errorf("more than what people released: %+v; want it held", run)
		}
		settle(time.Second)
		w.want(ada, true, "Editors", "Readers")
		w.release("sweep:drift:wiki")
		if run := w.sweeping("drift"); run.Held != "" || run.Done != 2 || len(run.Released) != 1 {
			t.Errorf("what people released: %+v; want it done", run)
		}
		settle(time.Second)
		w.want(ada, true, "Readers")
		w.want(bob, true, "Readers")
		w.tamper(ada)
		settle(time.Second)
		if run := w.sweeping("drift"); run.Held == "" || run.Done != 0 {
			t.Errorf("the same once more: %+v; want people asked again", run)
		}
	})
}

// TestFailedListingKeepsTheHold is about a target that cannot be listed after
// people were asked about it.
func TestFailedListingKeepsTheHold(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.tamper(id)
		settle(time.Second)
		w.sweeping("drift")
		w.release("sweep:drift:wiki")
		w.target.change(func(g *target) { g.broken = true })
		if run := w.sweeping("drift"); run.Problem == "" {
			t.Errorf("%+v, want a problem", run)
		}
		w.target.change(func(g *target) { g.broken = false })
		if run := w.sweeping("drift"); run.Done != 1 {
			t.Errorf("%+v, want done what people released", run)
		}
	})
}

// TestReleasedExpiry proves R-BRAKE-1.
func TestReleasedExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		grant := func(identity string) {
			w.update(func(tx store.Tx) error { // it is past its end, and nobody looked
				return store.Grants.Put(tx, schema.Grant{ID: tx.NewID(), Identity: identity, Role: "editor", From: tx.Now().Add(-2 * time.Hour), Until: tx.Now().Add(-time.Hour)})
			})
		}
		grant("x")
		grant("y")
		if run := w.sweeping("expiry"); run.Held == "" || run.Found != 2 || run.Done != 0 {
			t.Fatalf("without people: %+v", run)
		}
		w.release("sweep:expiry")
		grant("z")
		if run := w.sweeping("expiry"); run.Held == "" || run.Done != 0 {
			t.Errorf("more than people released: %+v", run)
		}
		w.release("sweep:expiry")
		if run := w.sweeping("expiry"); run.Held != "" || run.Done != 3 {
			t.Errorf("what people released: %+v", run)
		}
		if run := w.sweeping("expiry"); run.Found != 0 || run.Held != "" {
			t.Errorf("nothing is due: %+v", run)
		}
	})
}

func targets(g *target) map[string]connectors.Connector {
	return map[string]connectors.Connector{"wiki": g}
}

// everything is how much the store has been told: decisions, findings, holds and runs.
func (w *inspectWorld) everything() (n int64) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		n = 0
		for _, count := range []func(store.Reader) (int64, error){
			store.LogSize, store.Findings.Count, store.Holds.Count, store.Runs.Count, store.SweepProgress.Count, store.Accounts.Count, store.Grants.Count,
		} {
			some, err := count(r)
			if err != nil {
				return err
			}
			n += some
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
