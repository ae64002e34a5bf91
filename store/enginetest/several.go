package enginetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/store"
)

// history makes random writes, some of them taken back, and compares every look
// with a map.
func history(t *testing.T, e store.Engine) {
	rapid.Check(t, func(r *rapid.T) {
		empty := write(t, e)
		var old [][]byte
		for row, err := range empty.Scan("table", nil, nil) {
			if err != nil {
				r.Fatal(err)
			}
			old = append(old, slices.Clone(row.Key))
		}
		for _, key := range old {
			if err := empty.Delete("table", key); err != nil {
				r.Fatal(err)
			}
		}
		if err := empty.Commit(); err != nil {
			r.Fatal(err)
		}
		model := map[string]string{}
		for range rapid.IntRange(1, 5).Draw(r, "transactions") {
			txn := write(t, e)
			mine := writes(r, txn, model)
			compare(r, txn, mine)
			end, kept := txn.Rollback, model
			if rapid.Bool().Draw(r, "commit") {
				end, kept = txn.Commit, mine
			}
			if err := end(); err != nil {
				r.Fatal(err)
			}
			model = kept
		}
		now := read(t, e)
		compare(r, now, model)
		if err := now.Rollback(); err != nil {
			r.Fatal(err)
		}
	})
}

// writes makes some writes and returns what the model is with them.
func writes(r *rapid.T, txn store.Txn, model map[string]string) map[string]string {
	mine := maps.Clone(model)
	key := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 'a', 'b', 0xff}), 1, 3, -1)
	for range rapid.IntRange(0, 8).Draw(r, "writes") {
		k := key.Draw(r, "key")
		if rapid.IntRange(0, 2).Draw(r, "delete") == 0 {
			delete(mine, k)
			if err := txn.Delete("table", []byte(k)); err != nil {
				r.Fatal(err)
			}
			continue
		}
		v := rapid.StringN(0, 4, -1).Draw(r, "value")
		mine[k] = v
		if err := txn.Put("table", []byte(k), []byte(v)); err != nil {
			r.Fatal(err)
		}
	}
	return mine
}

// compare looks at a part of the table, one way and the other.
func compare(r *rapid.T, txn store.Txn, model map[string]string) {
	bounds := rapid.StringOfN(rapid.SampledFrom([]rune{0, 'a', 'b'}), 0, 2, -1)
	from, to := bounds.Draw(r, "from"), bounds.Draw(r, "to")
	var want []string
	for k, v := range model {
		if k >= from && (to == "" || k < to) {
			want = append(want, k+"="+v)
		}
		values, err := txn.Get("table", []byte(k))
		if err != nil || values[0] == nil || string(values[0]) != v {
			r.Fatalf("get %q: %q, %v; want %q", k, values, err, v)
		}
	}
	slices.SortFunc(want, byKey)
	var got []string
	var end []byte
	if to != "" {
		end = []byte(to)
	}
	for row, err := range txn.Scan("table", []byte(from), end) {
		if err != nil {
			r.Fatal(err)
		}
		got = append(got, string(row.Key)+"="+string(row.Value))
	}
	if !slices.Equal(got, want) {
		r.Fatalf("scan from %q to %q: %q, want %q", from, to, got, want)
	}
}

func byKey(a, b string) int {
	key := func(s string) string { return s[:slices.Index([]byte(s), '=')] }
	switch {
	case key(a) < key(b):
		return -1
	case key(a) > key(b):
		return 1
	}
	return 0
}

// crowded skips what only engines with several writers promise.
func crowded(t *testing.T, e store.Engine) bool {
	t.Helper()
	if e.Writers() < 2 {
		t.Logf("this engine has %d writer: nothing to show", e.Writers())
		return false
	}
	return true
}

// conflict has two transactions that do not see each other write one key.
func conflict(t *testing.T, e store.Engine) {
	if !crowded(t, e) {
		return
	}
	put(t, e, "a", "0")
	first, second := write(t, e), write(t, e)
	for _, txn := range []store.Txn{first, second} {
		if got := get(t, txn, "a"); string(got) != "0" {
			t.Fatalf("got %q", got)
		}
	}
	attempt := func(txn store.Txn, value string) error {
		if err := txn.Put("table", []byte("a"), []byte(value)); err != nil {
			return err
		}
		return txn.Commit()
	}
	var wg sync.WaitGroup
	var late error
	if err := first.Put("table", []byte("a"), []byte("1")); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() { late = attempt(second, "2") }) // an engine may make it wait for the first
	early := first.Commit()
	wg.Wait()
	if (early == nil) == (late == nil) || !errors.Is(errors.Join(early, late), store.ErrRetry) {
		t.Errorf("got %v and %v, want one committed and the other ErrRetry", early, late)
	}
}

// strangers has transactions write different keys at once.
func strangers(t *testing.T, e store.Engine) {
	if !crowded(t, e) {
		return
	}
	first, second := write(t, e), write(t, e)
	err := errors.Join(
		first.Put("table", []byte("a"), nil), second.Put("table", []byte("b"), nil), second.Commit(), first.Commit())
	if err != nil {
		t.Error(err)
	}
}

// claimedOnce has transactions claim at once, and look again when one ended.
func claimedOnce(t *testing.T, e store.Engine) {
	if !crowded(t, e) {
		return
	}
	put(t, e, "a", "", "b", "", "c", "")
	claims := func(txn store.Txn, n int) string {
		rows, err := txn.Claim("table", nil, nil, n)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, row := range rows {
			got.Write(row.Key)
		}
		return got.String()
	}
	first, second := write(t, e), write(t, e)
	got := fmt.Sprintf("%s %s", claims(first, 2), claims(second, 2))
	if got != "ab c" {
		t.Errorf("got %s, want ab and c", got)
	}
	if err := errors.Join(first.Rollback(), second.Rollback()); err != nil {
		t.Fatal(err)
	}
	if got := claims(write(t, e), 3); got != "abc" {
		t.Errorf("after the others ended: got %s, want abc", got)
	}
}
