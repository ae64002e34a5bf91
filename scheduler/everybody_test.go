package scheduler_test

import (
	"encoding/json"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/store"
)

// TestNobodyIsOverlooked has somebody change, and nothing that says so: the work of it was lost.
// The next time that everybody is looked at it is as it should be, and of whom nothing is
// different nothing is recorded. R-ENG-5.
func TestNobodyIsOverlooked(t *testing.T) {
	inBubble(t, func(w *world) {
		w.update(func(tx store.Tx) error {
			_, err := access.Publish(tx, w.rules.Book(), "test", map[string]string{"policy.yaml": documents})
			return err
		})
		w.rollOut()
		moved, stays := w.admitNamed("ada", "", "Engineering", true), w.admitNamed("bob", "", "Engineering", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			id, err := store.Identities.Get(tx, moved)
			if err != nil {
				return err
			}
			id.Resource = json.RawMessage(`{"userName":"ada","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`)
			return store.Identities.Put(tx, id)
		})
		settle(30 * 24 * time.Hour)
		w.want(moved, true, "Readers") // nothing announced it
		before := w.recordedOf(stays)
		run, err := w.sweep("everybody", scheduler.Everybody(w.store), policy.Brake{}) // which is not to act
		w.rollOut()
		settle(time.Minute)
		if w.want(moved, true, "Readers"); err != nil || run.Looked != 0 || run.Proposed != 2 || run.Done != 0 {
			t.Errorf("it was only to look, and came to %+v, %v", run, err)
		}
		run, err = w.sweep("everybody", scheduler.Everybody(w.store), policy.Brake{Count: 1})
		if err != nil || run.Looked != 0 || run.Found != 0 || run.Proposed != 0 || run.Done != 2 {
			t.Errorf("it came to %+v, %v", run, err)
		}
		w.rollOut()
		settle(time.Minute)
		w.want(moved, false)
		w.want(stays, true, "Readers")
		if after := w.recordedOf(stays); after != before {
			t.Errorf("%d decisions about whom nothing is different, and %d before", after, before)
		}
	})
}

// TestWithoutAPolicyNobodyIsLookedAt holds that a run says of nobody that they are looked at
// again, be it that it acts, where no policy is in force by which they could be.
func TestWithoutAPolicyNobodyIsLookedAt(t *testing.T) {
	inBubble(t, func(w *world) {
		w.admitNamed("ada", "", "Engineering", true)
		settle(time.Second)
		for _, brake := range []policy.Brake{{}, {Count: 1}} { // the first only looks
			run, err := w.sweep("everybody", scheduler.Everybody(w.store), brake)
			if err != nil || run.Looked != 0 || run.Proposed != 0 || run.Done != 0 {
				t.Errorf("with limits %+v it came to %+v, %v; want nothing", brake, run, err)
			}
		}
	})
}

// rollOut does what is due of looking at everybody.
func (w *world) rollOut() {
	w.t.Helper()
	accesstest.Lane(w.t, w.store, access.LaneRollout, func(item store.Item) (access.Finish, error) {
		return access.Rollout(w.t.Context(), w.store, w.rules, item)
	})
}

// recordedOf is how many decisions there are about somebody.
func (w *world) recordedOf(id string) (n int) {
	w.t.Helper()
	accesstest.View(w.t, w.store, func(r store.Reader) error {
		for _, err := range store.LogAbout(r, id) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n
}
