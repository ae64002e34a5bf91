package access_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestTombstonesFollow has a source delete somebody from whom a person revoked a
// birthright, and tell of somebody new.
func TestTombstonesFollow(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		tell := func(name, externalID string) string {
			id := person{name: name, department: "Engineering"}.identity(t)
			id.ExternalID = externalID
			w.update(func(tx store.Tx) (err error) {
				id.ID = ""
				id, err = access.Admit(tx, w.hr(), id)
				return err
			})
			w.work()
			return id.ID
		}
		remove := func(id string) {
			w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
			w.work()
		}
		ada := tell("ada", "42")
		w.want(ada, "Readers")
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "engineer", By: "token/test", Reason: "leaks"})
		})
		for _, c := range []struct{ what, name, externalID, want string }{
			{"her again", "ada", "42", ""},
			{"once more, in another spelling", "ADA", "43", ""},
			{"under another name", "eve", "43", ""},
			{"somebody else", "bob", "7", "Readers"},
			{"somebody without an externalId", "cai", "", "Readers"},
		} {
			remove(ada)
			was := ada
			ada = tell(c.name, c.externalID)
			if got := w.holds(ada); got != c.want {
				t.Errorf("%s: has %q, want %q", c.what, got, c.want)
			}
			w.view(func(r store.Reader) error {
				said := false
				for e, err := range store.LogAbout(r, ada) {
					if err != nil {
						return err
					}
					d := e.Decision
					said = said || d.Verb == schema.Revoked && d.Object == "role/engineer" && strings.Contains(d.Reason, was) && d.Policy != ""
				}
				if said != (c.want == "") {
					t.Errorf("%s: the log says it was revoked: %v", c.what, said)
				}
				return nil
			})
		}
	})
}

// TestGrantedIsNotInherited lifts a tombstone, by a grant, from one who follows
// another: the next one has none.
func TestGrantedIsNotInherited(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "editor", By: "token/test", Reason: "leaks"})
		})
		for _, granted := range []bool{true, false} {
			w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
			w.work()
			ada = w.admit(person{name: "ada", department: "Engineering"})
			w.work()
			if got := slices.Contains(w.verbs(ada), schema.Revoked); got != granted {
				t.Errorf("it was revoked from her: %v, want %v", got, granted)
			}
			w.grant(ada, "editor")
		}
	})
}
