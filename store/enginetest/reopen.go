package enginetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"drawbridge/store"
)

// Reopen checks what survives a crash. open returns an empty engine and a way to
// lose it: what the second function returns is an engine on what a new process
// would find if the old one had been killed now, with whatever transactions it
// has open. The suite does not use the old one again; closing both is the
// caller's.
func Reopen(t *testing.T, open func(t *testing.T) (e store.Engine, crash func(t *testing.T) store.Engine)) {
	t.Run("what was committed survives, whatever came after", func(t *testing.T) {
		e, crash := open(t)
		put(t, e, "a", "1", "b", "2")
		update(t, e, func(txn store.Txn) error {
			return errors.Join(txn.Delete("table", []byte("a")), txn.Put("other", []byte("c"), nil))
		})
		doomed := write(t, e)
		if err := errors.Join(doomed.Put("table", []byte("b"), []byte("3")), doomed.Put("table", []byte("d"), nil)); err != nil {
			t.Fatal(err)
		}
		e = crash(t)
		_ = doomed.Rollback()
		r := read(t, e)
		if got := keys(t, r, nil, nil); got != "b " {
			t.Errorf("got %q, want b alone", got)
		}
		if got := get(t, r, "b"); string(got) != "2" {
			t.Errorf("got %q, want what was committed", got)
		}
		if values, err := r.Get("other", []byte("c")); err != nil || values[0] == nil {
			t.Errorf("the other table of one commit: %v, %v", values, err)
		}
	})
	t.Run("one crash after the other", func(t *testing.T) {
		e, crash := open(t)
		var want strings.Builder
		for i := range 5 {
			key := fmt.Sprint(i)
			put(t, e, key, "")
			want.WriteString(key + " ")
			e = crash(t)
			if got := keys(t, read(t, e), nil, nil); got != want.String() {
				t.Fatalf("after crash %d: got %q, want %q", i, got, want.String())
			}
		}
	})
}
