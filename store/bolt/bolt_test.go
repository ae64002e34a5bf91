package bolt_test

import (
	"errors"
	"path/filepath"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

func open(t *testing.T) store.Engine {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngine(t *testing.T) { enginetest.Run(t, open) }

func TestEngineAgain(t *testing.T) {
	e := enginetest.Again(open(t))
	defer e.Close()
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	err = s.Update(t.Context(), func(tx store.Tx) error {
		ran++
		return store.Settings.Put(tx, store.Setting{Name: "a", Value: "1"})
	})
	if err != nil || ran != 2 {
		t.Errorf("ran %d times, %v; want twice and no error", ran, err)
	}
}

func TestOpenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := bolt.Open(path, bolt.Options{}); !errors.Is(err, schema.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}
