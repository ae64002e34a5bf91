// Package enginetest is the contract of store.Engine as tests. An engine's own
// test hands Run a way to make an empty engine.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"drawbridge/store"
)

// Run checks every sentence of the contract. open returns an empty engine, which
// the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Engine) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Engine)
	}{
		{"what was not written is not there", missing},
		{"a transaction sees its own writes", ownWrites},
		{"a rollback leaves no trace", rollback},
		{"a nil value is an empty one, and not none", emptyValue},
		{"a scan is in the order of bytes, from inclusive to exclusive", scanOrder},
		{"a snapshot does not see later writes", snapshot},
		{"of two writers of one key none is lost", lostUpdate},
		{"claim takes at most n", claim},
		{"rollback after commit does nothing", rollbackAfterCommit},
		{"a done context begins nothing", doneContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t)
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, e)
		})
	}
}

func update(t *testing.T, e store.Engine, fn func(store.Txn) error) {
	t.Helper()
	for {
		txn, err := e.Begin(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if err = fn(txn); err == nil {
			err = txn.Commit()
		}
		_ = txn.Rollback()
		if !errors.Is(err, store.ErrRetry) {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

func put(t *testing.T, e store.Engine, pairs ...string) {
	t.Helper()
	update(t, e, func(txn store.Txn) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := txn.Put("table", []byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// begin returns a read transaction that ends with the test.
func begin(t *testing.T, e store.Engine) store.Txn {
	t.Helper()
	txn, err := e.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return txn
}

func get(t *testing.T, txn store.Txn, key string) []byte {
	t.Helper()
	values, err := txn.Get("table", []byte(key))
	if err != nil || len(values) != 1 {
		t.Fatalf("get %q: %v, %v", key, values, err)
	}
	return values[0]
}

func keys(t *testing.T, txn store.Txn, from, to []byte) string {
	t.Helper()
	var all []byte
	for row, err := range txn.Scan("table", from, to) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, row.Key...), ' ')
	}
	return string(all)
}

func missing(t *testing.T, e store.Engine) {
	txn := begin(t, e)
	defer func() { _ = txn.Rollback() }()
	if got := get(t, txn, "a"); got != nil {
		t.Errorf("got %q, want none", got)
	}
	if got := keys(t, txn, nil, nil); got != "" {
		t.Errorf("scan of nothing: got %q", got)
	}
}

func ownWrites(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "b", "2")
	update(t, e, func(txn store.Txn) error {
		if err := errors.Join(txn.Put("table", []byte("c"), []byte("3")), txn.Delete("table", []byte("a")), txn.Delete("table", []byte("none"))); err != nil {
			return err
		}
		if got := keys(t, txn, nil, nil); got != "b c " {
			t.Errorf("got %q, want %q", got, "b c ")
		}
		return nil
	})
}

func rollback(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(txn.Put("table", []byte("a"), []byte("2")), txn.Put("other", []byte("b"), nil), txn.Rollback()); err != nil {
		t.Fatal(err)
	}
	r := begin(t, e)
	defer func() { _ = r.Rollback() }()
	if got := get(t, r, "a"); string(got) != "1" {
		t.Errorf("got %q, want what was there before", got)
	}
}

func emptyValue(t *testing.T, e store.Engine) {
	update(t, e, func(txn store.Txn) error { return txn.Put("table", []byte("a"), nil) })
	txn := begin(t, e)
	defer func() { _ = txn.Rollback() }()
	if got := get(t, txn, "a"); got == nil || len(got) != 0 {
		t.Errorf("got %v, want an empty value that is not nil", got)
	}
}

func scanOrder(t *testing.T, e store.Engine) {
	put(t, e, "b", "", "a\x00", "", "a", "", "\xff", "", "ab", "")
	txn := begin(t, e)
	defer func() { _ = txn.Rollback() }()
	if got, want := keys(t, txn, nil, nil), "a a\x00 ab b \xff "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := keys(t, txn, []byte("a\x00"), []byte("b")), "a\x00 ab "; got != want {
		t.Errorf("part: got %q, want %q", got, want)
	}
}

func snapshot(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	before := begin(t, e)
	defer func() { _ = before.Rollback() }()
	if got := get(t, before, "a"); string(got) != "1" {
		t.Fatalf("got %q", got)
	}
	done := make(chan struct{})
	go func() { // in another goroutine: a reader held while its own goroutine writes may deadlock an engine
		defer close(done)
		put(t, e, "a", "2", "b", "2")
	}()
	<-done
	if got := get(t, before, "a"); string(got) != "1" {
		t.Errorf("a later write shows in a snapshot: %q", got)
	}
	if got := keys(t, before, nil, nil); got != "a " {
		t.Errorf("a later key shows in a snapshot: %q", got)
	}
}

func lostUpdate(t *testing.T, e store.Engine) {
	put(t, e, "n", "0")
	const writers, rounds = 4, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				update(t, e, func(txn store.Txn) error {
					values, err := txn.Get("table", []byte("n"))
					if err != nil {
						return err
					}
					var n int
					if _, err := fmt.Sscan(string(values[0]), &n); err != nil {
						return err
					}
					return txn.Put("table", []byte("n"), fmt.Append(nil, n+1))
				})
			}
		})
	}
	wg.Wait()
	txn := begin(t, e)
	defer func() { _ = txn.Rollback() }()
	if got, want := get(t, txn, "n"), fmt.Append(nil, writers*rounds); !bytes.Equal(got, want) {
		t.Errorf("got %s, want %s: an update was lost", got, want)
	}
}

func claim(t *testing.T, e store.Engine) {
	put(t, e, "a", "", "b", "", "c", "")
	update(t, e, func(txn store.Txn) error {
		rows, err := txn.Claim("table", nil, nil, 2)
		if err != nil {
			return err
		}
		if len(rows) != 2 || string(rows[0].Key) != "a" || string(rows[1].Key) != "b" {
			t.Errorf("got %q, want a and b", rows)
		}
		return nil
	})
}

func rollbackAfterCommit(t *testing.T, e store.Engine) {
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(txn.Put("table", []byte("a"), []byte("1")), txn.Commit(), txn.Rollback()); err != nil {
		t.Fatal(err)
	}
	r := begin(t, e)
	defer func() { _ = r.Rollback() }()
	if got := get(t, r, "a"); string(got) != "1" {
		t.Errorf("got %q, want what was committed", got)
	}
}

func doneContext(t *testing.T, e store.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if txn, err := e.Begin(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v, %v; want context.Canceled", txn, err)
	}
}
