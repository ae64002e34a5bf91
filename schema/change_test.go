package schema

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJoin(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2030, 1, 1, 9, minute, 0, 0, time.UTC) }
	change := func(minute int, ends bool, because ...string) Change {
		return Change{Received: at(minute), Decided: at(minute), Ends: ends, Because: because}
	}
	for _, tc := range []struct {
		name              string
		first, then, want Change
	}{
		{"nothing before", Change{}, change(1, true, "a"), change(1, true, "a")},
		{"nothing new", change(1, true, "a"), Change{}, change(1, true, "a")},
		{"the one received first", change(2, true, "b"), change(1, true, "a"), change(1, true, "a", "b")},
		{"a leaver whom a target never knew", change(1, false, "a"), change(30, true, "b"), change(30, true, "a", "b")},
		{"more, while the end is owed", change(5, true, "a"), change(3, false, "b"), change(5, true, "a", "b")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.first.Join(tc.then)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
