package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// TestSharedValuesAreLaid opens a store in which one record at most was found by a value
// that is to be unique, with more of them than one transaction is to write: they are found
// by the index in which others may have it, too.
func TestSharedValuesAreLaid(t *testing.T) {
	const people = 2500
	path := filepath.Join(t.TempDir(), "test.db")
	s := openPath(t, path)
	update(t, s, func(tx store.Tx) (err error) {
		for i := range people {
			id := fmt.Sprintf("p%04d", i)
			err = errors.Join(err, store.Identities.Put(tx, schema.Identity{ID: id, Source: "hr", UserName: id, Unique: []string{fmt.Sprint("badge=", i)}}))
		}
		return err
	})
	older(t, s, path, 9, func(txn store.Txn) (err error) {
		for _, whole := range keysIn(t, txn, "identities/uniques") {
			value, id := whole[:len(whole)-len("p0000")-2], whole[len(whole)-len("p0000")-2:]
			err = errors.Join(err, txn.Put("identities/unique", value, id), txn.Delete("identities/uniques", whole))
		}
		return err
	})

	var most int
	var err error
	for _, writes := range []int{2, 100} { // it is cut off, and goes on
		e, opened := bolt.Open(path, bolt.Options{NoSync: true})
		if opened != nil {
			t.Fatal(opened)
		}
		if s, err = store.Open(&rationed{Engine: e, writes: writes, most: &most}); writes == 2 {
			if !errors.Is(err, errRation) {
				t.Fatalf("it was not cut off: %v", err)
			}
			_ = e.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if most > 4000 {
		t.Errorf("a transaction wrote %d rows", most)
	}
	view(t, s, func(r store.Reader) error {
		for i := range people {
			if id, err := store.Identities.One(r, store.IdentityUnique, "hr", fmt.Sprint("badge=", i)); err != nil || id.ID != fmt.Sprintf("p%04d", i) {
				t.Fatalf("badge %d is of %q, %v", i, id.ID, err)
			}
		}
		return nil
	})
	checkStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
