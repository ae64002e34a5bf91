package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// lookedAgain is the exception that is a document, with a review.
func lookedAgain(review string) string {
	return askedFor + strings.Replace(documented, "  onExpiry: revoke", "  review: "+review+"\n  onExpiry: revoke", 1)
}

// say has somebody keep an exception, or end it.
func (g *register) say(verb func(store.Tx, *policy.Book, access.Choice) (schema.Exception, error), id, who string) error {
	g.t.Helper()
	err := g.store.Update(g.t.Context(), func(tx store.Tx) error {
		_, err := verb(tx, g.rules.Book(), access.Choice{Request: id, By: g.as(who), Reason: "I looked at it"})
		return err
	})
	g.work()
	return err
}

// mayPay fails unless bob may ask to pay, or may not.
func (g *register) mayPay(when string, may bool) {
	g.t.Helper()
	if _, err := g.ask(g.asking("payer", "bob")); (err == nil) != may {
		g.t.Errorf("%s: asking says %v; allowed is to be %v", when, err, may)
	}
	g.withdrawAll()
}

// wait passes days.
func (g *register) wait(days int) {
	g.t.Helper()
	time.Sleep(time.Duration(days) * oneDay) //nolint:forbidigo // of the bubble's own time
	g.work()
}

func (g *register) mustLook(when string, refs ...string) {
	g.t.Helper()
	if got := g.findings("exception-review"); !slices.Equal(got, refs) {
		g.t.Errorf("%s: to be looked at again are %v, want %v", when, got, refs)
	}
}

// TestExceptionsAreLookedAtAgain proves the review period of R-EXC-1: whoever answers for an
// exception is asked each time it is over, keeps it or ends it, and nobody else does.
func TestExceptionsAreLookedAtAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		w.publish(compiled(t, lookedAgain("{ every: 7d }")))
		g.wait(6)
		g.mustLook("before its time")
		g.wait(2)
		g.mustLook("after it", "exception/exc-1")
		g.mayPay("after it", true)
		for _, who := range []string{"bob", "ada", "owner"} {
			g.refuses("kept by "+who, g.say(access.KeepException, "exc-1", who), schema.ErrForbidden)
		}
		g.mustLook("kept by those who may not", "exception/exc-1")
		for i, who := range []string{"boss", "iam2"} { // who owns it, and who stands in for the constraint's owner
			if err := g.say(access.KeepException, "exc-1", who); err != nil {
				t.Fatalf("kept by %s: %v", who, err)
			}
			g.mustLook("kept by " + who)
			if got := w.verbs("exception/exc-1"); got[len(got)-1] != schema.Resolved && !slices.Contains(got, schema.Answered) {
				t.Errorf("%d: decisions %v, want that it was answered", i, got)
			}
			g.wait(6)
			g.mustLook("before the next time")
			g.wait(2)
			g.mustLook("at the next time", "exception/exc-1")
		}
		g.wait(15)
		g.mayPay("long after, with nothing said of that", true)

		g.pay()
		w.want(g.ids["bob"], "Desk Payers")
		g.refuses("ended by somebody", g.say(access.EndException, "exc-1", "ada"), schema.ErrForbidden)
		if err := g.say(access.EndException, "exc-1", "boss"); err != nil {
			t.Fatal(err)
		}
		g.wait(1)
		w.want(g.ids["bob"], "Desk")
		g.mustLook("ended")
		g.mayPay("ended", false)
		g.refuses("kept once it ended", g.say(access.KeepException, "exc-1", "boss"), schema.ErrConflict)
		w.publish(compiled(t, strings.Replace(lookedAgain("{ every: 7d }"), "approvedAt: 2000-01-01", "approvedAt: 2000-02-10", 1)))
		g.wait(10)
		g.mayPay("allowed anew", true)
	})
}

// TestUnlookedExceptionAllowsNothing has a document say what becomes of it that nobody
// looks at: it allows nothing until somebody does. R-EXC-1.
func TestUnlookedExceptionAllowsNothing(t *testing.T) {
	for _, overdue := range []string{"suspend", "revoke"} {
		t.Run(overdue, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				g := newRegister(w)
				w.publish(compiled(t, lookedAgain("{ every: 7d, within: 3d, overdue: "+overdue+" }")))
				g.wait(9)
				g.mayPay("while there is time", true)
				g.wait(2)
				g.mustLook("too late", "exception/exc-1")
				g.mayPay("too late", false)
				if err := g.say(access.KeepException, "exc-1", "boss"); err != nil {
					t.Fatal(err)
				}
				g.wait(1)
				g.mustLook("kept all the same")
				g.mayPay("kept all the same", true)
			})
		})
	}
	if codes := codesOf(lookedAgain("{ every: 7d, by: owner }")); !slices.Contains(codes, "E-FIELD") {
		t.Errorf("%v, want E-FIELD: nothing would come of it", codes)
	}
}

// TestUnlookedExceptionEscalates has nobody look at a document that says nothing else of it:
// then those are told who answer for what it waives. R-EXC-1.
func TestUnlookedExceptionEscalates(t *testing.T) {
	for review, told := range map[string]bool{
		"{ every: 7d, within: 3d }":                    true,
		"{ every: 7d, within: 3d, overdue: escalate }": true,
		"{ every: 7d, within: 3d, overdue: suspend }":  false,
	} {
		engines(t, func(t *testing.T, w *world) {
			g := newRegister(w)
			w.publish(compiled(t, lookedAgain(review)))
			is := func(when string, want bool) {
				t.Helper()
				if got := slices.Contains(w.dueFor(g.ids["iam2"]), "review"); got != want {
					t.Errorf("%s, %s: who stands in for the constraint's owner is told %v, want %v", review, when, got, want)
				}
			}
			g.wait(8)
			is("while there is time", false)
			g.wait(3)
			is("too late", told)
			g.mayPay("too late", told)
		})
	}
}

// TestAskedExceptionIsLookedAtAgain is the same of one that was asked for. R-EXC-1.
func TestAskedExceptionIsLookedAtAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		w.publish(compiled(t, askedFor))
		var e schema.Exception
		w.update(func(tx store.Tx) (err error) {
			e, err = access.Except(tx, w.rules.Book(), access.Excepting{
				Constraint: "vendor-vs-payment", Identity: g.ids["bob"], Reason: "two people in the office", Compensating: []string{"monthly review"},
				Expires: tx.Now().Add(100 * oneDay), Review: 7 * oneDay, By: g.as("bob"),
			})
			return err
		})
		if _, err := g.decideOn(e, "iam"); err != nil {
			t.Fatal(err)
		}
		g.wait(6)
		g.mustLook("before its time")
		g.wait(2)
		ref := "exception/" + e.ID
		g.mustLook("after it", ref)
		for _, who := range []string{"bob", "boss"} {
			g.refuses("kept by "+who, g.say(access.KeepException, e.ID, who), schema.ErrForbidden)
		}
		if err := g.say(access.KeepException, e.ID, "iam"); err != nil {
			t.Fatal(err)
		}
		g.mustLook("kept")
		g.wait(8)
		g.mustLook("at the next time", ref)
		if err := g.say(access.EndException, e.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		g.wait(1)
		g.mustLook("ended")
		g.mayPay("ended", false)
		g.refuses("kept once it ended", g.say(access.KeepException, e.ID, "iam"), schema.ErrConflict)
	})
}
