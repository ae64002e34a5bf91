package enginetest

import (
	"fmt"
	"testing"

	"drawbridge/store"
)

// emptied takes away all rows of a table that has many pages, and writes to it in
// the same transaction. Whoever looks for the last row of such a table must find
// that there is none, and not look for ever.
func emptied(t *testing.T, e store.Engine) {
	key := func(i int) []byte { return fmt.Appendf(nil, "key%06d", i) }
	const rows = 3000
	update(t, e, func(txn store.Txn) error {
		for i := range rows {
			if err := txn.Put("table", key(i), make([]byte, 100)); err != nil {
				return err
			}
		}
		return nil
	})
	update(t, e, func(txn store.Txn) error {
		for i := range rows {
			if err := txn.Delete("table", key(i)); err != nil {
				return err
			}
		}
		for _, i := range []int{rows / 2, rows} {
			if err := txn.Put("table", key(i), []byte("again")); err != nil {
				return err
			}
		}
		return nil
	})
	var got []string
	for row, err := range read(t, e).Scan("table", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(row.Key))
	}
	if want := fmt.Sprint([]string{string(key(rows / 2)), string(key(rows))}); fmt.Sprint(got) != want {
		t.Errorf("the table has %v, want %v", got, want)
	}
}
