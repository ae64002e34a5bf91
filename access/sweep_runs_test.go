package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// runID is an id of a run that was made a while ago.
func runID(ago time.Duration, n int) string {
	ms := time.Now().Add(-ago).UnixMilli()
	return fmt.Sprintf("%08x-%04x-7000-8000-%012x", ms>>16, ms&0xffff, n)
}

func TestRunsComeNewestFirst(t *testing.T) {
	s := tokenStore(t)
	var want []string // of sweep "expiry", newest first
	err := s.Update(t.Context(), func(tx store.Tx) error {
		want = nil
		for i, ago := range []time.Duration{0, time.Second, time.Hour, 26 * time.Hour, 27 * time.Hour, 400 * 24 * time.Hour} {
			for j, sweep := range []string{"expiry", "drift"} {
				run := schema.Run{ID: runID(ago, j), Sweep: sweep, Started: time.Now().Add(-ago), Found: 1}
				if i == 0 {
					run.Problem = "the target went away"
				}
				if sweep == "expiry" {
					want = append(want, run.ID)
				}
				if err := store.Runs.Put(tx, run); err != nil {
					return err
				}
			}
		}
		return store.Runs.Put(tx, schema.Run{ID: "quiet/drift", Sweep: "drift", Started: time.Now().Add(time.Minute)})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		var got []string
		before := ""
		for {
			runs, err := access.RunsBefore(r, "expiry", before, 4)
			if err != nil {
				return err
			}
			for _, run := range runs {
				got = append(got, run.ID)
			}
			if len(runs) < 4 {
				break
			}
			before = runs[len(runs)-1].ID
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of 4: %v\nwant %v", got, want)
		}
		all, err := access.RunsBefore(r, "", "", 100)
		if len(all) != 2*len(want) {
			t.Errorf("of all sweeps: %d runs, want %d", len(all), 2*len(want))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLastRun proves R-SWEEP-1.
func TestLastRun(t *testing.T) {
	s := tokenStore(t)
	now := time.Now()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			store.Runs.Put(tx, schema.Run{ID: runID(time.Hour, 1), Sweep: "drift", Started: now.Add(-time.Hour), Found: 2}),
			store.Runs.Put(tx, schema.Run{ID: runID(time.Minute, 1), Sweep: "drift", Started: now.Add(-time.Minute), Problem: "gone"}),
			store.Runs.Put(tx, schema.Run{ID: "quiet/drift", Sweep: "drift", Started: now.Add(-2 * time.Hour)}),
			store.Runs.Put(tx, schema.Run{ID: "quiet/expiry", Sweep: "expiry", Started: now.Add(-2 * time.Hour)}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	every := func(schema.Run) bool { return true }
	fine := func(run schema.Run) bool { return run.Problem == "" }
	err = s.View(t.Context(), func(r store.Reader) error {
		if run, err := access.LastRun(r, "drift", every); err != nil || run.Problem != "gone" {
			t.Errorf("last run: %+v, %v", run, err)
		}
		if run, err := access.LastRun(r, "drift", fine); err != nil || run.Found != 2 {
			t.Errorf("last good run: %+v, %v", run, err)
		}
		if run, err := access.LastRun(r, "expiry", every); err != nil || run.ID != "quiet/expiry" {
			t.Errorf("last quiet run: %+v, %v", run, err)
		}
		if _, err := access.LastRun(r, "never", every); !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("of a sweep that never ran: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunSweepIsDueNow(t *testing.T) {
	s := tokenStore(t)
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.Wake(access.LaneSweep, "drift", tx.Now().Add(24*time.Hour)); err != nil {
			return err
		}
		return access.RunSweep(tx, "drift")
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		items, err := tx.Lease(access.LaneSweep, 5, time.Minute)
		if len(items) != 1 || items[0].ID != "drift" {
			t.Errorf("due: %v", items)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
