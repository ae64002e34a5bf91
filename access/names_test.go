package access_test

import (
	"errors"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// lesser is a source that may say what somebody's title is, and not what they are
// called, and one that may.
const lesser = `kind: Source
metadata: { name: dir, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [title], correlateBy: [employeeNumber] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: mail, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [emails], correlateBy: [employeeNumber] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki`

// withLesser is a book with these sources.
func withLesser(t *testing.T, text string, replace ...string) *policy.Book {
	t.Helper()
	return compiled(t, text, append(replace, "kind: Connector\nmetadata: { name: wiki", lesser)...)
}

func (w *world) attach(record, identity string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return access.Attach(tx, w.rules.Book(), access.Attachment{Record: record, Identity: identity, By: "token/test", Reason: "it is"})
	})
}

// TestWhoseNamesBar has sources give who asks the address of who approves.
func TestWhoseNamesBar(t *testing.T) {
	for name, c := range map[string]struct {
		source, of string // whose record of whom
		email      string
		refused    bool
	}{
		"the boss's address, by who may not say it":    {source: "dir", of: "ada", email: "boss@example.com"},
		"who asks, by who may not say it, of the boss": {source: "dir", of: "boss", email: "ada@example.com"},
		"the boss's address, by who may say it":        {source: "mail", of: "ada", email: "boss@example.com", refused: true},
		"who asks, by who may say it, of the boss":     {source: "mail", of: "boss", email: "ada@example.com", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				o := newOffice(w)
				w.rules.Use(withLesser(t, askedFor))
				q := o.mustAsk("editor", "ada")
				w.attach(w.tell(attested{source: c.source, name: "x", email: c.email}), o.ids[c.of])
				w.work()
				if c.refused {
					_, err := o.decide(access.Approve, q, "boss")
					o.refuses("who is both by what a source may say", err, schema.ErrForbidden)
					return
				}
				o.approve(q, "boss", schema.RequestOpen, 1)
			})
		})
	}
}

// TestWhatIsDoneIsDoneToWhoIsCalledSo has somebody else have a name at a source that
// may not say it: what is done by that name is done to nobody else, and not refused.
func TestWhatIsDoneIsDoneToWhoIsCalledSo(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(withLesser(t, documents))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		spy := w.tell(attested{source: "dir", name: "ADA", email: "carol@example.com", number: "7"})
		w.attach(spy, bob)
		w.work()
		w.view(func(r store.Reader) error {
			for name, want := range map[string]string{"ada": ada, "bob": bob, "ada@example.com": ada, "carol@example.com": "", bob: bob} {
				id, err := access.FindCalled(r, w.rules.Book(), name)
				if want == "" && (!errors.Is(err, schema.ErrNotFound) || !strings.Contains(err.Error(), bob)) {
					t.Errorf("%s: %v, want ErrNotFound that names the id", name, err)
				} else if id.ID != want {
					t.Errorf("%s is %s, %v; want %s", name, id.ID, err, want)
				}
			}
			for _, c := range []struct {
				identity, name string
				want           bool
			}{
				{ada, "Ada", true}, {ada, "ada@example.com", true}, {bob, "ada", false}, {ada, "bob", false}, {ada, "", false},
				{bob, "carol@example.com", true}, // and nobody else is
				{bob, bob, true},
			} {
				if got, err := access.IsCalled(r, w.rules.Book(), c.identity, c.name); err != nil || got != c.want {
					t.Errorf("%s is called %q: %v, %v; want %v", c.identity, c.name, got, err, c.want)
				}
			}
			return nil
		})
	})
}

// TestARiskIsWhoseNameItNames has a signal name somebody whose name another one has at
// a source that may not say it.
func TestARiskIsWhoseNameItNames(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(withLesser(t, documents, "\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", outside))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.attach(w.tell(attested{source: "dir", name: "x", email: "ada@example.com", external: "ada"}), bob)
		w.attach(w.tell(attested{source: "mail", name: "y", email: "ada@mail.example", external: "y"}), ada)
		for name, who := range map[string]schema.Subject{
			"hr's":             {Email: "ada@example.com"},
			"what she goes by": {ID: "ada"},
			"mail's":           {Email: "ada@mail.example"},
		} {
			sig := about(schema.TopicRisk)
			sig.Subject, sig.Risk = who, &schema.Risk{Kind: name, Open: true}
			w.signal("idp", sig)
			w.view(func(r store.Reader) error {
				if _, err := store.Risks.Get(r, ada, "idp", name); err != nil {
					t.Errorf("by the name that is %s: %v", name, err)
				}
				if _, err := store.Risks.Get(r, bob, "idp", name); !errors.Is(err, schema.ErrNotFound) {
					t.Errorf("by the name that is %s it is bob's: %v", name, err)
				}
				return nil
			})
		}
	})
}
