package access_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestOverdueLeavesWhatIsProtected has a review end what nobody decided in time. What must
// not be written to stays open for people, and does not keep the rest from ending.
func TestOverdueLeavesWhatIsProtected(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		for _, id := range []string{ada, bob} {
			w.update(func(tx store.Tx) error {
				a, err := store.Accounts.Get(tx, "wiki", id)
				if err != nil {
					return err
				}
				a.Entitlements = schema.Sorted(append(a.Entitlements, "Admins")...)
				w.targets["wiki"][a.RemoteID] = a
				return store.Accounts.Put(tx, a)
			})
		}
		v := w.openReview(access.Opening{Kind: schema.ReviewConnector, Of: "wiki", Within: time.Hour, Overdue: schema.OverdueRevoke})
		time.Sleep(2 * time.Hour) //nolint:forbidigo // of the bubble's own time
		rules := access.NewRules(w.rules.Book(), map[string][]string{"wiki": {"ada"}})
		acted := map[string]bool{}
		w.update(func(tx store.Tx) error {
			clear(acted)
			for _, i := range w.items(v.ID) {
				if i.Holding != "entitlement/wiki/Admins" {
					continue
				}
				would, err := access.OverdueActs(tx, rules, v, i)
				if err != nil {
					return err
				}
				did, err := access.OverdueItem(tx, rules, "sweep/reviews", i)
				if err != nil {
					return err
				}
				if acted[i.Identity] = did; did != would {
					t.Errorf("%s: it did %v and was to do %v", i.Identity, did, would)
				}
			}
			return nil
		})
		if len(acted) != 2 || acted[ada] || !acted[bob] {
			t.Errorf("it acted on %v; ada (%s) is protected, bob (%s) is not", acted, ada, bob)
		}
	})
}
