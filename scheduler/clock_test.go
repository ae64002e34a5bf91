package scheduler_test

import (
	"context"
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
	"drawbridge/store/enginetest"
)

// A lease that ends while the work goes on, because it took longer than anyone
// thought or the clock was put forward, gives the item to nobody else in this
// process.
func TestNoItemTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		now, most, calls := 0, 0, 0
		l := scheduler.Loop{
			Store: s, Lane: "test", Workers: 4, TTL: time.Minute, Grace: time.Hour, Log: discard(),
			Backoff: scheduler.Backoff{First: time.Second, Most: time.Minute},
			Handle: func(context.Context, store.Item) (access.Finish, error) {
				mu.Lock()
				now, calls = now+1, calls+1
				most = max(most, now)
				first := calls == 1
				mu.Unlock()
				wait := time.Second
				if first {
					wait = 10 * time.Minute
				}
				time.Sleep(wait) //nolint:forbidigo // of the bubble's own time
				mu.Lock()
				now--
				mu.Unlock()
				return nil, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		if err := s.Update(ctx, func(tx store.Tx) error { return tx.Wake("test", "a", tx.Now()) }); err != nil {
			t.Fatal(err)
		}
		settle(time.Hour)
		if most != 1 || calls < 1 {
			t.Errorf("%d workers had the item at once, %d in all; want one at once", most, calls)
		}
		err = s.View(ctx, func(r store.Reader) error {
			if _, ok, err := store.NextDue(r, "test"); err != nil || ok {
				t.Errorf("after %d calls the item is still there: %v", calls, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A target that lists nothing at all has lost its mind, not its accounts. R-DRIFT-1.
func TestEmptyListingProvesNothing(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		w.target.change(func(g *target) { g.lists = func(schema.Account) bool { return false } })
		run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100})
		if err == nil || run.Done != 0 {
			t.Errorf("%+v, %v; want an error, and nothing done", run, err)
		}
		if a := w.account(id); !a.Exists() {
			t.Error("the account was forgotten")
		}
	})
}

// An account that a listing lacks is gone only if it can not be read either. R-DRIFT-1.
func TestShrunkenListingProvesNothing(t *testing.T) {
	inBubble(t, func(w *world) {
		ada := w.admitNamed("ada", "", "Engineering", true)
		bob := w.admitNamed("bob", "", "Engineering", true)
		settle(2 * time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		w.target.change(func(g *target) { g.lists = func(a schema.Account) bool { return a.RemoteID != "r-"+ada } })
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 0 {
			t.Errorf("%+v, %v; want nothing done", run, err)
		}
		if a := w.account(ada); !a.Exists() {
			t.Error("the account was forgotten")
		}
		w.target.change(func(g *target) { g.lists = nil })
		settle(time.Second)
		w.target.change(func(g *target) { delete(g.accounts, "r-"+bob) })
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 {
			t.Errorf("%+v, %v; want the one that is gone woken", run, err)
		}
		settle(2 * time.Second)
		w.want(bob, true, "Readers")
	})
}
