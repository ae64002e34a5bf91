package scheduler_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestNobodyIsMadeWhileHalted has the bridge in doubt whether it made an account, at a
// target that was halted since: it is not told anything, and is once it is resumed.
func TestNobodyIsMadeWhileHalted(t *testing.T) {
	inBubble(t, func(w *world) {
		halting := access.Halting{Connector: "wiki", Known: []string{"wiki"}, By: "token/test", Reason: "an incident"}
		w.update(func(tx store.Tx) error {
			_, err := access.Halt(tx, halting)
			return err
		})
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			a, err := store.Accounts.Get(tx, "wiki", id)
			if err != nil {
				return err
			}
			a.RemoteID, a.Active, a.Attributes = connectors.Unnamed("ada"), true, map[string]string{"userName": "ada"}
			a.Entitlements, a.Managed, a.State = []string{"Readers"}, []string{"Readers"}, schema.Retrying
			if err := store.Accounts.Put(tx, a); err != nil {
				return err
			}
			return tx.WakeUrgent(access.LaneAccount("wiki"), id)
		})
		settle(time.Minute)
		if calls := w.target.called(); calls > 0 {
			t.Errorf("the target was called %d times while it was halted", calls)
		}
		w.update(func(tx store.Tx) error {
			_, err := access.Resume(tx, halting)
			return err
		})
		settle(time.Minute)
		w.want(id, true, "Readers")
	})
}

// TestUndecidedIsAsUrgentAsItEnds has an account be otherwise than is wanted, and nobody have
// decided about it: whose it is is decided about first, at once where the account waited so or
// where that takes access away. R-PROV-1.
func TestUndecidedIsAsUrgentAsItEnds(t *testing.T) {
	for name, test := range map[string]struct {
		urgent bool     // the account's item
		has    []string // and is to have Readers
		want   bool
	}{
		"it gets something":          {want: false},
		"it gets something, at once": {urgent: true, want: true},
		"something is taken from it": {has: []string{"Editors", "Readers"}, want: true},
		"something for something":    {has: []string{"Editors"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				id := w.admit("", "Engineering", true)
				settle(time.Second)
				w.update(func(tx store.Tx) error {
					a, err := store.Accounts.Get(tx, "wiki", id)
					if err != nil {
						return err
					}
					a.Entitlements, a.Managed = test.has, test.has
					return store.Accounts.Put(tx, a)
				})
				p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: w.target}
				finish, err := p.Handle(t.Context(), store.Item{Lane: access.LaneAccount("wiki"), ID: id, Urgent: test.urgent, Attempt: 1})
				if err != nil {
					t.Fatal(err)
				}
				w.update(func(tx store.Tx) error {
					if _, err := finish(tx); err != nil {
						return err
					}
					_, due, err := store.NextDue(tx, access.LaneIdentity)
					if err != nil || !due {
						t.Errorf("nobody is decided about: %v", err)
					}
					_, urgent, err := store.NextUrgent(tx, access.LaneIdentity)
					if urgent != test.want {
						t.Errorf("it is urgent: %v, want %v", urgent, test.want)
					}
					return err
				})
			})
		})
	}
}
