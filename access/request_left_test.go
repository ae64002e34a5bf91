package access_test

import (
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
)

// TestWhoAgreedLeaves has somebody leave who agreed to a request that others have yet to
// decide about: their stage is open again as soon as they are gone. R-POL-3, R-OWN-2.
func TestWhoAgreedLeaves(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		w.work()
		o.tell("boss", "Office", "", true)
		w.work()
		if got := o.get(q); got.State != schema.RequestOpen || got.Stage != 0 || len(got.Standing()) > 0 {
			t.Errorf("the request is %s at stage %d by %v, want it open at the first", got.State, got.Stage, got.Standing())
		}
		if got := o.inbox("owner"); len(got) > 0 {
			t.Errorf("the owner may decide about %v, before the stage of the manager", got)
		}
		_, err := o.decide(access.Approve, q, "owner")
		o.refuses("the owner before the manager", err, schema.ErrForbidden)
	})
}
