package scheduler_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
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
