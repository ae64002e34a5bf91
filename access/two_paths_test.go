package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/store"
)

// TestTwoPaths proves R-INH-5: what two roles give stays while one of them does, and the
// explanation names that one; it goes with the second. Likewise where what one of them gives
// confers what the other does.
func TestTwoPaths(t *testing.T) {
	const given = "grants: [{ connector: wiki, entitlement: writers }]"
	for name, c := range map[string]struct {
		replace            []string
		department, ref    string
		both, one, through string
		byBoth, byOne      string
	}{
		"each gives it": {
			replace:    []string{given, "grants: [{ connector: wiki, entitlement: writers }, { connector: wiki, entitlement: readers }]"},
			department: "Engineering", ref: "wiki/readers", both: "Readers Writers", one: "Readers",
			byBoth: "engineer writer", byOne: "engineer",
		},
		"one confers it": {
			replace:    []string{"{ id: admins, target: Admins, risk: high }", "{ id: admins, target: Admins, risk: high, confers: [wiki/writers] }"},
			department: "Operations", ref: "wiki/writers", both: "Admins Writers", one: "Admins", through: "wiki/admins",
			byBoth: "writer", byOne: "admin",
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				p := twoPaths{w, c.ref}
				inGroup := w.writers()
				w.publish(book(t, c.replace...))
				ada := w.admit(person{name: "ada", department: c.department})
				w.work()
				inGroup(ada, true)
				w.want(ada, c.both)
				p.wantBy(ada, access.Holds, "", c.byBoth)

				inGroup(ada, false)
				w.want(ada, c.one)
				p.wantBy(ada, access.Holds, c.through, c.byOne)
				w.admit(person{id: ada, name: "ada", department: "Sales"})
				w.work()
				w.want(ada, "")
				p.wantBy(ada, access.Lost, "", "")
			})
		})
	}

	t.Run("the other one first", func(t *testing.T) {
		engines(t, func(t *testing.T, w *world) {
			p := twoPaths{w, "wiki/readers"}
			inGroup := w.writers()
			w.publish(book(t, given, "grants: [{ connector: wiki, entitlement: writers }, { connector: wiki, entitlement: readers }]"))
			ada := w.admit(person{name: "ada", department: "Engineering"})
			inGroup(ada, true)
			w.admit(person{id: ada, name: "ada", department: "Sales"})
			w.work()
			w.want(ada, "Readers Writers")
			p.wantBy(ada, access.Holds, "", "writer")
			inGroup(ada, false)
			w.want(ada, "")
			p.wantBy(ada, access.Lost, "", "")
		})
	})
}

// twoPaths looks at one entitlement that two roles may give.
type twoPaths struct {
	*world
	ref string
}

// wantBy fails unless somebody stands so with it, by these roles, which the answer names.
func (w twoPaths) wantBy(id string, standing access.Standing, through, roles string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		e, err := access.Explain(r, w.rules, id, w.ref)
		if err != nil {
			return err
		}
		if e.Standing != standing || e.Through != through {
			w.t.Errorf("it %s through %q, want %s through %q: %s", e.Standing, e.Through, standing, through, e.Answer)
		}
		if e.Line == nil {
			if roles != "" {
				w.t.Errorf("nothing is desired, want it by %s", roles)
			}
			return nil
		}
		var by []string
		for _, because := range e.Line.Because {
			role := strings.TrimPrefix(because, "role/")
			by = append(by, role)
			if !strings.Contains(e.Answer, "role "+role) {
				w.t.Errorf("the answer does not name role %s: %s", role, e.Answer)
			}
		}
		if got := strings.Join(by, " "); got != roles {
			w.t.Errorf("it rests on %q, want %q: %s", got, roles, e.Answer)
		}
		if through != "" && !strings.Contains(e.Answer, through) {
			w.t.Errorf("the answer does not say through what: %s", e.Answer)
		}
		return nil
	})
}
