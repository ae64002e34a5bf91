package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A blind target shows nobody who is there, once it can be asked.
type blind struct {
	looks int
	away  int // how many of the first looks fail
}

func (b *blind) Apply(_ context.Context, have, _ schema.Account) (schema.Account, error) {
	if b.looks++; b.looks <= b.away {
		return have, errors.New("the line broke")
	}
	return schema.Account{}, nil
}

// TestWhatMayBeMadeIsLookedForTwice has somebody leave of whom an account was being made
// when the bridge died, or when the target went away: that the target does not show it,
// once it can be asked, does not mean that nobody is there.
func TestWhatMayBeMadeIsLookedForTwice(t *testing.T) {
	for _, away := range []int{0, 3} {
		t.Run(fmt.Sprint(away, " looks fail"), func(t *testing.T) {
			inBubble(t, func(w *world) { lookedForTwice(w, &blind{away: away}) })
		})
	}
}

func lookedForTwice(w *world, target *blind) {
	id := w.admit("", "Engineering", false)
	settle(time.Second)
	w.update(func(tx store.Tx) error {
		return store.Accounts.Put(tx, schema.Account{
			Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Retrying,
			Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
		})
	})
	p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: target}
	item := store.Item{Lane: access.LaneAccount("wiki"), ID: id, Attempt: 2}
	for range target.away + 1 {
		finish, err := p.Handle(w.t.Context(), item)
		if connectors.KindOf(err) != connectors.Transient || err == nil {
			w.t.Fatalf("look %d: %v, want it to be looked at again", target.looks, err)
		}
		w.update(func(tx store.Tx) error {
			_, err := finish(tx)
			return err
		})
		item.Attempt++
	}
	if _, err := p.Handle(w.t.Context(), item); err != nil {
		w.t.Errorf("the second time that it says so: %v, want it to be believed", err)
	}
}

// A haven is a target with one account, which it finds for whoever may have one, and which
// may not be read back.
type haven struct {
	there schema.Account
	shut  bool
}

func (h *haven) Apply(_ context.Context, have, want schema.Account) (schema.Account, error) {
	h.there.Active = want.Active
	h.there.Entitlements = slices.DeleteFunc(h.there.Entitlements, func(e string) bool { return slices.Contains(have.Managed, e) && !want.Holds(e) })
	return h.there, nil
}

func (h *haven) Read(context.Context, string) (schema.Account, error) {
	if h.shut {
		return schema.Account{}, errors.New("the line broke")
	}
	return h.there, nil
}

func (h *haven) List(context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) { yield(h.there, nil) }
}

// TestWhatWasThereIsNotForgotten has somebody leave who may have been made, and whose account
// was there before: it is disabled, and cannot be read back at first. What nobody ever gave
// it stays, then and at the next sweep. R-DRIFT-1.
func TestWhatWasThereIsNotForgotten(t *testing.T) {
	w := idleWorldOn(t, accesstest.Engine(t))
	defer w.stop()
	id := w.admit("", "Engineering", false)
	w.update(func(tx store.Tx) error {
		return store.Accounts.Put(tx, schema.Account{
			Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Retrying,
			Entitlements: []string{"Readers"}, Managed: []string{"Readers"},
			Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
		})
	})
	h := &haven{there: schema.Account{RemoteID: "r-1", Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"Editors", "Readers"}}}
	p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: h}
	for _, h.shut = range []bool{true, false} {
		var items []store.Item
		w.update(func(tx store.Tx) (err error) {
			if err := tx.WakeUrgent(access.LaneAccount("wiki"), id); err != nil {
				return err
			}
			items, err = tx.Lease(access.LaneAccount("wiki"), 1, time.Minute)
			return err
		})
		finish, failed := p.Handle(t.Context(), items[0])
		if (failed != nil) != h.shut {
			t.Errorf("not to be read %v: %v", h.shut, failed)
		}
		w.update(func(tx store.Tx) error {
			if _, err := finish(tx); err != nil {
				return err
			}
			return tx.Done(items[0], time.Time{})
		})
	}
	drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": h})
	if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 0 || run.Found != 0 {
		t.Errorf("%d found, %d undone, %v; want nothing", run.Found, run.Done, err)
	}
	if a := w.account(id); a.RemoteID != "r-1" || a.Active || !slices.Equal(a.Entitlements, []string{"Editors"}) || len(a.Managed) > 0 {
		t.Errorf("the account is %+v, want what nobody gave it to be remembered", a)
	}
}
