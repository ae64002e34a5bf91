package access_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestExpiryRelievesPressure has it looked at anew whether exceptions dominate once a
// grant reaches its end that rests on one, and not where none does. R-EXC-6.
func TestExpiryRelievesPressure(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.work()
		for _, excepted := range [][]string{nil, {"exception/e1"}} {
			var g schema.Grant
			w.update(func(tx store.Tx) error {
				g = schema.Grant{ID: tx.NewID(), Identity: "ada", Role: "editor", Excepted: excepted, Until: tx.Now().Add(time.Hour)}
				return store.Grants.Put(tx, g)
			})
			w.passing(2 * time.Hour)
			w.update(func(tx store.Tx) error {
				if ended, err := access.Expire(tx, "sweep/expiry", "digest", g); err != nil || !ended {
					t.Errorf("ended %v, %v", ended, err)
				}
				return nil
			})
			w.passing(time.Minute)
			looks := w.lane(access.LaneGovernance, func(store.Item) (access.Finish, error) { return nil, nil })
			if want := len(excepted) > 0; looks != want {
				t.Errorf("a grant that rests on %q reached its end: governance is looked at %v, want %v", excepted, looks, want)
			}
		}
	})
}
