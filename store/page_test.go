package store_test

import (
	"fmt"
	"slices"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
)

// pages is a store with 25 assignments of one entitlement, one of another, and a
// log with 10 entries about each of three subjects, in turn.
func pages(t *testing.T) *store.Store {
	t.Helper()
	s := open(t)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for i := range 25 {
			a := schema.Assignment{Identity: fmt.Sprintf("i%02d", i), Connector: "wiki", Entitlement: "readers"}
			if err := store.Assignments.Put(tx, a); err != nil {
				return err
			}
		}
		if err := store.Assignments.Put(tx, schema.Assignment{Identity: "i03", Connector: "wiki", Entitlement: "writers"}); err != nil {
			return err
		}
		for i := range 30 {
			d := schema.Decision{Actor: "bridge", Verb: schema.Found, Subject: fmt.Sprintf("s%d", i%3), Reason: fmt.Sprint(i)}
			if _, err := tx.Record(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestByFromPagesThroughAnIndex(t *testing.T) {
	s := pages(t)
	var got []string
	after := []string{}
	for range 4 {
		err := s.View(t.Context(), func(r store.Reader) error {
			n := 0
			for a, err := range store.Assignments.ByFrom(r, store.AssignmentHeld, []string{"wiki", "readers"}, after...) {
				if err != nil {
					return err
				}
				got = append(got, a.Identity)
				after = []string{a.Identity, a.Connector, a.Entitlement}
				if n++; n == 10 {
					break
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 25 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != 25 {
		t.Errorf("three pages and an empty one: %v; want i00 to i24, each once", got)
	}
}

func TestLogAboutBefore(t *testing.T) {
	s := pages(t)
	for _, test := range []struct {
		subject string
		before  int64
		n       int
		want    []int64
	}{
		{"s1", 30, 3, []int64{28, 25, 22}},
		{"s1", 22, 3, []int64{19, 16, 13}},
		{"s1", 4, 3, []int64{1}},
		{"s1", 0, 3, nil},
		{"s2", 30, 50, []int64{29, 26, 23, 20, 17, 14, 11, 8, 5, 2}},
		{"nobody", 30, 3, nil},
	} {
		err := s.View(t.Context(), func(r store.Reader) error {
			entries, err := store.LogAboutBefore(r, test.subject, test.before, test.n)
			var got []int64
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%d about %s before %d: %v, want %v", test.n, test.subject, test.before, got, test.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLeavesFrom(t *testing.T) {
	s := pages(t)
	err := s.View(t.Context(), func(r store.Reader) error {
		for from, want := range map[int64]int{-1: 30, 0: 30, 29: 1, 30: 0, 99: 0} {
			n := 0
			for _, err := range store.LeavesFrom(r, from) {
				if err != nil {
					return err
				}
				n++
			}
			if n != want {
				t.Errorf("leaves from %d: %d, want %d", from, n, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
