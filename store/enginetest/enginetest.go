// Package enginetest is the contract of store.Engine as tests. An engine's own
// test hands Run a way to make an empty engine, and Reopen a way to lose one.
//
// Again, Several and Memory are engines for the tests of what stands on one.
package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
)

// Run checks every sentence of the contract. open returns an empty engine, which
// the suite closes.
func Run(t *testing.T, open func(t *testing.T) store.Engine) {
	run := func(name string, test func(*testing.T, store.Engine)) {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test(t, e)
		})
	}
	run("what was not written is not there", missing)
	run("a transaction sees its own writes", ownWrites)
	run("a rollback leaves no trace", rollback)
	run("a nil value is an empty one, and not none", emptyValue)
	run("get answers key by key", getMany)
	run("tables are apart", tables)
	run("a scan is in the order of bytes, from inclusive to exclusive", scanOrder)
	run("a table that a transaction empties takes rows again", emptied)
	run("a scan ends when its caller has enough", scanStops)
	run("a snapshot does not see later writes", snapshot)
	run("of two writers of one key none is lost", lostUpdate)
	run("claim takes at most n", claim)
	run("rollback after commit does nothing", rollbackAfterCommit)
	run("what only reads does not write", readOnly)
	run("a done context begins nothing", doneContext)
	run("a closed engine begins nothing", closed)
	run("any history is that of a map", history)
	run("where several write, of two who write one key one is sent back", conflict)
	run("where several write, strangers do not meet", strangers)
	run("where several write, no row is claimed twice", claimedOnce)
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

// read returns a transaction that reads and ends with the test.
func read(t *testing.T, e store.Engine) store.Txn { return begin(t, e, false) }

// write returns a transaction that writes and ends with the test, if it did not
// before.
func write(t *testing.T, e store.Engine) store.Txn { return begin(t, e, true) }

func begin(t *testing.T, e store.Engine, write bool) store.Txn {
	t.Helper()
	txn, err := e.Begin(t.Context(), write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = txn.Rollback() })
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
	txn := read(t, e)
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
	txn := write(t, e)
	if err := errors.Join(txn.Put("table", []byte("a"), []byte("2")), txn.Put("other", []byte("b"), nil), txn.Rollback()); err != nil {
		t.Fatal(err)
	}
	r := read(t, e)
	if got := get(t, r, "a"); string(got) != "1" {
		t.Errorf("got %q, want what was there before", got)
	}
}

func emptyValue(t *testing.T, e store.Engine) {
	update(t, e, func(txn store.Txn) error {
		if err := txn.Put("table", []byte("a"), nil); err != nil {
			return err
		}
		if values, err := txn.Get("table", []byte("a")); err != nil || values[0] == nil {
			t.Errorf("got %v, %v before the commit, want an empty value that is not nil", values, err)
		}
		return nil
	})
	if got := get(t, read(t, e), "a"); got == nil || len(got) != 0 {
		t.Errorf("got %v, want an empty value that is not nil", got)
	}
}

func scanOrder(t *testing.T, e store.Engine) {
	put(t, e, "b", "", "a\x00", "", "a", "", "\xff", "", "ab", "")
	txn := read(t, e)
	if got, want := keys(t, txn, nil, nil), "a a\x00 ab b \xff "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := keys(t, txn, []byte("a\x00"), []byte("b")), "a\x00 ab "; got != want {
		t.Errorf("part: got %q, want %q", got, want)
	}
}

func snapshot(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	before := read(t, e)
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
	txn := read(t, e)
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
	txn := write(t, e)
	if err := errors.Join(txn.Put("table", []byte("a"), []byte("1")), txn.Commit(), txn.Rollback()); err != nil {
		t.Fatal(err)
	}
	r := read(t, e)
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

func getMany(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "c", "")
	values, err := read(t, e).Get("table", []byte("c"), []byte("b"), []byte("a"), []byte("c"))
	if err != nil || len(values) != 4 {
		t.Fatalf("got %q, %v", values, err)
	}
	if values[0] == nil || values[1] != nil || string(values[2]) != "1" || values[3] == nil {
		t.Errorf("got %q, want an empty one, none, 1 and an empty one", values)
	}
	if values, err := read(t, e).Get("table"); err != nil || len(values) != 0 {
		t.Errorf("of no keys: got %q, %v", values, err)
	}
}

func tables(t *testing.T, e store.Engine) {
	update(t, e, func(txn store.Txn) error {
		return errors.Join(txn.Put("table", []byte("a"), []byte("1")), txn.Put("table/of", []byte("a"), []byte("2")), txn.Delete("none", []byte("a")))
	})
	r := read(t, e)
	for table, want := range map[string]string{"table": "1", "table/of": "2"} {
		if values, err := r.Get(table, []byte("a")); err != nil || string(values[0]) != want {
			t.Errorf("%s: got %q, %v; want %s", table, values, err, want)
		}
	}
}

func scanStops(t *testing.T, e store.Engine) {
	put(t, e, "a", "", "b", "", "c", "")
	r := read(t, e)
	for range 2 { // the second time, the first has left nothing behind
		for row, err := range r.Scan("table", nil, nil) {
			if err != nil || string(row.Key) != "a" {
				t.Errorf("got %q, %v; want a", row.Key, err)
			}
			break
		}
	}
}

func readOnly(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	r := read(t, e)
	if err := r.Put("table", []byte("a"), []byte("2")); err == nil {
		t.Error("it took a write")
	}
	if err := r.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, read(t, e), "a"); string(got) != "1" {
		t.Errorf("got %q: it wrote", got)
	}
}

func closed(t *testing.T, e store.Engine) {
	put(t, e, "a", "1")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, write := range []bool{true, false} {
		if txn, err := e.Begin(t.Context(), write); !errors.Is(err, schema.ErrUnavailable) {
			t.Errorf("begin, write %v: %v, %v; want ErrUnavailable", write, txn, err)
		}
	}
}
