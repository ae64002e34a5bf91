package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/search"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestSearch looks for decisions by each of what may be said of them, and compares with a
// look at all of them. R-LOG-5.
func TestSearch(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Sales"})
		w.work()
		w.grant(ada, "editor")
		w.work()
		middle := w.passing(10 * time.Minute)
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "editor", By: "token/test", Reason: "The manual is WRITTEN"})
		})
		w.work()
		for _, c := range []struct {
			name string
			q    search.Query
			want func(schema.Decision) bool
		}{
			{"everything", search.Query{}, func(schema.Decision) bool { return true }},
			{"about somebody", search.Query{Subject: bob}, func(d schema.Decision) bool { return d.Subject == bob }},
			{"by a person", search.Query{By: "token/test"}, func(d schema.Decision) bool { return d.Actor == "token/test" }},
			{"by a source", search.Query{By: "source/hr"}, func(d schema.Decision) bool { return d.Actor == "source/hr" }},
			{"a verb", search.Query{Verbs: []schema.Verb{schema.Revoked, schema.Granted}}, func(d schema.Decision) bool { return d.Verb == schema.Revoked || d.Verb == schema.Granted }},
			{"a role", search.Query{Role: "editor"}, func(d schema.Decision) bool {
				return d.Object == "role/editor" || slices.Contains(d.Because, "role/editor")
			}},
			{"an entitlement", search.Query{Entitlement: "wiki/editors"}, func(d schema.Decision) bool { return d.Object == "wiki/editors" }},
			{"a connector", search.Query{Connector: "crm"}, func(d schema.Decision) bool { return d.Object == "crm/sales" }},
			{"since", search.Query{Since: middle}, func(d schema.Decision) bool { return !d.Time.Before(middle) }},
			{"until", search.Query{Until: middle}, func(d schema.Decision) bool { return d.Time.Before(middle) }},
			{"a reason of the bridge", search.Query{Text: "RULE MATCHES"}, func(d schema.Decision) bool { return d.Verb == schema.Assigned && d.Object != "wiki/editors" }},
			{"somebody's words", search.Query{Text: "manual is written", Words: true}, func(d schema.Decision) bool { return d.Verb == schema.Revoked }},
			{"words that are not shown", search.Query{Text: "manual is written"}, func(schema.Decision) bool { return false }},
			{"a ticket", search.Query{Ticket: "chg-1", Words: true}, func(d schema.Decision) bool { return d.Verb == schema.Granted }},
			{"both", search.Query{Subject: ada, Verbs: []schema.Verb{schema.Assigned}, Since: middle}, func(schema.Decision) bool { return false }},
		} {
			for _, n := range []int{1, 3, 500} {
				if got, want := w.search(c.q, n), w.those(c.want); !slices.Equal(got, want) {
					t.Errorf("%s, %d a page: got %v, want %v", c.name, n, got, want)
				}
			}
		}
		w.view(func(r store.Reader) error {
			if _, _, err := (search.Query{Ticket: "CHG-1"}).Page(r, -1, 1); !errors.Is(err, schema.ErrForbidden) {
				t.Errorf("a ticket, by who may not: %v", err)
			}
			return nil
		})
	})
}

// TestSearchByRequest looks for what belongs to one request, of two for the same role.
// R-LOG-5.
func TestSearchByRequest(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		of, other := o.mustAsk("editor", "ada"), o.mustAsk("editor", "bob")
		o.approve(of, "boss", schema.RequestOpen, 1)
		o.approve(other, "boss", schema.RequestOpen, 1)
		o.approve(of, "owner", schema.RequestFulfilled, 1)
		w.work()
		want := w.those(func(d schema.Decision) bool { return slices.Contains(d.Because, "role-request/"+of.ID) })
		if len(want) < 4 { // requested, approved twice, granted
			t.Fatalf("of the request: %v", want)
		}
		for _, q := range []search.Query{{Request: of.ID}, {Request: of.ID, Subject: o.ids["ada"]}} {
			if got := w.search(q, 2); !slices.Equal(got, want) {
				t.Errorf("%+v: got %v, want %v", q, got, want)
			}
		}
		if got := w.search(search.Query{Request: of.ID, Subject: o.ids["bob"]}, 10); len(got) > 0 {
			t.Errorf("ada's request, about bob: %v", got)
		}
	})
}

func (w *world) search(q search.Query, n int) (found []string) {
	w.t.Helper()
	for before := int64(-1); ; {
		w.view(func(r store.Reader) error {
			page, next, err := q.Page(r, before, n)
			for _, e := range page {
				found = append(found, fmt.Sprint(e.Seq, e.Decision.Verb))
			}
			before = next
			return err
		})
		if before < 0 {
			return found
		}
	}
}

// those are the decisions, newest first, of which something is true.
func (w *world) those(is func(schema.Decision) bool) (found []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		found = nil
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			if is(e.Decision) {
				found = append(found, fmt.Sprint(e.Seq, e.Decision.Verb))
			}
		}
		return nil
	})
	slices.Reverse(found)
	return found
}
