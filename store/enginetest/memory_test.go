package enginetest_test

import (
	"testing"

	"drawbridge/store"
	"drawbridge/store/enginetest"
)

func TestMemory(t *testing.T) {
	for name, writers := range map[string]int{"one writer": 1, "several writers": 4} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, func(*testing.T) store.Engine { return enginetest.Memory(writers) })
		})
	}
}

func TestAgain(t *testing.T) {
	for name, writers := range map[string]int{"one writer": 1, "several writers": 4} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(enginetest.Again(enginetest.Memory(writers)))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ran := 0
			err = s.Update(t.Context(), func(tx store.Tx) error {
				ran++
				return store.Settings.Put(tx, store.Setting{Name: "a", Value: "1"})
			})
			if err != nil || ran != 2 {
				t.Errorf("ran %d times, %v; want twice and no error", ran, err)
			}
		})
	}
}
