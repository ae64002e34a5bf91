// Package accesstest has what tests of a bridge begin with: a store on a file of its own,
// and its work done by hand, an item after the other.
package accesstest

import (
	"path/filepath"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// Engine opens an engine on a file of the test's own. Whoever opens a store on it closes
// it with that.
func Engine(t testing.TB) store.Engine {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Store opens a store on a file of the test's own, and closes it when the test is over.
func Store(t testing.TB) *store.Store {
	t.Helper()
	return StoreOn(t, Engine(t))
}

// StoreOn is Store on an engine.
func StoreOn(t testing.TB, e store.Engine) *store.Store {
	t.Helper()
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Update is the store's, which must not fail.
func Update(t testing.TB, s *store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// View is the store's, which must not fail.
func View(t testing.TB, s *store.Store, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// mostLeased is how many items are worked on before others are looked for.
const mostLeased = 1000

// Lane does what is due in one lane, and reports whether there was anything.
func Lane(t testing.TB, s *store.Store, lane store.Lane, handle func(store.Item) (access.Finish, error)) bool {
	t.Helper()
	var items []store.Item
	Update(t, s, func(tx store.Tx) (err error) {
		items, err = tx.Lease(lane, mostLeased, time.Minute)
		return err
	})
	for _, item := range items {
		finish, err := handle(item)
		if err != nil {
			t.Fatalf("lane %s, item %s: %v", lane, item.ID, err)
		}
		Update(t, s, func(tx store.Tx) error {
			next := time.Time{}
			if finish != nil {
				if next, err = finish(tx); err != nil {
					return err
				}
			}
			return tx.Done(item, next)
		})
	}
	return len(items) > 0
}

// Reconcile looks at every identity that is due to be looked at.
func Reconcile(t testing.TB, s *store.Store, rules *access.Rules) bool {
	t.Helper()
	return Lane(t, s, access.LaneIdentity, func(item store.Item) (access.Finish, error) {
		return access.Reconcile(t.Context(), s, rules, item)
	})
}
