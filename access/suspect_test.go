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
