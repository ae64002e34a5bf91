package exposure

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/access/accesstest"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestSpreadOfTheLatest counts a few endings by how long they took.
func TestSpreadOfTheLatest(t *testing.T) {
	var x Recent
	x.spread([]time.Duration{2 * time.Hour, 5 * time.Millisecond, 20 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 30 * time.Second})
	want := Recent{Closed: 6, Took: Shares{.099, 30, 7200}, Within: []Within{{.1, 3}, {1, 1}, {10, 0}, {60, 1}, {600, 0}, {0, 1}}}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Error(diff)
	}
}

// TestLatest tells of a day, of an hour where more ended than is looked at, and of
// what is open. R-SLO-3.
func TestLatest(t *testing.T) {
	s := accesstest.Store(t)
	n := 0
	ended := func(many int, ago, took time.Duration) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for range many {
				n++
				at := tx.Now().Add(-ago)
				c := schema.Change{Ends: true, Received: at, Verified: at.Add(took), Objective: at.Add(time.Minute)}
				w := schema.Window{ID: tx.NewID(), Connector: "wiki", Identity: fmt.Sprint(n), Change: c, Closed: at.Add(took)}
				if err := store.Windows.Put(tx, w); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	latest := func() (x Recent) {
		t.Helper()
		err := s.View(t.Context(), func(r store.Reader) (err error) { x, err = Latest(r); return err })
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	is := func(what string, span time.Duration, closed, missed, open int, more bool) {
		t.Helper()
		x := latest()
		if got := x.To.Sub(x.From); got != span || x.Closed != closed || x.Missed != missed || x.Open != open || x.More != more {
			t.Errorf("%s: of %v %+v, want %d that closed, %d too late and %d open of %v", what, got, x, closed, missed, open, span)
		}
	}
	is("nothing", 24*time.Hour, 0, 0, 0, false)
	ended(3, 30*time.Hour, time.Second)
	ended(5, 10*time.Hour, 2*time.Minute)
	ended(4, 30*time.Minute, time.Second)
	accesstest.Update(t, s, func(tx store.Tx) error {
		for i, ago := range []time.Duration{40 * time.Hour, 20 * time.Minute, 2 * time.Minute} {
			due := schema.Change{Ends: true, Received: tx.Now().Add(-ago), Objective: tx.Now().Add(10*time.Minute - ago)}
			if err := store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: fmt.Sprint("open", i), Due: due}); err != nil {
				return err
			}
		}
		return nil
	})
	is("a day", 24*time.Hour, 9, 6, 2, false)
	if x := latest(); x.Oldest < 1200 || x.Oldest > 1260 || x.Took.Half != 120 || x.Took.Most != 120 {
		t.Errorf("a day: %+v", x)
	}
	ended(mostRecent, 3*time.Hour, time.Second)
	is("many today", time.Hour, 4, 1, 2, false)
	ended(mostRecent, 10*time.Minute, time.Second)
	is("many this hour", 5*time.Minute, 0, 0, 1, false)
	ended(mostRecent+1, time.Minute, time.Second)
	is("many just now", 5*time.Minute, mostRecent, 0, 1, true)
}
