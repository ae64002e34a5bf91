package access_test

import (
	"errors"
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// withSpy adds a source to severally of which nothing is believed.
func withSpy(t *testing.T) *policy.Book {
	t.Helper()
	return severally(t, `metadata: { name: okta, owner`, `metadata: { name: spy, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: observed, correlateBy: [userName, email, employeeNumber] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: okta, owner`)
}

// TestLesserSourcePartsNobody has a source that is trusted less say what agrees with
// records that go together, in ways that would bring two of one source together.
func TestLesserSourcePartsNobody(t *testing.T) {
	told := func(w *world) (ada, okta string) {
		w.rules.Use(withSpy(t))
		ada = w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Sales"})
		w.tell(attested{source: "hr", name: "b", email: "b@y", number: "2", department: "Sales"})
		okta = w.tell(attested{source: "okta", name: "oa", email: "a@y", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
		return ada, okta
	}
	engines(t, func(t *testing.T, w *world) {
		ada, _ := told(w)
		w.tell(attested{source: "spy", name: "oa", number: "2"})
		w.work()
		w.want(ada, "Readers")
	})
	engines(t, func(t *testing.T, w *world) {
		ada, okta := told(w)
		for i := range 40 {
			w.tell(attested{source: "spy", name: fmt.Sprint("s", i), email: "a@y"})
		}
		w.tell(attested{source: "okta", id: okta, name: "oa2", email: "a@y", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
	})
}

// TestNothingIsTakenByMoving has a source that vouches for nobody bring what people
// took from one to another.
func TestNothingIsTakenByMoving(t *testing.T) {
	took := func(w *world, id string) {
		w.update(func(tx store.Tx) error {
			if err := store.Risks.Put(tx, schema.Risk{Identity: id, Source: "hr", Kind: "account-disabled", Open: true}); err != nil {
				return err
			}
			return store.Tombstones.Put(tx, schema.Tombstone{Identity: id, Role: "engineer"})
		})
	}
	for _, way := range []string{"at once", "by itself in between", "deleted and told of again"} {
		t.Run(way, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.rules.Use(severally(t))
				ada := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
				bob := w.tell(attested{source: "hr", name: "b", email: "b@y", department: "Engineering"})
				okta := w.tell(attested{source: "okta", name: "c", email: "b@y"})
				took(w, bob)
				w.work()
				switch way {
				case "by itself in between":
					w.tell(attested{source: "okta", id: okta, name: "c"})
				case "deleted and told of again":
					w.remove("hr", bob)
					w.remove("okta", okta)
					okta = ""
				}
				w.tell(attested{source: "okta", id: okta, name: "c", email: "a@y"})
				w.work()
				w.want(ada, "Readers")
				w.view(func(r store.Reader) error {
					if n, err := store.Risks.Get(r, ada, "hr", "account-disabled"); !errors.Is(err, schema.ErrNotFound) {
						t.Errorf("risk %+v, %v", n, err)
					}
					return nil
				})
			})
		})
	}
}

// TestNamesBeyondAuthority has a source that may say neither userName nor emails
// make somebody an approver by giving them the name of one. R-SRC-3.
func TestNamesBeyondAuthority(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		w.rules.Use(compiled(t, askedFor, `kind: Connector
metadata: { name: wiki`, `kind: Source
metadata: { name: dir, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [title], correlateBy: [employeeNumber] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki`))
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		rec := o.record(o.ids["sec1"])
		w.tell(attested{source: "dir", name: "spy", email: "owner@example.com"})
		dir := w.tell(attested{source: "dir", name: "spy2", email: "owner@example.com", number: "1"})
		w.update(func(tx store.Tx) error {
			return access.Attach(tx, w.rules.Book(), access.Attachment{Record: dir, Identity: rec.ID, By: "token/test", Reason: "it is"})
		})
		_, err := o.decide(access.Approve, q, "sec1")
		o.refuses("who has the owner's address at a source that may not say it", err, schema.ErrForbidden)
		w.view(func(r store.Reader) error {
			who, err := access.PersonOf(r, w.rules.Book(), "spy2")
			if !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("spy2 is %+v, %v", who, err)
			}
			return nil
		})
	})
}
