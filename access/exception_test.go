package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

const oneDay = 24 * time.Hour

// A register is an office with those who answer for the constraint, and with bob at
// the desk, who may therefore not pay.
type register struct{ *office }

func newRegister(w *world) *register {
	o := newOffice(w)
	for _, name := range []string{"iam", "iam2"} {
		o.tell(name, "Office", "", false)
	}
	o.join("desk", "bob")
	w.work()
	return &register{o}
}

func (g *register) except(who string, lasts time.Duration) (e schema.Exception, err error) {
	g.t.Helper()
	err = g.store.Update(g.t.Context(), func(tx store.Tx) (err error) {
		e, err = access.Except(tx, g.rules.Book(), access.Excepting{
			Constraint: "vendor-vs-payment", Identity: g.ids[who], Reason: "two people in the office", Compensating: []string{"monthly review"},
			Expires: time.Now().Add(lasts), By: g.as(who),
		})
		return err
	})
	return e, err
}

func (g *register) decideOn(e schema.Exception, who string) (got schema.Exception, err error) {
	g.t.Helper()
	err = g.store.Update(g.t.Context(), func(tx store.Tx) (err error) {
		got, err = access.DecideException(tx, g.rules.Book(), access.Choice{Request: e.ID, By: g.as(who), Reason: "until December"}, true)
		return err
	})
	return got, err
}

// allow asks for an exception and has somebody allow it.
func (g *register) allow(who string, lasts time.Duration, by string) schema.Exception {
	g.t.Helper()
	e, err := g.except(who, lasts)
	if err == nil {
		e, err = g.decideOn(e, by)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	return e
}

// pay has bob ask for the role that he may not have with the desk, and others agree.
func (g *register) pay() schema.Grant {
	g.t.Helper()
	q := g.mustAsk("payer", "bob")
	g.approve(q, "boss", schema.RequestOpen, 1)
	q = g.approve(q, "owner", schema.RequestFulfilled, 1)
	g.work()
	var grant schema.Grant
	g.view(func(r store.Reader) (err error) {
		grant, err = store.Grants.Get(r, g.ids["bob"], q.Grant)
		return err
	})
	return grant
}

// R-EXC-1, R-EXC-3, R-EXC-4, R-EXC-5: an exception allows what its constraint forbids,
// is cited by what it allows, and ends it by the same clock.
func TestException(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		_, err := g.ask(g.asking("payer", "bob"))
		g.refuses("without one", err, schema.ErrForbidden)
		e, err := g.except("bob", 3*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.ask(g.asking("payer", "bob"))
		g.refuses("before it is allowed", err, schema.ErrForbidden)
		for _, who := range []string{"bob", "ada", "boss", "owner"} {
			_, err := g.decideOn(e, who)
			g.refuses(who+" decides about it", err, schema.ErrForbidden)
		}
		if e, err = g.decideOn(e, "iam2"); err != nil || e.State != schema.ExceptionApproved {
			t.Fatalf("the deputy decides: %s, %v", e.State, err)
		}
		grant := g.pay()
		w.want(g.ids["bob"], "Desk Payers")
		if !slices.Equal(grant.Excepted, []string{"exception/" + e.ID}) || grant.Until.After(e.Expires) {
			t.Errorf("granted: %+v", grant)
		}
		cited := false
		w.view(func(r store.Reader) error {
			for entry, err := range store.LogAbout(r, g.ids["bob"]) {
				if err != nil {
					return err
				}
				d := entry.Decision
				cited = cited || d.Verb == schema.Granted && slices.Contains(d.Because, "exception/"+e.ID)
			}
			return nil
		})
		if !cited {
			t.Error("the decision does not cite the exception that allowed it")
		}
		time.Sleep(3 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(g.ids["bob"], "Desk")
		if verbs := w.verbs(g.ids["bob"]); !slices.Contains(verbs, schema.Excepted) || !slices.Contains(verbs, schema.Expired) {
			t.Errorf("decisions %v", verbs)
		}
		_, err = g.ask(g.asking("payer", "bob"))
		g.refuses("after it expired", err, schema.ErrForbidden)
	})
}

// What an exception allowed ends with it.
func TestExceptionEnds(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		e := g.allow("bob", 100*oneDay, "iam")
		g.pay()
		w.want(g.ids["bob"], "Desk Payers")
		end := func(who string) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.EndException(tx, w.rules.Book(), access.Choice{Request: e.ID, By: g.as(who), Reason: "the hire has started"})
				return err
			})
		}
		g.refuses("a stranger ends it", end("ada"), schema.ErrForbidden)
		if err := end("iam2"); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(g.ids["bob"], "Desk")
		g.refuses("twice", end("iam2"), schema.ErrConflict)
	})
}

// R-EXC-2: without an end, or with one too far, there is none; R-EXC-7: to renew twice
// takes the owner.
func TestExceptionsEndAndAreRenewed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		_, err := g.except("bob", 0)
		g.refuses("without an end", err, schema.ErrInvalid)
		_, err = g.except("bob", 367*oneDay)
		g.refuses("for longer than a year", err, schema.ErrForbidden)
		e, err := g.except("bob", 30*oneDay)
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.except("bob", 30*oneDay)
		g.refuses("asked for twice", err, schema.ErrConflict)
		time.Sleep(8 * oneDay) //nolint:forbidigo // of the bubble's own time
		w.work()
		_, err = g.decideOn(e, "iam")
		g.refuses("too late", err, schema.ErrConflict)
		g.allow("bob", oneDay, "iam2")
		time.Sleep(2 * oneDay) //nolint:forbidigo // of the bubble's own time
		w.work()
		if again := g.allow("bob", oneDay, "iam2"); again.Renewal != 1 || again.Renews == "" {
			t.Errorf("renewed once: %+v", again)
		}
		time.Sleep(2 * oneDay) //nolint:forbidigo // of the bubble's own time
		w.work()
		third, err := g.except("bob", oneDay)
		if err != nil || third.Renewal != 2 {
			t.Fatalf("renewed twice: %+v, %v", third, err)
		}
		_, err = g.decideOn(third, "iam2")
		g.refuses("the deputy, of what is renewed twice", err, schema.ErrForbidden)
		if _, err := g.decideOn(third, "iam"); err != nil {
			t.Errorf("the owner: %v", err)
		}
	})
}

// R-EXC-4: who ends their exception shortly before its end, and asks anew, renews it.
func TestExceptionEndedByWhomItIsForIsRenewed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		for range 2 {
			e := g.allow("bob", oneDay, "iam2")
			err := g.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.EndException(tx, g.rules.Book(), access.Choice{Request: e.ID, By: g.as("bob"), Reason: "it is over"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		third, err := g.except("bob", oneDay)
		if err != nil || third.Renewal != 2 {
			t.Fatalf("renewed twice: %+v, %v", third, err)
		}
		_, err = g.decideOn(third, "iam2")
		g.refuses("the deputy, of what is renewed twice", err, schema.ErrForbidden)
	})
}

// R-EXC-1: a role or a trigger is waived as a whole, and nobody agrees to less.
func TestOnlyConstraintsAreWaivedInPart(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		err := g.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.Except(tx, g.rules.Book(), access.Excepting{
				Role: "payer", Identity: g.ids["bob"], Entitlements: []string{"bank/pay"}, Reason: "a month's end",
				Compensating: []string{"monthly review"}, Expires: time.Now().Add(oneDay), By: g.as("bob"),
			})
			return err
		})
		g.refuses("part of a role", err, schema.ErrInvalid)
	})
}

// R-EXC-6: where exceptions dominate, the constraint is wrong, and that is said.
func TestExceptionPressure(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		for i, who := range []string{"ada", "bob", "boss", "owner", "deputy"} {
			if got := w.findings("exception-pressure"); len(got) > 0 {
				t.Errorf("at %d: %v", i, got)
			}
			g.allow(who, oneDay, "iam")
			w.work()
		}
		if got := w.findings("exception-pressure"); !slices.Equal(got, []string{"constraint/vendor-vs-payment"}) {
			t.Errorf("findings about %v", got)
		}
		time.Sleep(2 * oneDay) //nolint:forbidigo // of the bubble's own time
		w.work()
		if got := w.findings("exception-pressure"); len(got) > 0 {
			t.Errorf("once they expired: %v", got)
		}
	})
}

// documented is an exception that is a document of the policy.
const documented = `
---
apiVersion: drawbridge/v1
kind: Exception
metadata: { name: exc-1, owner: { user: boss@example.com, deputy: iam@example.com } }
spec:
  waives: { constraint: vendor-vs-payment }
  subjects: [bob]
  scope: { entitlements: [wiki/vendors, wiki/payers] }
  reason: Two people in the office.
  compensating: [monthly review]
  approvedBy: [iam@example.com]
  approvedAt: 2000-01-01T00:00:00Z
  ticket: RISK-1
  expires: 2000-03-01T00:00:00Z
  onExpiry: revoke
`

// R-EXC-1, R-EXC-3: a document in the policy is an exception as long as who allowed it
// is there, and is neither its author nor its subject; and so long stands what it
// allows.
func TestExceptionThatIsADocument(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		for name, text := range map[string]string{
			"for somebody else":   strings.Replace(documented, "subjects: [bob]", "subjects: [ada]", 1),
			"of something else":   strings.Replace(documented, "wiki/payers", "wiki/editors", 1),
			"by nobody we know":   strings.Replace(documented, "approvedBy: [iam@example.com]", "approvedBy: [cfo@example.com]", 1),
			"that is yet to come": strings.Replace(documented, "approvedAt: 2000-01-01", "approvedAt: 2000-02-01", 1),
		} {
			w.publish(compiled(t, askedFor+text))
			_, err := g.ask(g.asking("payer", "bob"))
			g.refuses(name, err, schema.ErrForbidden)
		}
		w.publish(compiled(t, askedFor+documented))
		if grant := g.pay(); !slices.Equal(grant.Excepted, []string{"exception/exc-1"}) {
			t.Errorf("granted: %+v", grant)
		}
		w.want(g.ids["bob"], "Desk Payers")
		w.publish(compiled(t, askedFor))
		w.work()
		w.want(g.ids["bob"], "Desk")
	})
	for name, change := range map[string][2]string{
		"approved by its author":  {"approvedBy: [iam@example.com]", "approvedBy: [boss@example.com]"},
		"approved by its subject": {"subjects: [bob]", "subjects: [iam@example.com]"},
	} {
		if found := codesOf(askedFor + strings.Replace(documented, change[0], change[1], 1)); !slices.Contains(found, "E-EXCEPTION") {
			t.Errorf("%s: %v, want E-EXCEPTION", name, found)
		}
	}
}
