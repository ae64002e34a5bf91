package store_test

import (
	"fmt"
	"slices"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestKeptCounts changes records in every way that an index entry comes or goes,
// on an engine whose every other commit is run again.
func TestKeptCounts(t *testing.T) {
	s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(source, id, name string, gone bool) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			i := schema.Identity{ID: id, Source: source, UserName: name, Resource: []byte(`{}`)}
			if gone {
				i.Deleted = tx.Now()
			}
			return store.Identities.Put(tx, i)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		put("hr", fmt.Sprint("h", i), fmt.Sprint("n", i), false)
	}
	put("other", "o1", "n1", false)
	put("hr", "h1", "renamed", false)
	put("hr", "h2", "n2", true)
	put("other", "o1", "n1", true)
	err = s.Update(t.Context(), func(tx store.Tx) error { return store.Identities.Delete(tx, "h3") })
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		for source, want := range map[string]int64{"hr": 3, "other": 0, "nobody": 0} {
			got, err := store.IdentityUserName.Kept(r, source)
			if err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s has %d, want %d", source, got, want)
			}
		}
		if _, err := store.IdentityEmail.Kept(r, "hr"); err == nil {
			t.Error("an index that keeps no count has one")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Check(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("%v, %v", report.Faults, err)
	}
}

func TestEdgesAreAll(t *testing.T) {
	s, err := store.Open(enginetest.Memory(1))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	edges := []schema.Member{
		{Group: "g", Member: "a"}, {Group: "g", Member: "b", Nested: true}, {Group: "g", Member: "c\x00d"}, {Group: "g", Member: `e"nested"`},
		{Group: "g2", Member: "x"}, {Group: "f", Member: "y"},
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		for _, m := range edges {
			if err := store.Members.Put(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		for after, want := range map[string][]schema.Member{"": edges[:4], "a": edges[1:4], "c\x00d": edges[3:4], "z": nil} {
			var got []schema.Member
			for m, err := range store.Edges(r, "g", after) {
				if err != nil {
					return err
				}
				got = append(got, m)
			}
			if !slices.Equal(got, want) {
				t.Errorf("after %q: %v, want %v", after, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
