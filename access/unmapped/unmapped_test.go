package unmapped_test

import (
	"fmt"
	"testing"
	"time"

	"drawbridge/access/accesstest"
	"drawbridge/access/unmapped"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

func TestUnmappedAddsUp(t *testing.T) {
	s := accesstest.StoreOn(t, enginetest.Memory(1))
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	of := func(u *unmapped.Counter) (all []schema.Unmapped) {
		t.Helper()
		err := s.View(t.Context(), func(r store.Reader) (err error) {
			all, err = u.Of(r, "hr")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var u unmapped.Counter
	u.Saw("hr", "shoeSize", "Users/1", noon)
	u.Saw("hr", "shoeSize", "Users/2", noon.Add(time.Hour))
	u.Saw("hr", "hat", "Users/1", noon)
	u.Saw("other", "hat", "Users/3", noon)
	if got := of(&u); len(got) != 2 || got[0].Count != 2 {
		t.Errorf("before it is kept there are %+v", got)
	}
	if err := u.Keep(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	u.Saw("hr", "shoeSize", "Users/9", noon.Add(2*time.Hour))
	want := schema.Unmapped{Source: "hr", Attribute: "shoeSize", Count: 3, First: noon, Last: noon.Add(2 * time.Hour), Example: "Users/9"}
	if got := of(&u); len(got) != 2 || got[0] != want {
		t.Errorf("half kept there are %+v, want %+v", got, want)
	}
	if err := u.Keep(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := of(nil); len(got) != 2 || got[0] != want {
		t.Errorf("kept there are %+v, want %+v", got, want)
	}
}

// TestUnmappedIsBounded sends names without end, over many periods.
func TestUnmappedIsBounded(t *testing.T) {
	s := accesstest.StoreOn(t, enginetest.Memory(1))
	var u unmapped.Counter
	const all = 3000
	for i := range all {
		u.Saw("hr", fmt.Sprintf("x%d", i), "Users/1", time.Unix(int64(i), 0).UTC())
		if i%700 == 0 {
			if err := u.Keep(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := u.Keep(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		rows, err := u.Of(r, "hr")
		if err != nil {
			return err
		}
		if len(rows) > 501 || rows[0].Attribute != unmapped.Others {
			t.Errorf("there are %d rows, the first of them %+v", len(rows), rows[0])
		}
		var sum int64
		for _, row := range rows {
			sum += row.Count
		}
		if sum != all {
			t.Errorf("they count %d, want %d", sum, all)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
