package scheduler_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/store"
)

// TestWhatACrashGaveIsTakenBack lets the bridge die after a target did what it
// was told, before that was written down, and then has it decided otherwise:
// desired and remembered state agree, and the target has something else.
func TestWhatACrashGaveIsTakenBack(t *testing.T) {
	t.Run("an entitlement", func(t *testing.T) {
		inBubble(t, func(w *world) {
			id := w.admit("", "Engineering", true)
			settle(time.Second)
			w.dies.Store(true)
			grantEditor(w, id)
			settle(time.Second)
			w.want(id, true, "Editors", "Readers")
			w.update(func(tx store.Tx) error {
				return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "editor", By: "token/ops", Reason: "a mistake"})
			})
			w.dies.Store(false)
			settle(3 * time.Minute)
			w.want(id, true, "Readers")
		})
	})
	t.Run("an account", func(t *testing.T) {
		inBubble(t, func(w *world) {
			w.dies.Store(true)
			id := w.admit("", "Engineering", true)
			settle(time.Second)
			w.want(id, true, "Readers")
			w.admit(id, "Engineering", false)
			w.dies.Store(false)
			settle(3 * time.Minute)
			w.want(id, false)
		})
	})
	t.Run("a leaver's account that is enabled again", func(t *testing.T) {
		inBubble(t, func(w *world) {
			id := w.admit("", "Engineering", true)
			settle(time.Second)
			w.admit(id, "Engineering", false)
			settle(2 * time.Second)
			w.dies.Store(true)
			w.admit(id, "Engineering", true)
			settle(3 * time.Second)
			w.want(id, true, "Readers")
			w.admit(id, "Engineering", false)
			w.dies.Store(false)
			settle(3 * time.Minute)
			w.want(id, false)
		})
	})
}

// TestWhatACrashKeptFromBeingMadeIsMade lets the bridge die before its target did
// what it was told: that it may have done it is no reason not to ask again.
func TestWhatACrashKeptFromBeingMadeIsMade(t *testing.T) {
	inBubble(t, func(w *world) {
		w.dies.Store(true)
		w.target.change(func(g *target) { g.dead = true })
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.want(id, false)
		w.dies.Store(false)
		w.target.change(func(g *target) { g.dead = false })
		settle(3 * time.Minute)
		w.want(id, true, "Readers")
	})
}
