package access_test

import (
	"fmt"
	"slices"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestNoLesserSourceBringsTogether has a source that is trusted less agree with two
// whom those who are trusted more keep apart.
func TestNoLesserSourceBringsTogether(t *testing.T) {
	for _, source := range []string{"okta", "spy"} {
		t.Run(source, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.rules.Use(withSpy(t))
				ada := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
				bob := w.tell(attested{source: "payroll", name: "b", number: "2", department: "Engineering"})
				w.work()
				between := w.tell(attested{source: source, name: "c", email: "a@y", number: "2"})
				w.work()
				w.want(ada, "Readers")
				w.want(bob, "Readers")
				if got := w.record(between); got.Of != "" || got.Place != schema.Ambiguous {
					t.Errorf("who agrees with both is %+v", got)
				}
				if got := w.findings("ambiguous"); !slices.Equal(got, []string{between}) {
					t.Errorf("findings %v", got)
				}
				w.attach(bob, ada) // a person says that they are one
				w.work()
				w.want(ada, "Readers")
				w.want(bob, "")
				if got := w.record(between).Of; got != ada {
					t.Errorf("who agrees with both is of %q, want %q", got, ada)
				}
			})
		})
	}
}

// TestEqualsAgreeInACircle has three who are trusted alike say what would make one of
// two records of hr: those between these are kept apart, and who merely agrees with
// one of them stays with it, in any order.
func TestEqualsAgreeInACircle(t *testing.T) {
	records := []attested{
		{source: "hr", name: "ada", email: "a@y"},
		{source: "payroll", name: "p", email: "a@y", number: "1"},
		{source: "plant", name: "q", number: "1", external: "E2"},
		{source: "hr", name: "bob", email: "b@y", external: "E2"},
		{source: "badge", name: "r", email: "b@y"},
		{source: "okta", name: "o", email: "a@y"},
	}
	for first := range records {
		engines(t, func(t *testing.T, w *world) {
			w.rules.Use(severally(t, `kind: Connector
metadata: { name: wiki`, `kind: Source
metadata: { name: plant, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, correlateBy: [employeeNumber, externalId] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: badge, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, correlateBy: [email] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki`))
			ids := map[string]string{}
			for i := range records {
				rec := records[(first+i)%len(records)]
				ids[rec.name] = w.tell(rec)
			}
			base := func(name string) string { return w.record(ids[name]).Base() }
			for _, apart := range [][2]string{{"ada", "p"}, {"p", "q"}, {"q", "bob"}, {"ada", "bob"}, {"ada", "q"}, {"p", "bob"}} {
				if base(apart[0]) == base(apart[1]) {
					t.Errorf("%s and %s are one", apart[0], apart[1])
				}
			}
			for _, one := range [][2]string{{"bob", "r"}} {
				if base(one[0]) != base(one[1]) {
					t.Errorf("%s and %s are two: %+v", one[0], one[1], w.record(ids[one[1]]))
				}
			}
			if got := len(w.findings("ambiguous")); got != 5 { // okta's agrees with hr's and with payroll's, who are two now
				t.Errorf("%d findings, want one for each that is kept apart", got)
			}
		})
	}
}

// TestALongChain has very many records agree one after another, of a source that is
// trusted less: those whom others agree about stay together, and nobody is joined
// whom nothing tells apart.
func TestALongChain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(withSpy(t))
		ada := w.tell(attested{source: "hr", name: "a", email: "a@y", number: "0", department: "Engineering"})
		pay := w.tell(attested{source: "payroll", name: "p", number: "0"})
		mail := func(i int) string { return fmt.Sprintf("%d@y", i/2) }
		number := func(i int) string { return fmt.Sprint(1 + (i+1)/2) }
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y", number: "1", department: "Operations"})
		var chain []string
		for i := range 60 {
			source := []string{"spy", "okta"}[i%2]
			chain = append(chain, w.tell(attested{source: source, name: fmt.Sprint("c", i), number: number(i), email: mail(i + 1)}))
		}
		w.work()
		for _, id := range []string{ada, pay, okta} {
			if got := w.record(id); got.Base() != ada || got.Place == schema.Waiting {
				t.Errorf("it is %+v, want one of %s", got, ada)
			}
		}
		w.want(ada, "Admins")
		w.remove("okta", chain[31])
		w.work()
		w.want(ada, "Admins")
	})
}

// TestAccountsGoBack joins by a value two of whom one has the account, and takes that
// back: the account is whose it was.
func TestAccountsGoBack(t *testing.T) {
	for name, split := range map[string]func(w *world, payroll string){
		"by a value": func(w *world, payroll string) {
			w.tell(attested{source: "payroll", id: payroll, name: "p", email: "p@y", department: "Engineering"})
		},
		"by a person": func(w *world, payroll string) {
			w.update(func(tx store.Tx) error {
				return access.Detach(tx, w.rules.Book(), access.Attachment{Record: payroll, By: "token/test", Reason: "she is not"})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.rules.Use(severally(t))
				hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Sales"})
				payroll := w.tell(attested{source: "payroll", name: "p", email: "p@y", department: "Engineering"})
				w.work()
				remote := w.account(payroll).RemoteID
				if w.has(hr) || remote == "" {
					t.Fatalf("the accounts are not as they should be: %q", remote)
				}
				w.tell(attested{source: "payroll", id: payroll, name: "p", email: "a@y", department: "Engineering"})
				w.work()
				if got := w.account(hr); got.RemoteID != remote || got.From != payroll {
					t.Fatalf("joined, it has %+v", got)
				}
				split(w, payroll)
				w.work()
				if got := w.account(payroll); got.RemoteID != remote || got.From != "" || !got.Active {
					t.Errorf("split, whose account it was has %+v", got)
				}
				if w.has(hr) {
					t.Errorf("who had none has %+v", w.account(hr))
				}
			})
		})
	}
}

// has reports whether an identity has an account at the wiki.
func (w *world) has(identity string) (has bool) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		a, err := store.Accounts.Get(r, "wiki", identity)
		has = err == nil && a.Exists()
		return nil
	})
	return has
}

// TestDoubtTakesNoGroup has records of an equal make it unclear whose an approver's
// record is: they are in their groups as before, for rules and for approvals.
func TestDoubtTakesNoGroup(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		w.rules.Use(compiled(t, askedFor, "kind: Connector\nmetadata: { name: wiki", `kind: Source
metadata: { name: payroll, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [title], correlateBy: [email] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki`))
		o.tell("sec1", "Security", "", false)
		for _, name := range []string{"p1", "p2"} {
			w.tell(attested{source: "payroll", name: name, email: "sec1@example.com"})
		}
		w.work()
		if got := w.record(o.ids["sec1"]).Place; got != schema.Ambiguous {
			t.Fatalf("the place is %q", got)
		}
		q := o.mustAsk("keeper", "ada")
		o.approve(q, "sec1", schema.RequestOpen, 0)
	})
}
