package console_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestASweepThatStopped ran once, well, and never again: the front page does not say that
// all ran. R-SWEEP-1.
func TestASweepThatStopped(t *testing.T) {
	w := newWorld(t, nil)
	stands := func(due time.Duration) string {
		w.update(func(tx store.Tx) error {
			now := tx.Now()
			for _, name := range []string{"drift", "expiry"} {
				err := errors.Join(
					store.Runs.Put(tx, schema.Run{ID: "quiet/" + name, Sweep: name, Started: now.Add(-5 * time.Hour), Ended: now.Add(-5 * time.Hour)}),
					tx.Wake(access.LaneSweep, name, now.Add(due)),
				)
				if err != nil {
					return err
				}
			}
			return nil
		})
		return w.as("viewer").shows("/console/now")
	}
	if text := stands(time.Hour); !strings.Contains(text, "all ran") {
		t.Error("all ran, and it does not say so")
	}
	if text := stands(-2 * time.Hour); strings.Contains(text, "all ran") || !strings.Contains(text, "2 late") {
		t.Error("none ran when it was due, and it does not say that two are late")
	}
}
