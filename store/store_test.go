package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

// open returns a store on a new file.
func open(t testing.TB) *store.Store {
	t.Helper()
	return openPath(t, filepath.Join(t.TempDir(), "test.db"))
}

func openPath(t testing.TB, path string) *store.Store {
	t.Helper()
	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func update(t testing.TB, s *store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *store.Store, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestSharedCommit has a hundred Updates at once, of which some fail and some
// panic: each is told its own fate, and only the good ones leave a trace: their records,
// their items and their decisions. R-LOG-4.
func TestSharedCommit(t *testing.T) {
	for _, engine := range []string{"one writer", "several writers"} {
		t.Run(engine, func(t *testing.T) {
			e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			if engine == "several writers" {
				e = enginetest.Several(e)
			}
			s, err := store.Open(e)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			sharedCommit(t, s)
		})
	}
}

func sharedCommit(t *testing.T, s *store.Store) {
	errBad := errors.New("bad")
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			defer func() {
				if p := recover(); (p != nil) != (i%10 == 7) {
					t.Errorf("update %d: panic %v", i, p)
				}
			}()
			err := s.Update(t.Context(), func(tx store.Tx) error {
				name := fmt.Sprintf("n%02d", i)
				err := errors.Join(
					store.Settings.Put(tx, store.Setting{Name: name, Value: "1"}),
					store.Settings.Put(tx, store.Setting{Name: "last", Value: name}),
					tx.Wake("lane", name, time.Now()))
				if _, rerr := tx.Record(schema.Decision{Actor: "test", Verb: schema.Found, Subject: name}); rerr != nil {
					return rerr
				}
				switch {
				case err != nil:
					return err
				case i%10 == 3:
					return errBad
				case i%10 == 7:
					panic("deliberate")
				}
				return nil
			})
			if errors.Is(err, errBad) != (i%10 == 3) {
				t.Errorf("update %d: got %v", i, err)
			}
		})
	}
	wg.Wait()
	for {
		if n, err := s.Sequence(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
	}
	var settings, items, entries []string
	view(t, s, func(r store.Reader) error {
		for x, err := range store.Settings.All(r) {
			if err != nil {
				return err
			}
			if x.Name != "last" {
				settings = append(settings, x.Name)
			}
		}
		for x, err := range store.Items(r, "lane") {
			if err != nil {
				return err
			}
			items = append(items, x.ID)
		}
		for x, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			entries = append(entries, x.Decision.Subject)
		}
		if n, err := store.Settings.Count(r); err != nil || n != 81 {
			t.Errorf("count %d, %v; want 81", n, err)
		}
		return nil
	})
	slices.Sort(entries)
	if len(settings) != 80 || !slices.Equal(settings, items) || !slices.Equal(settings, entries) {
		t.Errorf("%d records, %d items, %d decisions; want the same 80", len(settings), len(items), len(entries))
	}
}

func TestClosed(t *testing.T) {
	s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(store.Tx) error { return nil })
	if !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestUniqueIndex(t *testing.T) {
	s := open(t)
	alice := schema.Identity{ID: "1", Source: "hr", UserName: "Alice"}
	update(t, s, func(tx store.Tx) error { return store.Identities.Put(tx, alice) })
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return store.Identities.Put(tx, schema.Identity{ID: "2", Source: "hr", UserName: "aLICE"})
	})
	if !errors.Is(err, schema.ErrConflict) || !strings.Contains(err.Error(), "userName") {
		t.Errorf("got %v, want ErrConflict naming userName", err)
	}
	update(t, s, func(tx store.Tx) error {
		alice.Deleted = tx.Now()
		return errors.Join(store.Identities.Put(tx, alice),
			store.Identities.Put(tx, schema.Identity{ID: "2", Source: "hr", UserName: "alice"}))
	})
	view(t, s, func(r store.Reader) error {
		got, err := store.Identities.One(r, store.IdentityUserName, "hr", store.Fold("ALICE"))
		if err == nil && got.ID != "2" {
			t.Errorf("got %s, want 2: the deleted one is found by id only", got.ID)
		}
		return err
	})
}

// TestUrgentFirst has a thousand items before an urgent one, which still is
// leased first, and again first after it failed. R-SLO-2.
func TestUrgentFirst(t *testing.T) {
	s := open(t)
	update(t, s, func(tx store.Tx) error {
		for i := range 1000 {
			if err := tx.Wake("lane", fmt.Sprint(i), tx.Now().Add(-time.Hour)); err != nil {
				return err
			}
		}
		return tx.WakeUrgent("lane", "leaver")
	})
	for attempt := 1; attempt <= 2; attempt++ {
		update(t, s, func(tx store.Tx) error {
			items, err := tx.Lease("lane", 1, time.Minute)
			if err != nil {
				return err
			}
			if len(items) != 1 || items[0].ID != "leaver" || items[0].Attempt != attempt {
				t.Fatalf("attempt %d: leased %v", attempt, items)
			}
			return tx.Retry(items[0], tx.Now())
		})
	}
}

// TestWokenAndLeasedInOneCommit has an item come and go in one transaction, as
// happens when Updates share a commit: of its place in the order nothing stays.
func TestWokenAndLeasedInOneCommit(t *testing.T) {
	s := open(t)
	update(t, s, func(tx store.Tx) error {
		if err := tx.Wake("lane", "a", tx.Now()); err != nil {
			return err
		}
		items, err := tx.Lease("lane", 1, time.Minute)
		if err != nil || len(items) != 1 {
			t.Fatalf("leased %v, %v", items, err)
		}
		return tx.Done(items[0], time.Time{})
	})
	if report, err := s.Check(t.Context()); err != nil || !report.OK() {
		t.Errorf("%v, %v", report.Faults, err)
	}
}

// TestCrashReleasesLeases leases an item and loses the process: the next one
// gets the item at once, with the time it was due.
func TestCrashReleasesLeases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openPath(t, path)
	var due time.Time
	update(t, s, func(tx store.Tx) error { due = tx.Now(); return tx.Wake("lane", "a", due) })
	update(t, s, func(tx store.Tx) error { _, err := tx.Lease("lane", 1, time.Hour); return err })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openPath(t, path)
	update(t, s, func(tx store.Tx) error {
		items, err := tx.Lease("lane", 1, time.Hour)
		if len(items) != 1 || items[0].Attempt != 2 || !items[0].Due.Equal(due) {
			t.Errorf("leased %v, want a, due %v, for the second time", items, due)
		}
		return err
	})
}

func TestNewerLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(txn.Put("meta", []byte("layout"), []byte{0, 0, 0, 0, 0, 0, 0, 99}), txn.Commit()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(e); !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("got %v, want ErrInvalid that says it is newer", err)
	}
}

func TestOfWhatIsTriedNothingStays(t *testing.T) {
	s := open(t)
	put := func(tx store.Tx) error {
		_, err := tx.Record(schema.Decision{Verb: schema.Found, Subject: "s"})
		return errors.Join(err, store.Groups.Put(tx, schema.Group{ID: "g"}), tx.Wake("lane", "item", tx.Now()))
	}
	if err := s.Try(t.Context(), put); err != nil {
		t.Errorf("what would succeed: %v", err)
	}
	wrong := errors.New("no")
	if err := s.Try(t.Context(), func(tx store.Tx) error { return errors.Join(put(tx), wrong) }); !errors.Is(err, wrong) {
		t.Errorf("what would fail: %v, want its error", err)
	}
	view(t, s, func(r store.Reader) error {
		groups, errGroups := store.Groups.Count(r)
		size, errLog := store.LogSize(r)
		_, due, errLane := store.NextDue(r, "lane")
		if groups != 0 || size != 0 || due {
			t.Errorf("%d groups, %d decisions, item due %v; want nothing of it", groups, size, due)
		}
		return errors.Join(errGroups, errLog, errLane)
	})
}

// TestNothingWrittenIsNotCommitted has functions that write nothing, or whose
// writes are taken back.
func TestNothingWrittenIsNotCommitted(t *testing.T) {
	for name, writers := range map[string]int{"one writer": 1, "several": 4} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(enginetest.Memory(writers))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			before := s.Stats().Commits
			update(t, s, func(tx store.Tx) error {
				_, err := tx.Lease("lane", 10, time.Minute)
				return errors.Join(err, store.Groups.Delete(tx, "nobody"))
			})
			if err := s.Try(t.Context(), func(tx store.Tx) error { return store.Groups.Put(tx, schema.Group{ID: "g"}) }); err != nil {
				t.Fatal(err)
			}
			if n := s.Stats().Commits - before; n != 0 {
				t.Errorf("%d commits of nothing", n)
			}
			update(t, s, func(tx store.Tx) error {
				_, err := tx.Record(schema.Decision{Verb: schema.Found, Subject: "s"})
				return err
			})
			update(t, s, func(tx store.Tx) error { return tx.Wake("lane", "a", tx.Now()) })
			if n := s.Stats().Commits - before; n != 2 {
				t.Errorf("%d commits of two that wrote", n)
			}
		})
	}
}
