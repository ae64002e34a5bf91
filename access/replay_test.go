package access_test

import (
	"errors"
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestReplayTellsATargetAgain has a target forget what it was told, which the
// bridge does not know of, and has it told again.
func TestReplayTellsATargetAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		before := w.holds(ada)
		if before == "" {
			t.Fatal("she holds nothing to begin with")
		}
		lost := w.targets["wiki"]["r-"+ada]
		lost.Entitlements = nil
		w.targets["wiki"]["r-"+ada] = lost
		w.work()
		if w.holds(ada) == before {
			t.Fatal("the bridge noticed by itself: there is nothing to replay")
		}
		var told bool
		w.update(func(tx store.Tx) (err error) {
			told, err = access.Replay(tx, w.rules.Book(), "token/ops", "wiki", ada)
			return err
		})
		w.work()
		if got := w.holds(ada); !told || got != before {
			t.Errorf("told %v, and the targets have %q, want %q", told, got, before)
		}
		w.view(func(r store.Reader) error {
			a, err := store.Accounts.Get(r, "wiki", ada)
			if a.State != schema.Settled || !a.Due.IsZero() {
				t.Errorf("the account is %s with %+v due", a.State, a.Due)
			}
			return err
		})
	})
}

func TestReplayAllGoesThroughAllOfOneConnector(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		const accounts = 600 // more than one chunk
		w.update(func(tx store.Tx) error {
			for i := range accounts {
				for _, connector := range []string{"crm", "wiki"} {
					a := schema.Account{Connector: connector, Identity: fmt.Sprintf("i-%04d", i), RemoteID: fmt.Sprintf("i-%04d", i), State: schema.Settled}
					if i%2 == 1 && connector == "wiki" {
						a.RemoteID = "" // it is not there
					}
					if err := store.Accounts.Put(tx, a); err != nil {
						return err
					}
				}
			}
			return nil
		})
		n, err := access.ReplayAll(t.Context(), w.store, w.rules.Book(), "token/ops", "wiki")
		if err != nil || n != accounts/2 {
			t.Errorf("%d accounts, %v, want %d", n, err, accounts/2)
		}
		w.view(func(r store.Reader) error {
			waiting := map[string]int{}
			for _, connector := range []string{"crm", "wiki"} {
				for _, err := range store.Items(r, access.LaneAccount(connector)) {
					if err != nil {
						return err
					}
					waiting[connector]++
				}
			}
			if waiting["wiki"] != accounts/2 || waiting["crm"] != 0 {
				t.Errorf("woken %v, want those of wiki alone", waiting)
			}
			return nil
		})
	})
}

func TestReplayOfWhatIsNotThere(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.update(func(tx store.Tx) error {
			if told, err := access.Replay(tx, w.rules.Book(), "token/ops", "wiki", "nobody"); told || err != nil {
				t.Errorf("nobody: %v, %v", told, err)
			}
			if _, err := access.Replay(tx, w.rules.Book(), "token/ops", "elsewhere", "nobody"); !errors.Is(err, schema.ErrHeld) {
				t.Errorf("a connector that observes: %v, want it refused", err)
			}
			return nil
		})
	})
}
