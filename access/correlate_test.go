package access_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// An attested is what one source says of somebody.
type attested struct {
	source, id            string
	name, email, external string
	number, department    string
	inactive              bool
	kind                  schema.Kind
	employment            string
	last                  string // day
}

func (a attested) identity(t testing.TB) schema.Identity {
	enterprise := map[string]any{}
	if a.number != "" {
		enterprise["employeeNumber"] = a.number
	}
	if a.department != "" {
		enterprise["department"] = a.department
	}
	attributes := map[string]any{"userName": a.name, "active": !a.inactive, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": enterprise}
	if a.email != "" {
		attributes["emails"] = []map[string]any{{"value": a.email, "primary": true}}
	}
	own := map[string]any{}
	if a.employment != "" {
		own["employmentStatus"] = a.employment
	}
	if a.last != "" {
		own["endDate"] = a.last
	}
	if len(own) > 0 {
		attributes["urn:drawbridge:scim:schemas:extension:2.0:User"] = own
	}
	resource, err := json.Marshal(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Identity{ID: a.id, UserName: a.name, Email: a.email, ExternalID: a.external, Active: !a.inactive, Resource: resource, Kind: a.kind}
}

func (w *world) as(source string) access.Provenance {
	return access.Provenance{Source: source, Received: time.Now(), Book: w.rules.Book()}
}

// tell has a source tell of somebody, and returns the id of its record.
func (w *world) tell(a attested) string {
	w.t.Helper()
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, w.as(a.source), a.identity(w.t))
		return err
	})
	return got.ID
}

func (w *world) remove(source, id string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error { return access.Remove(tx, w.as(source), id) })
}

func (w *world) record(id string) (rec schema.Identity) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		rec, err = store.Identities.Get(r, id)
		return err
	})
	return rec
}

// severally is a book with three sources: hr says who is there and where they work,
// payroll too, and okta adds a department where nobody else says one.
func severally(t testing.TB, replace ...string) *policy.Book {
	t.Helper()
	return book(t, append(replace,
		`department: { type: string, from: [hr] }`, `department: { type: string, from: [okta, hr, payroll] }`,
		`groups: { type: list, from: [hr] }`, `groups: { type: list }`,
		`trust: authoritative, authoritativeFor: ["*"] }`, `trust: authoritative, authoritativeFor: ["*", department, active], correlateBy: [externalId, email] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: payroll, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [department, active], correlateBy: [employeeNumber] }`,
		`authoritativeFor: [userName] }`, `authoritativeFor: [userName, department, groups], correlateBy: [userName, email, employeeNumber] }`)...)
}

// TestCorrelates brings two records together by every key, in either order. R-SRC-8.
func TestCorrelates(t *testing.T) {
	for _, c := range []struct {
		name  string
		hr    attested
		other attested
		apart bool
	}{
		{"by externalId", attested{external: "E1"}, attested{source: "okta", external: "E1"}, false},
		{"not by another case of externalId", attested{external: "E1"}, attested{source: "okta", external: "e1"}, true},
		{"by userName in any case", attested{name: "Ada"}, attested{source: "okta", name: "aDA"}, false},
		{"by email in any case", attested{email: "Ada@Example.com"}, attested{source: "okta", email: "ada@example.COM"}, false},
		{"by employeeNumber", attested{number: "17"}, attested{source: "okta", number: "17"}, false},
		{"a second authority", attested{number: "17"}, attested{source: "payroll", number: "17"}, false},
		{"a second authority by what the first one says", attested{email: "a@b"}, attested{source: "payroll", email: "A@b"}, false},
		{"by nothing", attested{number: "17", email: "a@b"}, attested{source: "okta", number: "18", email: "b@b"}, true},
		{"by nothing that both correlate by", attested{name: "ada"}, attested{source: "payroll", name: "ada"}, true},
	} {
		for _, first := range []string{"hr first", "hr last"} {
			t.Run(c.name+", "+first, func(t *testing.T) {
				engines(t, func(t *testing.T, w *world) {
					w.rules.Use(severally(t))
					c.hr.source, c.hr.department = "hr", "Engineering"
					hr, other := c.hr, c.other
					hr.name, other.name = word(hr.name, "hr-name"), word(other.name, "other-name")
					var a, b string
					if first == "hr first" {
						a = w.tell(hr)
						w.work()
						b = w.tell(other)
					} else {
						b = w.tell(other)
						w.work()
						if other.source == "okta" && w.record(b).Place != schema.Waiting {
							t.Errorf("it does not wait: %+v", w.record(b))
						}
						a = w.tell(hr)
					}
					w.work()
					if joined := w.record(a).Base() == w.record(b).Base(); joined == c.apart {
						t.Errorf("joined %v, want %v: %+v %+v", joined, !c.apart, w.record(a), w.record(b))
					}
					w.want(w.record(a).Base(), "Readers")
					want := schema.Counts
					if c.apart && other.source == "okta" {
						want = schema.Waiting
					}
					if got := w.record(b).Place; got != want {
						t.Errorf("place %q, want %q", got, want)
					}
				})
			})
		}
	}
}

func word(is, otherwise string) string {
	if is == "" {
		return otherwise
	}
	return is
}

// TestAmbiguousIsKeptApart has a value that is that of two, in any order; a person
// settles it. R-SRC-8.
func TestAmbiguousIsKeptApart(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t))
		one := w.tell(attested{source: "hr", name: "a", email: "x@y", department: "Engineering"})
		okta := w.tell(attested{source: "okta", name: "c", email: "x@y", department: "Operations"})
		w.work()
		w.want(one, "Admins")
		two := w.tell(attested{source: "hr", name: "b", email: "X@y", department: "Sales"})
		w.work()
		if got := w.record(okta); got.Of != "" || got.Place != schema.Ambiguous {
			t.Errorf("it is %+v", got)
		}
		w.want(one, "Readers")
		if got := w.findings("ambiguous"); !slices.Equal(got, []string{okta}) {
			t.Errorf("findings %v", got)
		}
		w.update(func(tx store.Tx) error {
			return access.Attach(tx, w.rules.Book(), access.Attachment{Record: okta, Identity: two, By: "token/test", Reason: "I know her"})
		})
		w.work()
		if got := w.record(okta); got.Of != two || got.Place != schema.Counts || !got.Bound {
			t.Errorf("it is %+v", got)
		}
		w.want(two, "Admins")
		if got := w.findings("ambiguous"); len(got) != 0 {
			t.Errorf("findings %v", got)
		}
		w.update(func(tx store.Tx) error {
			return access.Detach(tx, w.rules.Book(), access.Attachment{Record: okta, By: "token/test", Reason: "I was wrong"})
		})
		w.work()
		w.remove("hr", one)
		w.tell(attested{source: "okta", id: okta, name: "c", email: "X@Y", department: "Operations"})
		w.work()
		if got := w.record(okta); got.Of != "" || !got.Apart || got.Place != schema.Waiting {
			t.Errorf("it joined again by itself: %+v", got)
		}
	})
}

// TestOldGrantsGoOver has the grant of somebody who turns out to be somebody else go over to
// them, and one that has no end, as an older version of the program gave them, say so: R-JIT-1.
func TestOldGrantsGoOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := enginetest.Memory(4)
		w := newWorld(t, engine)
		w.rules.Use(severally(t, "duration: { default: 8h, max: 24h }", "permanent: { because: Editors stay. }"))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll := w.tell(attested{source: "payroll", name: "p", email: "p@y", department: "Engineering"})
		w.work()
		w.update(func(tx store.Tx) error {
			_, err := access.Grant(tx, w.rules.Book(), schema.Grant{Identity: payroll, Role: "editor", By: "token/test", Reason: "to write", Approvals: []schema.Approval{{By: "iam@example.com"}}})
			return err
		})
		edit(t, engine, "grants", `,"permanent":"Editors stay."`, "")
		w.update(func(tx store.Tx) error {
			return access.Attach(tx, w.rules.Book(), access.Attachment{Record: payroll, Identity: hr, By: "token/test", Reason: "I know her"})
		})
		w.work()
		var carried []schema.Grant
		w.view(func(r store.Reader) error {
			for g, err := range store.Grants.All(r, hr) {
				if err != nil {
					return err
				}
				carried = append(carried, g)
			}
			return nil
		})
		const why = "it was given before a grant had to have an end, or to say why it needs none"
		if len(carried) != 1 || !carried[0].Until.IsZero() || carried[0].Permanent != why {
			t.Errorf("went over: %+v", carried)
		}
		w.want(hr, "Editors Readers")
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// edit has rows of a table be as something else wrote them, past the store.
func edit(t *testing.T, e store.Engine, table, was, is string) {
	t.Helper()
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]byte{}
	for row, err := range txn.Scan(table, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if other := bytes.Replace(row.Value, []byte(was), []byte(is), 1); !bytes.Equal(other, row.Value) {
			rows[string(row.Key)] = bytes.Clone(other)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("no row of %s has %s", table, was)
	}
	for key, value := range rows {
		err = errors.Join(err, txn.Put(table, []byte(key), value))
	}
	if err := errors.Join(err, txn.Commit()); err != nil {
		t.Fatal(err)
	}
}

// TestAValueThatChanges has records go from one identity to another.
func TestAValueThatChanges(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t))
		one := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Sales"})
		two := w.tell(attested{source: "hr", name: "b", email: "b@y", department: "Sales"})
		okta := w.tell(attested{source: "okta", name: "c", email: "a@y", department: "Engineering"})
		w.work()
		w.want(one, "Readers")
		w.want(two, "")
		w.tell(attested{source: "okta", id: okta, name: "c", email: "b@y", department: "Engineering"})
		w.work()
		w.want(one, "")
		w.want(two, "Readers")
		w.tell(attested{source: "hr", id: one, name: "a", email: "b@y", department: "Sales"})
		w.tell(attested{source: "hr", id: two, name: "b", email: "a@y", department: "Sales"})
		w.work()
		w.want(one, "Readers")
		w.want(two, "")
		w.remove("okta", okta)
		w.work()
		if got := w.record(one); got.Gone() {
			t.Error("a contributing source ended an identity")
		}
		w.want(one, "") // hr says Sales
	})
}

// TestWhoLeavesLeaves has each of several sources say that somebody left. R-SRC-2.
func TestWhoLeavesLeaves(t *testing.T) {
	both := func(w *world) (hr, payroll string) {
		w.rules.Use(severally(w.t))
		hr = w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll = w.tell(attested{source: "payroll", name: "p", email: "a@y", department: "Engineering"})
		w.work()
		w.want(hr, "Readers")
		return hr, payroll
	}
	engines(t, func(t *testing.T, w *world) {
		hr, payroll := both(w)
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Engineering", inactive: true})
		w.work()
		w.want(hr, "")
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Engineering"})
		w.work()
		w.want(hr, "Readers")
		w.tell(attested{source: "hr", id: hr, name: "a", email: "a@y", department: "Engineering", employment: "terminated"})
		w.work()
		w.want(hr, "")
	})
	engines(t, func(t *testing.T, w *world) { // payroll still vouches for her, under the id that she had
		hr, payroll := both(w)
		w.remove("hr", hr)
		w.work()
		w.want(hr, "Readers")
		w.remove("payroll", payroll)
		w.work()
		w.want(hr, "")
	})
	engines(t, func(t *testing.T, w *world) { // what hr alone vouched for ends with its record
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		w.tell(attested{source: "payroll", name: "p", email: "a@y"})
		w.work()
		w.want(hr, "Readers")
		w.remove("hr", hr)
		w.work()
		w.want(hr, "")
	})
	engines(t, func(t *testing.T, w *world) { // okta does not say who is active
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y"})
		w.work()
		w.tell(attested{source: "okta", id: okta, name: "o", email: "a@y", inactive: true})
		w.work()
		w.want(hr, "Readers")
		if w.record(okta).Active {
			t.Error("okta does not read back what it wrote")
		}
		w.remove("okta", okta)
		w.work()
		w.want(hr, "Readers")
		again := w.tell(attested{source: "okta", name: "o", email: "a@y"})
		w.work()
		if got := w.record(again).Of; got != hr {
			t.Errorf("it is of %q, want %q", got, hr)
		}
	})
}

// TestSourcesDisagree has two authorities say two things, of which none comes first. R-SRC-4.
func TestSourcesDisagree(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t, `department: { type: string, from: [hr] }`, `department: { type: string }`,
			`trust: authoritative, authoritativeFor: ["*"] }`, `trust: authoritative, authoritativeFor: ["*", department, active], correlateBy: [externalId, email] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: payroll, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [department, active], correlateBy: [employeeNumber] }`))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll := w.tell(attested{source: "payroll", name: "p", email: "a@y", department: "Engineering"})
		w.work()
		w.want(hr, "Readers")
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Operations"})
		w.work()
		w.want(hr, "Readers") // held as it was, and nothing new
		if got := w.findings("conflict"); !slices.Equal(got, []string{hr}) {
			t.Errorf("findings %v", got)
		}
		w.tell(attested{source: "hr", id: hr, name: "a", email: "a@y", department: "Operations"})
		w.work()
		w.want(hr, "Admins")
		if got := w.findings("conflict"); len(got) != 0 {
			t.Errorf("findings %v", got)
		}
	})
}

// TestTwoBecomeOne has a value make one identity of two that both hold something.
func TestTwoBecomeOne(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll := w.tell(attested{source: "payroll", name: "p", email: "p@y", department: "Engineering"})
		w.work()
		w.want(hr, "Readers")
		w.want(payroll, "Readers")
		w.grant(hr, "editor")
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Engineering"})
		w.work()
		if got := w.record(payroll).Of; got != hr {
			t.Fatalf("of %q, want %q", got, hr)
		}
		w.want(hr, "Editors Readers")
		w.want(payroll, "")
	})
	engines(t, func(t *testing.T, w *world) { // people gave something to both: a person joins them
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll := w.tell(attested{source: "payroll", name: "p", email: "p@y", department: "Engineering"})
		w.grant(hr, "editor")
		w.grant(payroll, "editor")
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Engineering"})
		w.work()
		w.want(hr, "Editors Readers")
		w.want(payroll, "Editors Readers")
		if got := w.findings("ambiguous"); len(got) != 2 {
			t.Errorf("findings %v", got)
		}
		w.update(func(tx store.Tx) error {
			return access.Attach(tx, w.rules.Book(), access.Attachment{Record: payroll, Identity: hr, By: "token/test", Reason: "she is one"})
		})
		w.work()
		w.want(hr, "Editors Readers")
		w.want(payroll, "")
		if got := w.findings("ambiguous"); len(got) != 0 {
			t.Errorf("findings %v", got)
		}
	})
}

// TestScope has a source tell of what it may not speak of. R-SRC-5.
func TestScope(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t, `trust: contributing,`, `trust: contributing, scope: identity.kind == "human",`))
		okta := w.tell(attested{source: "okta", name: "robot", email: "a@y", kind: schema.Workload})
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		w.work()
		if got := w.record(okta); got.Place != schema.OutOfScope || got.Of != "" {
			t.Errorf("it is %+v", got)
		}
		if got := w.findings("out-of-scope"); !slices.Equal(got, []string{"source/okta"}) {
			t.Errorf("findings %v", got)
		}
		w.tell(attested{source: "okta", id: okta, name: "robot", email: "a@y", department: "Operations"})
		w.work()
		if got := w.record(okta); got.Of != hr {
			t.Errorf("it is %+v", got)
		}
		w.want(hr, "Admins")
	})
}

// TestGroupsOfAllRecords has a source that may say groups put somebody in one, and one
// that may not, of which the log says so. R-SRC-3.
func TestGroupsOfAllRecords(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var group schema.Group
		reasons := func(subject string) (all []string) {
			w.view(func(r store.Reader) error {
				all = nil
				for e, err := range store.LogAbout(r, subject) {
					if err != nil {
						return err
					}
					all = append(all, e.Decision.Reason)
				}
				return nil
			})
			return all
		}
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y"})
		join := func(source, member string) {
			w.update(func(tx store.Tx) error {
				g, err := access.AdmitGroup(tx, w.as(source), schema.Group{DisplayName: "writers"})
				if err != nil {
					return err
				}
				group = g
				_, err = access.Join(tx, w.as(source), schema.Member{Group: g.ID, Member: member})
				return err
			})
			w.work()
		}
		join("hr", hr) // okta claims groups by name
		w.want(hr, "Readers")
		for subject, want := range map[string]string{"group/" + group.ID: "created; no authority for groups", hr: "its source put it into the group; no authority for groups"} {
			if got := reasons(subject); !slices.Contains(got, want) {
				t.Errorf("of %s the log says %q, want %q", subject, got, want)
			}
		}
		join("okta", okta)
		w.want(hr, "Readers Writers")
		for subject, want := range map[string]string{"group/" + group.ID: "created", okta: "its source put it into the group"} {
			if got := reasons(subject); !slices.Contains(got, want) {
				t.Errorf("of %s the log says %q, want %q", subject, got, want)
			}
		}
	})
}

// TestCorrelatedByAPolicyToCome has records brought together by a policy that comes
// when they are long there.
func TestCorrelatedByAPolicyToCome(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y"})
		w.work()
		if w.record(okta).Of != "" {
			t.Error("nothing says what it is correlated by")
		}
		w.publish(severally(t))
		w.work()
		if got := w.record(okta).Of; got != hr {
			t.Errorf("of %q, want %q", got, hr)
		}
		w.publish(book(t))
		w.work()
		if got := w.record(okta); got.Of != "" || got.Place != schema.Waiting {
			t.Errorf("it is %+v", got)
		}
		w.want(hr, "Readers")
	})
}
