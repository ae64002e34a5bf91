package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A policy in force whose PolicySet says what has no effect, as one from before that was
// refused, stays in force. It is not put in force anew where lint is to refuse nothing. R-READY-1, R-PUB-2.
func TestIdlePolicySetStaysInForce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		idle := "  mode: enforce\n  publication: { approvers: { group: Board, excludeAuthor: false }, require: [lint] }\n  identity:"
		w.update(func(tx store.Tx) error {
			_, err := access.Publish(tx, w.rules.Book(), "token/test", map[string]string{"policy.yaml": strings.Replace(documents, oneMode, idle, 1)})
			return err
		})
		var now *access.Draft
		w.view(func(r store.Reader) (err error) {
			now, err = access.InForceAnyhow(r)
			return err
		})
		if why := now.Book.Unreadable(); why != "" {
			t.Fatalf("it cannot be read: %s", why)
		}
		c := newCouncil(w, now)
		w.want(c.ids["ada"], "Readers")
		_, err := c.propose(c.proposing(draft(t, oneMode, strings.Replace(idle, "group: Board", "group: Board, min: 2", 1))))
		c.refuses("another that says so where lint is demanded", err, schema.ErrForbidden)
		if err != nil && !strings.Contains(err.Error(), "E-IDLE") {
			t.Errorf("it is refused for another reason: %v", err)
		}
	})
}

// A service desk of which a document says whom it tells of is believed as before: what its
// ticket gives ends with it. A set of triggers of which one has a grace that means nothing
// still ends what its others end. R-REV-1, R-REV-3.
func TestIdleFieldsStopNothing(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		d := draft(t,
			"\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", strings.Replace(outside, "authoritativeFor: [ticket] }", "authoritativeFor: [ticket], correlateBy: [externalId] }", 1),
			"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }",
			"    - { name: suspended,", "    - { name: watched, on: [event, sweep], when: 'identity.department == \"Nowhere\"', action: hold, grace: 5d }\n    - { name: suspended,",
		)
		if strings.Count(d.Findings.String(), "E-IDLE") != 2 {
			t.Fatalf("lint says %v", d.Findings)
		}
		(&council{world: w}).force(d)
		w.signal("itsm", ticketSignal("approved"))
		bob := w.admit(person{name: "bob", department: "Operations"})
		eve := w.admit(person{name: "eve", department: "Operations"})
		w.grant(bob, "changer")
		w.work()
		w.want(bob, "Admins Editors")
		w.want(eve, "Admins")
		w.signal("itsm", ticketSignal("closed"))
		w.admit(person{id: eve, name: "eve", department: "Operations", inactive: true})
		w.work()
		w.want(bob, "Admins")
		w.want(eve, "")
	})
}
