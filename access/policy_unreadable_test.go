package access_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// R-READY-1, R-READY-2, R-BG-7: a policy in force that this version of the program cannot
// read gives nobody anything, takes nothing by rules, and lets end what must end.
func TestPolicyInForceCannotBeRead(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		text := strings.Replace(documents, "spec:\n  mode: enforce\n", "spec:\n  mode: enforce\n  colour: red\n", 1)
		w.update(func(tx store.Tx) error {
			_, err := access.Publish(tx, w.rules.Book(), "token/test", map[string]string{"policy.yaml": text})
			return err
		})
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"})
		eve, dan := w.admit(person{name: "eve", department: "Engineering"}), w.admit(person{name: "dan", department: "Engineering"})
		w.work()
		w.grant(eve, "editor")
		w.work()
		w.want(eve, "Editors Readers")

		before := w.rules.Book()
		var d *access.Draft
		w.view(func(r store.Reader) (err error) {
			d, err = access.InForceAnyhow(r)
			return err
		})
		if why := d.Book.Unreadable(); !strings.Contains(why, `policy.yaml:7:3: E-FIELD: unknown field "colour"`) {
			t.Fatalf("it says of what cannot be read: %q", why)
		}
		if d.Book.Digest() != before.Digest() {
			t.Error("decisions would not name the policy in force")
		}
		w.rules.Use(d.Book)
		w.update(func(tx store.Tx) error { return access.NoteReadable(tx, d.Book) })
		if got := w.findings("unreadable-policy"); len(got) != 1 {
			t.Errorf("findings: %v", got)
		}

		carl := w.admit(person{name: "carl", department: "Engineering"})
		w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
		w.admit(person{id: bob, name: "bob", department: "Sales"})
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: dan, Role: "engineer", By: "token/test", Reason: "he asked"})
		})
		w.work()
		w.want(carl, "")
		w.want(ada, "")
		w.want(bob, "Readers")
		w.want(dan, "")
		w.want(eve, "Editors Readers")
		time.Sleep(9 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(eve, "Readers")
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.Grant(tx, w.rules.Book(), schema.Grant{Identity: bob, Role: "editor", By: "token/test", Reason: "to write", Approvals: []schema.Approval{{By: "iam@example.com"}}})
			return err
		})
		if !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("a role is granted: %v", err)
		}

		w.rules.Use(before) // the version before is started again, or this one reads it
		w.update(func(tx store.Tx) error { return access.NoteReadable(tx, before) })
		w.work()
		w.want(carl, "Readers")
		w.want(bob, "")
		w.want(dan, "")
		if got := w.findings("unreadable-policy"); len(got) != 0 {
			t.Errorf("findings, once it can be read: %v", got)
		}
	})
}

// A role that lint refuses keeps what people hold by it, and not beyond the end of a grant
// or a person's word. R-JIT-2.
func TestRefusedRoleEndsWhereAGrantDoes(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		eve, dan := w.admit(person{name: "eve", department: "Engineering"}), w.admit(person{name: "dan", department: "Engineering"})
		w.work()
		w.grant(eve, "editor")
		w.work()
		w.publish(refused(t, "  intent: Edit the wiki for a while.\n", "", "  intent: Engineers read the wiki.\n", ""))
		w.work()
		w.want(eve, "Editors Readers")
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: dan, Role: "engineer", By: "token/test", Reason: "he asked"})
		})
		time.Sleep(9 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(eve, "Readers")
		w.want(dan, "")
	})
}
