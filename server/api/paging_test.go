package api

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// walk yields numbers behind a cursor's key, as a store would.
func walk(all []int, after []string) func(yield func(int, error) bool) {
	return func(yield func(int, error) bool) {
		for _, n := range all {
			if after != nil && fmt.Sprintf("%06d", n) <= after[0] {
				continue
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// TestPagesAreTheWhole reads random lists with random filters page by page: every
// thing that passes comes once, in order, and no page is too long.
func TestPagesAreTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3000).Draw(t, "n")
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		every, end := rapid.IntRange(1, 50).Draw(t, "every"), rapid.IntRange(0, n).Draw(t, "end")
		limit := rapid.IntRange(1, 500).Draw(t, "limit")
		wanted := pick[int]{
			within: func(v int) bool { return v < end },
			keep:   func(v int) bool { return v%every == 0 },
			key:    func(v int) []string { return []string{fmt.Sprintf("%06d", v)} },
		}
		var got []int
		p := Paging{Limit: limit}
		for {
			after, err := p.after(1)
			if err != nil {
				t.Fatal(err)
			}
			list, err := page(p, walk(all, after), wanted)
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) > limit {
				t.Fatalf("a page of %d, and the limit is %d", len(list.Items), limit)
			}
			got = append(got, list.Items...)
			if p.Cursor = list.Next; p.Cursor == "" {
				break
			}
		}
		want := []int{}
		for v := 0; v < end; v += every {
			want = append(want, v)
		}
		if !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor([]string{"a", "b"}))
	f.Add(cursor([]string{"", ""}))
	f.Add("!!!")
	f.Add("bnVsbA")
	f.Add("WyJhIixudWxsXQ")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := Paging{Cursor: text}.after(2)
		if err != nil || text == "" {
			return
		}
		if len(key) != 2 || key[0] == "" {
			t.Errorf("%q is taken for the key %q", text, key)
		}
	})
}
