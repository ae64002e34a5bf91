package access_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestDoubtedTwice has an account in doubt of which nobody knows the id: it is found by
// its attributes, whatever else is doubted of it. R-PROV-2.
func TestDoubtedTwice(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		id := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error {
			return store.Accounts.Put(tx, schema.Account{
				Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Pending,
				Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: time.Now(), Because: []string{"d"}},
			})
		})
		w.admit(person{id: id, name: "ada", inactive: true})
		w.view(func(r store.Reader) error {
			work, err := access.WorkFor(r, w.rules, "wiki", id, true)
			if work.Have.Attributes["userName"] != "ada" || len(connectors.Plan(work.Have, work.Want)) == 0 {
				t.Errorf("it is looked for as %+v, want by its name, to be disabled", work.Have)
			}
			return err
		})
	})
}

// TestMaybeMadeAndRenamed has somebody be renamed while nobody knows whether their
// account was made: it is looked for by the name that it was to be made with, or they
// would get another, also if they are to have none by now. R-PROV-2.
func TestMaybeMadeAndRenamed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		decide := func() {
			time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
		}
		id := w.admit(person{name: "ada", department: "Engineering"})
		decide() // then she is made, and the process dies before it knows
		for _, later := range []person{
			{id: id, name: "countess", department: "Engineering"},
			{id: id, name: "lovelace", department: "Engineering"},
			{id: id, name: "lovelace", inactive: true},
		} {
			w.admit(later)
			decide()
			w.view(func(r store.Reader) error {
				sure, err := access.WorkFor(r, w.rules, "wiki", id, false)
				if err != nil || sure.Have.Exists() || len(sure.Have.Attributes) > 0 {
					t.Errorf("%s, without doubt: %+v, %v; want no account", later.name, sure.Have, err)
				}
				work, err := access.WorkFor(r, w.rules, "wiki", id, true)
				if work.Have.RemoteID != connectors.Unnamed("ada") || work.Have.Attributes["userName"] != "ada" || work.Have.Attributes["externalId"] != id {
					t.Errorf("%s is looked for as %+v, want as ada", later.name, work.Have)
				}
				if work.Want.Active == later.inactive || len(connectors.Plan(work.Have, work.Want)) == 0 {
					t.Errorf("%s is to be %+v", later.name, work.Want)
				}
				return err
			})
		}
	})
}
