package scheduler_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/store"
)

// TestALeaverIsDisabledFirst proves R-REV-9: a leaver's account is disabled before
// anything is taken from it, and stays so whatever becomes of the rest.
func TestALeaverIsDisabledFirst(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		grantEditor(w, id)
		settle(time.Second)
		w.want(id, true, "Editors", "Readers")

		w.target.steps = nil
		broken := true
		w.target.refuse = func(s connectors.Step) error {
			if broken && s.Verb == connectors.Revoke {
				return errors.New("the groups cannot be written")
			}
			return nil
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
		settle(time.Second)
		w.want(id, false, "Editors", "Readers") // out, although nothing could be taken
		if len(w.target.steps) < 2 || w.target.steps[0] != "disable" || w.target.steps[1] != "revoke" {
			t.Errorf("the steps were %q, want disable and then revoke", w.target.steps)
		}

		broken = false
		settle(5 * time.Minute)
		w.want(id, false)
		if n := len(w.target.steps); n == 0 || w.target.steps[n-1] != "revoke" || slices.Contains(w.target.steps[1:], "disable") {
			t.Errorf("the steps were %q, want one disable, and revoke until it is done", w.target.steps)
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
		w.target.steps = nil
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "editor", By: "token/test", Reason: "the manual is written"})
		})
		settle(time.Second)
		w.want(id, true, "Readers")
		if !slices.Equal(w.target.steps, []string{"revoke"}) {
			t.Errorf("the steps were %q, want revoke alone", w.target.steps)
		}
	})
}
