package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

var subjects = []string{"a", "ab", `"quoted" <b>`, "group/Zoë"}

// recorded writes decisions, of which some are about several, and returns the numbers
// of those about each.
func recorded(t *testing.T, s *store.Store, n int) map[string][]int64 {
	t.Helper()
	about := map[string][]int64{}
	r := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < n; from += 100 {
		update(t, s, func(tx store.Tx) error {
			for i := from; i < min(n, from+100); i++ {
				these := slices.Clone(subjects)
				r.Shuffle(len(these), func(a, b int) { these[a], these[b] = these[b], these[a] })
				these = these[:1+r.IntN(2)]
				d := schema.Decision{ID: fmt.Sprintf("%06d", i), Actor: "test", Verb: schema.Found, Subject: these[0], Also: these[1:], Reason: `it mentions "a"`}
				if _, err := tx.Record(d); err != nil {
					return err
				}
				for _, subject := range these {
					about[subject] = append(about[subject], int64(i))
				}
			}
			return nil
		})
	}
	return about
}

// toldAbout compares what is found about each with what was recorded.
func toldAbout(t *testing.T, s *store.Store, about map[string][]int64) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		for _, subject := range append(subjects, "nobody") {
			var got []int64
			for e, err := range store.LogAbout(r, subject) {
				if err != nil {
					return err
				}
				got = append(got, e.Seq)
			}
			if want := about[subject]; !slices.Equal(got, want) {
				t.Fatalf("about %s: %d entries %v, want %d", subject, len(got), got, len(want))
			}
			for _, before := range []int64{0, 1, 500, 1023, 1024, 1500, 1 << 40} {
				for _, n := range []int{0, 1, 7, 5000} {
					want := slices.DeleteFunc(slices.Clone(about[subject]), func(seq int64) bool { return seq >= before })
					slices.Reverse(want)
					want = want[:min(n, len(want))]
					entries, err := store.LogAboutBefore(r, subject, before, n)
					if err != nil {
						return err
					}
					var got []int64
					for _, e := range entries {
						got = append(got, e.Seq)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%d about %s before %d: %v, want %v", n, subject, before, got, want)
					}
				}
			}
		}
		return nil
	})
	checkStore(t, s)
}

// TestLogAboutIndexedAndNot finds decisions by whom they are about, whether they are
// indexed or in the tail.
func TestLogAboutIndexedAndNot(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 1000, 2000, 4000} {
		path := filepath.Join(t.TempDir(), "test.db")
		s := openPath(t, path)
		about := recorded(t, s, n)
		toldAbout(t, s, about) // perhaps while it is being indexed
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if rows, long := len(keysOf(t, path, "log/about")), n >= 1024; rows > 0 != long {
			t.Errorf("of %d decisions, %d rows say whom they are about", n, rows)
		}
		toldAbout(t, openPath(t, path), about)
	}
}

// keysOf returns the keys of a table of a store that is closed.
func keysOf(t *testing.T, path, table string) (keys [][]byte) {
	t.Helper()
	e, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	txn, err := e.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = txn.Rollback() }()
	return keysIn(t, txn, table)
}

func keysIn(t *testing.T, txn store.Txn, table string) (keys [][]byte) {
	t.Helper()
	for row, err := range txn.Scan(table, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, slices.Clone(row.Key))
	}
	return keys
}

// TestOpenSecondLayout opens a store whose log was indexed to its end, with a row of
// it in the same commit, and whose leased items had one place, urgent or not.
func TestOpenSecondLayout(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	s := openPath(t, path)
	about := recorded(t, s, 10)
	update(t, s, func(tx store.Tx) error {
		if err := errors.Join(tx.WakeUrgent("lane", "leaver"), tx.Wake("lane", "other", tx.Now())); err != nil {
			return err
		}
		items, err := tx.Lease("lane", 2, time.Hour)
		if err == nil && len(items) != 2 {
			t.Errorf("leased %v", items)
		}
		return err
	})
	older(t, s, path, 2, func(txn store.Txn) error {
		for subject, seqs := range about {
			for _, seq := range seqs {
				key := append([]byte(subject), 0, 1, 0, 0, 0, 0, 0, 0, 0, byte(seq))
				if err := txn.Put("log/about", key, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		moved := 0
		for _, key := range keysIn(t, txn, "ready") {
			before := slices.Clone(key)
			if place := len("lane") + 2; key[place] == 'd' {
				key[place] = 'c'
				moved++
				if err := errors.Join(txn.Delete("ready", before), txn.Put("ready", key, nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if moved != 1 {
			t.Fatalf("%d items are leased and urgent, want one", moved)
		}
		return txn.Delete("meta", []byte("log.indexed"))
	})
	s = openPath(t, path)
	toldAbout(t, s, about)
	update(t, s, func(tx store.Tx) error {
		items, err := tx.LeaseUrgent("lane", 2, time.Hour)
		if err == nil && (len(items) != 1 || items[0].ID != "leaver") {
			t.Errorf("leased %v, want who left", items)
		}
		return err
	})
}
