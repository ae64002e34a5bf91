package access_test

import (
	"errors"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestParkWhileTheMemberComes has a source name a member of a group at the moment
// when it tells of them, where several write: whichever comes first, they are in the
// group in the end.
func TestParkWhileTheMemberComes(t *testing.T) {
	for _, first := range []string{"the edge", "the member"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t, enginetest.Memory(4))
			defer func() { _ = w.store.Close() }()
			var group schema.Group
			w.update(func(tx store.Tx) (err error) {
				group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
				return err
			})
			name := func(tx store.Tx) error {
				m, err := access.Resolve(tx, "hr", "emp-7")
				if errors.Is(err, schema.ErrNotFound) {
					_, err = access.Park(tx, w.hr(), group.ID, "emp-7")
					return err
				}
				if m.Group = group.ID; err == nil {
					_, err = access.Join(tx, w.hr(), m)
				}
				return err
			}
			tell := func(tx store.Tx) error {
				id := person{name: "seven"}.identity(t)
				id.ExternalID = "emp-7"
				_, err := access.Admit(tx, w.hr(), id)
				return err
			}
			early, late := name, tell
			if first == "the member" {
				early, late = tell, name
			}
			started := false
			w.update(func(tx store.Tx) error { // it has done all, and is yet to commit, when the other does it
				err := early(tx)
				if !started {
					started = true
					w.update(late)
				}
				return err
			})
			w.view(func(r store.Reader) error {
				seven, err := store.Identities.One(r, store.IdentityExternalID, "hr", "emp-7")
				if err != nil {
					return err
				}
				in, err := store.Members.Has(r, group.ID, seven.ID)
				if !in {
					t.Error("who came is not in the group")
				}
				if n, err := store.ParkedMembers.Count(r); n != 0 || err != nil {
					t.Errorf("%d edges are parked, %v", n, err)
				}
				return err
			})
			w.check()
		})
	}
}
