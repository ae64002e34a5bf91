package access_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

var logEntries = flag.Int("logentries", 100_000, "how long the log of BenchmarkAsOf is")

// BenchmarkAsOf asks a long log how things were: what one of many had, who had an
// entitlement that some of them had, and why one had it, and has it now or not. Run it with -logentries of
// different sizes: what it takes is not to grow with the log.
func BenchmarkAsOf(b *testing.B) {
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, e)
	b.Cleanup(func() { _ = w.store.Close() })
	people := max(1, *logEntries/10)
	middle := w.longLog(people)
	w.caughtUp()
	person := func(i int) string { return fmt.Sprintf("p%08d", (i*7919)%people) }
	b.Run("list of a user", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.view(func(r store.Reader) error {
				lines, err := access.HeldAt(r, person(i), middle)
				if len(lines) != 1 {
					b.Fatalf("%d lines", len(lines))
				}
				return err
			})
		}
	})
	b.Run("list of an entitlement, a page of 100", func(b *testing.B) {
		for b.Loop() {
			w.view(func(r store.Reader) error {
				n := 0
				for _, err := range access.HoldersAt(r, "wiki/e7", middle, person(5)) {
					if n++; err != nil || n == 100 {
						return err
					}
				}
				return nil
			})
		}
	})
	b.Run("explain", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.view(func(r store.Reader) error {
				_, err := access.ExplainAt(r, w.rules.Book(), person(i), "wiki/e7", middle)
				return err
			})
		}
	})
	b.Run("explain, now", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.view(func(r store.Reader) error {
				who := (i * 7919) % people
				e, err := access.Explain(r, w.rules, fmt.Sprintf("p%08d", who), fmt.Sprintf("wiki/e%d", who%max(1, people/100)))
				if err == nil && len(e.Decisions) == 0 {
					b.Fatal("no decisions")
				}
				return err
			})
		}
	})
}

// longLog fills the log with ten decisions about each of some people, and returns a time
// by which half of each one's were made.
func (w *world) longLog(people int) (middle time.Time) {
	w.t.Helper()
	const at = 500
	start := time.Now().Add(-240 * time.Hour)
	for i := 0; i < people; i += at {
		w.update(func(tx store.Tx) error {
			for p := i; p < min(i+at, people); p++ {
				id := fmt.Sprintf("p%08d", p)
				if err := store.Identities.Put(tx, schema.Identity{ID: id, Source: "hr", UserName: id, Active: true}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for k := range 10 {
		verb := schema.Assigned
		if k%2 == 1 {
			verb = schema.Unassigned
		}
		for i := 0; i < people; i += at {
			w.update(func(tx store.Tx) error {
				for p := i; p < min(i+at, people); p++ {
					_, err := tx.Record(schema.Decision{
						Time: start.Add(time.Duration(k) * time.Hour), Actor: "bridge", Verb: verb, Subject: fmt.Sprintf("p%08d", p),
						Object: fmt.Sprintf("wiki/e%d", p%max(1, people/100)), Because: []string{"role/engineer"}, Reason: "role engineer: its rule matches",
						Mode: schema.Enforce, Policy: w.rules.Book().Digest(),
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return start.Add(4*time.Hour + time.Minute)
}

// caughtUp waits until the log is indexed.
func (w *world) caughtUp() {
	w.t.Helper()
	for behind := true; behind; {
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // of a benchmark, which waits for what is done beside
		w.view(func(r store.Reader) (err error) {
			behind, err = store.LogBehind(r)
			return err
		})
	}
}
