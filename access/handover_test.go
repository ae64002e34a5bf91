package access_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestLateForAFormerHolder has a call that disables the account of somebody who is
// gone reach it after somebody else was seen to have it, and before that is written
// down: they are looked at once more, or they would be thought to be active. R-PROV-2.
func TestLateForAFormerHolder(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		old := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		there := w.targets["wiki"]["r-"+old]
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), old) })
		id := w.admit(person{name: "ada", department: "Engineering"})
		time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(w.t.Context(), w.store, w.rules, item)
		})
		var found access.Outcome // as it was before it was disabled
		w.view(func(r store.Reader) (err error) {
			found.Work, err = access.WorkFor(r, w.rules, "wiki", id, false)
			return err
		})
		found.Steps = connectors.Plan(found.Work.Have, found.Work.Want)
		found.Got = schema.Account{RemoteID: there.RemoteID, Active: true, Attributes: found.Work.Want.Attributes, Entitlements: found.Work.Want.Entitlements}
		found.Sent, found.Acked = time.Now(), time.Now()

		late := w.provision("wiki")
		w.lane(access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
			if item.ID == old {
				return late(item)
			}
			return func(tx store.Tx) (time.Time, error) {
				_, err := access.Observe(tx, w.rules, item, found)
				return time.Time{}, err
			}, nil
		})
		w.view(func(r store.Reader) error {
			work, err := access.WorkFor(r, w.rules, "wiki", id, false)
			if err != nil || !work.Have.Exists() || len(work.Have.Attributes) > 0 || len(connectors.Plan(work.Have, work.Want)) == 0 {
				t.Errorf("it went over as %+v, %v; want that it is looked at once more", work.Have, err)
			}
			item, err := w.itemOf(access.LaneAccount("wiki"), id)
			if err != nil || !item.Urgent {
				t.Errorf("it is due as %+v, %v", item, err)
			}
			return err
		})
	})
}

// itemOf returns what is to be done about somebody in a lane.
func (w *world) itemOf(lane store.Lane, id string) (found store.Item, err error) {
	err = w.store.View(w.t.Context(), func(r store.Reader) error {
		for item, err := range store.Items(r, lane) {
			if err != nil {
				return err
			}
			if item.ID == id {
				found = item
				return nil
			}
		}
		return schema.ErrNotFound
	})
	return found, err
}
