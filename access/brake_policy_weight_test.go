package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

const limited = "  mode: enforce\n  limits: { revokesPerRun: { count: 100 }, grantsPerRun: { count: 2 }, roleMatchPercent: 60 }\n  identity:"

// TestHeldWhole publishes policies that give or take too much, by count or by percent, or have a
// rule that matches too many: nothing of them happens, neither what they give nor what they take, until two
// people release them; what happens for other reasons does. R-BRAKE-1, R-BRAKE-2, R-BRAKE-5.
func TestHeldWhole(t *testing.T) {
	const plain, rule = "  mode: enforce\n  identity:", `identity.department == "Engineering"` + "\n  grants: [{ connector: wiki, entitlement: readers }]"
	const share = "  mode: enforce\n  limits: { revokesPerRun: { percent: 50 }, grantsPerRun: { percent: 50 } }\n  identity:"
	for name, tc := range map[string]struct{ limits, rule, why, then string }{
		"it gives to too many": {
			limited, `identity.department == "Engineering"` + "\n  grants: [{ connector: wiki, entitlement: editors }]", "would give 4 lines", "Editors",
		},
		"it gives too large a part": {
			share, `identity.department == "Engineering"` + "\n  grants: [{ connector: wiki, entitlement: readers }, { connector: wiki, entitlement: editors }]",
			"would give 4 lines, of 5 that are held, and its limit is 50%", "Editors Readers",
		},
		"it takes too large a part": {
			share, `identity.department == "Research"` + "\n  grants: [{ connector: wiki, entitlement: readers }]",
			"would take away 4 of 5 lines, and its limit is 50%", "",
		},
		"its rule matches too many": {
			limited, `identity.department in ["Engineering", "Sales"]` + "\n  grants: [{ connector: wiki, entitlement: readers }]", "role engineer matches 5 identities, 83% of all", "Readers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				c := &council{w, nil}
				c.force(draft(t, plain, tc.limits))
				var engineers []string
				for i := range 4 {
					engineers = append(engineers, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
				}
				seller := w.admit(person{name: "seller", department: "Sales"})
				w.admit(person{name: "clerk", department: "Office"})
				w.work()
				heavy := draft(t, plain, tc.limits, rule, tc.rule)
				c.force(heavy)
				w.work()
				h := w.held("policy:" + heavy.Book.Digest())
				if !strings.Contains(h.Reason, tc.why) {
					t.Errorf("held for %q, want %q", h.Reason, tc.why)
				}
				for _, id := range engineers {
					w.want(id, "Readers")
				}
				w.want(seller, "")
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), engineers[0]) })
				joiner := w.admit(person{name: "joiner", department: "Operations"})
				w.work()
				w.want(engineers[0], "")
				w.want(joiner, "Admins")
				w.release("policy:"+heavy.Book.Digest(), "as intended")
				w.work()
				w.want(engineers[1], tc.then)
				if strings.Contains(tc.rule, "Sales") {
					w.want(seller, tc.then)
				}
				if open := slices.Concat(w.findings("held-policy"), w.findings("kept")); len(open) > 0 {
					t.Errorf("findings about %v stay open", open)
				}
				again := draft(t, plain, tc.limits, rule, tc.rule, "Sellers see the customers.", "Sellers see their customers.")
				c.force(again)
				w.work()
				if h := w.held("policy:" + again.Book.Digest()); h.ID != "" {
					t.Errorf("what was released once is held again: %s", h.Reason)
				}
			})
		})
	}
}

// TestUnreadyRolesAreWithheld publishes a role whose owner left before: nobody gets it,
// what is held by it stays, everything else of the policy works; one that names somebody
// who is there comes out of it. The log and the finding say the code. R-READY-1, R-OWN-2.
func TestUnreadyRolesAreWithheld(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := &council{w, nil}
		c.force(draft(t))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		gone := w.admit(person{name: "gone", department: "Office"})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), gone) })
		w.work()
		c.force(draft(t, "owner: { user: lead@example.com, deputy: second@example.com }", "owner: { user: lead@example.com, deputy: gone@example.com }",
			`"writers" in identity.groups`, `identity.department == "Engineering"`))
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.want(ada, "Readers Writers")
		w.want(bob, "Writers")
		w.view(func(r store.Reader) error {
			f, err := store.Findings.Get(r, "quarantine", "", "role/engineer", "")
			if err == nil && (f.Code != "E-OWNER-INACTIVE" || !strings.Contains(f.Reason, "its deputy gone@example.com left")) {
				t.Errorf("the finding is %+v", f)
			}
			return err
		})
		if got := w.verbs("role/engineer"); !slices.Contains(got, schema.Quarantined) {
			t.Errorf("decisions %v, want that it is withheld", got)
		}
		if got := gaps(w.ready(), "role/engineer"); !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, "E-OWNER-INACTIVE") }) {
			t.Errorf("readiness says %q", got)
		}
		c.force(draft(t, "owner: { user: lead@example.com, deputy: second@example.com }", "owner: { user: lead@example.com, deputy: ada@example.com }",
			`"writers" in identity.groups`, `identity.department == "Engineering"`))
		w.work()
		w.want(bob, "Readers Writers")
		if open := w.findings("quarantine"); len(open) > 0 {
			t.Errorf("findings about %v stay open", open)
		}
	})
}
