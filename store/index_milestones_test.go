package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

// A crowd of groups, by id, and what they are called: of two sources, one of which
// sorts between the names of the other's parts.
type named map[string]string

// after returns the names of a source's groups in order, but for the first n.
func (all named) after(source string, n int) []string {
	var names []string
	for id, name := range all {
		if id[:1] == source {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[min(n, len(names)):]
}

func (all named) put(tx store.Tx, id, name string) error {
	return store.Groups.Put(tx, schema.Group{ID: id, Source: id[:1], DisplayName: name})
}

// skip compares what a store finds behind the first n with what is there.
func (all named) skip(t *testing.T, s *store.Store, n int) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		for _, source := range []string{"a", "b", "c"} {
			var got []string
			for g, err := range store.Groups.Skip(r, store.GroupName, n, source) {
				if err != nil {
					return err
				}
				if got = append(got, g.DisplayName); len(got) == 5 {
					break
				}
			}
			want := all.after(source, n)
			if want = want[:min(5, len(want))]; !slices.Equal(got, want) {
				t.Errorf("of %s after %d: %q, want %q", source, n, got, want)
			}
		}
		return nil
	})
}

func checkStore(t *testing.T, s *store.Store) {
	t.Helper()
	report, err := s.Check(t.Context())
	if err != nil || !report.OK() {
		t.Fatalf("%v, %v", report.Faults, err)
	}
}

// TestSkip lets thousands of records come, go and change their names, at random, in
// crowds, and in transactions that fail, and skips to places among them.
func TestSkip(t *testing.T) {
	for name, writers := range map[string]int{"one writer": 1, "several": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(enginetest.Again(enginetest.Memory(writers)))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r := rand.New(rand.NewPCG(1, uint64(writers)))
			all := named{}
			failed := errors.New("it fails")
			change := func(n, most int, share float64, fails bool) {
				was := fmt.Sprint(len(all))
				next := named{}
				err := s.Update(t.Context(), func(tx store.Tx) error {
					clear(next)
					for range n {
						id := fmt.Sprintf("%c%04d", 'a'+byte(r.IntN(2)), r.IntN(most))
						if r.Float64() < share {
							next[id] = fmt.Sprintf("%06d-%s", r.IntN(1_000_000), id)
							if err := all.put(tx, id, next[id]); err != nil {
								return err
							}
							continue
						}
						next[id] = ""
						if err := store.Groups.Delete(tx, id); err != nil {
							return err
						}
					}
					if fails {
						return failed
					}
					return nil
				})
				if fails != errors.Is(err, failed) || !fails && err != nil {
					t.Fatalf("after %s: %v", was, err)
				}
				for id, name := range next {
					switch {
					case fails:
					case name == "":
						delete(all, id)
					default:
						all[id] = name
					}
				}
			}
			for _, share := range []float64{0.95, 0.5, 0.02} { // it grows, changes, and shrinks
				for i := range 12 {
					change(400, 2000, share, i%5 == 4)
					for _, n := range []int{0, 1, r.IntN(300), r.IntN(2000), len(all)} {
						all.skip(t, s, n)
					}
				}
				checkStore(t, s)
			}
		})
	}
}

// TestOpenFirstLayout opens a store that has none of what came after layout 1.
func TestOpenFirstLayout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	engine := func() store.Engine {
		e, err := bolt.Open(path, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	s, err := store.Open(engine())
	if err != nil {
		t.Fatal(err)
	}
	all := named{}
	update(t, s, func(tx store.Tx) error {
		for i := range 1500 {
			id := fmt.Sprintf("%c%04d", 'a'+i%2, i)
			all[id] = fmt.Sprintf("group %d", i*7919%1500)
			if err := all.put(tx, id, all[id]); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e := engine()
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	const table = "groups/displayName/milestones"
	keys := keysIn(t, txn, table)
	if len(keys) < 4 {
		t.Fatalf("%d milestones: there are none to take away", len(keys))
	}
	for _, key := range keys {
		if err := txn.Delete(table, key); err != nil {
			t.Fatal(err)
		}
	}
	err = errors.Join(txn.Put("meta", []byte("layout"), []byte{0, 0, 0, 0, 0, 0, 0, 1}), txn.Commit(), e.Close())
	if err != nil {
		t.Fatal(err)
	}
	s = openPath(t, path)
	for _, n := range []int{0, 255, 256, 257, 749, 750, 751} {
		all.skip(t, s, n)
	}
	checkStore(t, s)
}
