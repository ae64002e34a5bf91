package access_test

import (
	"errors"
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
			found.Work, err = access.WorkFor(r, w.rules, "wiki", id, 1)
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
			work, err := access.WorkFor(r, w.rules, "wiki", id, 1)
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

// TestTwoWhoMayHaveBeenMade has two of one name of whom it is not known whether their
// accounts were made: neither is thought to have that of the other. R-PROV-2.
func TestTwoWhoMayHaveBeenMade(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		maybe := func(id string) schema.Account {
			return schema.Account{
				Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Retrying,
				Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: time.Now(), Because: []string{"d"}},
			}
		}
		old := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error { return store.Accounts.Put(tx, maybe(old)) })
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), old) })
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error { return tx.Wake(access.LaneAccount("wiki"), id, tx.Now()) })
		w.lane(access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
			o := access.Outcome{Err: errors.New("the line broke"), Got: maybe(id)}
			w.view(func(r store.Reader) (err error) {
				o.Work, err = access.WorkFor(r, w.rules, "wiki", id, 1)
				return err
			})
			o.Steps = connectors.Plan(schema.Account{}, schema.Account{Active: true})
			return func(tx store.Tx) (time.Time, error) {
				_, err := access.Observe(tx, w.rules, item, o)
				return time.Time{}, err
			}, nil
		})
		w.view(func(r store.Reader) error {
			for _, who := range []string{old, id} {
				a, err := store.Accounts.Get(r, "wiki", who)
				if err != nil || a.RemoteID != connectors.Unnamed("ada") || a.Attributes["userName"] != "ada" {
					t.Errorf("%s has %+v, %v; want one that may be there, to be found by its name", who, a, err)
				}
			}
			return nil
		})
	})
}

// TestMadeForSomebodyRenamed has somebody be renamed whose account was made and nobody
// heard of it, and somebody else get the name: the account is not theirs to take, until
// it is known whose it is. R-PROV-2.
func TestMadeForSomebodyRenamed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		decide := func() {
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
		}
		ada := w.admit(person{name: "ada", department: "Engineering"})
		decide() // she is made there, and the process dies before it knows
		made := schema.Account{RemoteID: "r-1", Active: true, Attributes: map[string]string{"userName": "ada", "externalId": ada}}
		w.admit(person{id: ada, name: "countess", department: "Engineering"})
		bob := w.admit(person{name: "ada", department: "Engineering"})
		decide()
		may := func(who string) (err error) {
			w.view(func(r store.Reader) error { err = access.MayTake(r, w.rules, "wiki", who, made); return nil })
			return err
		}
		if err := may(bob); err == nil || connectors.KindOf(err) != connectors.Transient {
			t.Errorf("who has the name now may take it: %v, want that this passes", err)
		}
		if err := may(ada); err != nil {
			t.Errorf("whose it is may not take it: %v", err)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		decide()
		if err := may(bob); err != nil {
			t.Errorf("she is gone, and who has the name may not take it: %v", err)
		}
	})
}
