package scheduler_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/store"
)

// taken returns the steps that were taken or refused since it was asked last.
func (g *target) taken() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	steps := g.steps
	g.steps = nil
	return steps
}

// TestALeaverIsDisabledFirst proves R-REV-9: a leaver's account is disabled before
// anything is taken from it, and stays so whatever becomes of the rest.
func TestALeaverIsDisabledFirst(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		grantEditor(w, id)
		settle(time.Second)
		w.want(id, true, "Editors", "Readers")

		w.target.taken()
		var broken atomic.Bool
		broken.Store(true)
		w.target.change(func(g *target) {
			g.refuse = func(s connectors.Step) error {
				if broken.Load() && s.Verb == connectors.Revoke {
					return errors.New("the groups cannot be written")
				}
				return nil
			}
		})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
		settle(time.Second)
		w.want(id, false, "Editors", "Readers") // out, although nothing could be taken
		if steps := w.target.taken(); len(steps) < 2 || steps[0] != "disable" || slices.Contains(steps[1:], "disable") || steps[1] != "revoke" {
			t.Errorf("the steps were %q, want disable and then revoke", steps)
		}

		broken.Store(false)
		settle(5 * time.Minute)
		w.want(id, false)
		if steps := w.target.taken(); len(steps) == 0 || steps[len(steps)-1] != "revoke" || slices.Contains(steps, "disable") {
			t.Errorf("the steps were %q, want no disable again, and revoke until it is done", steps)
		}
	})
}

// TestWhoStaysLosesFirst has somebody lose one role of two and get another: what ends
// is taken before what begins is given, and nobody is disabled for it.
func TestWhoStaysLosesFirst(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		grantEditor(w, id)
		settle(time.Second)
		w.target.taken()
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "editor", By: "token/test", Reason: "the manual is written"})
		})
		settle(time.Second)
		w.want(id, true, "Readers")
		if steps := w.target.taken(); !slices.Equal(steps, []string{"revoke"}) {
			t.Errorf("the steps were %q, want revoke alone", steps)
		}
	})
}
