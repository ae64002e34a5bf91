package access_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A waived is one rule that an exception may waive, tried with bob at the office.
type waived struct {
	name   string
	waives string                  // as a document writes it
	other  string                  // what a document writes that waives something else
	asking func(*access.Excepting) // as somebody asks for it
	owner  string                  // who answers for the rule
	begin  func(*register)         // what has to be so first
	role   string                  // which the rule keeps from bob
	lasts  time.Duration
	until  time.Duration // how long an exception is asked for
}

// passed has bob ask for the role and others agree, and returns why he has not what it
// gives at the target.
func (x waived) passed(g *register) error {
	g.t.Helper()
	a := g.asking(x.role, "bob")
	a.Lasts = x.lasts
	q, err := g.ask(a)
	if err != nil {
		return err
	}
	g.approve(q, "boss", schema.RequestOpen, 1)
	g.approve(q, "owner", schema.RequestFulfilled, 1)
	g.work()
	r, _ := g.rules.Book().Role(x.role)
	e, _ := g.rules.Book().Entitlement("wiki", r.Spec.Grants[0].Entitlement)
	if !slices.Contains(strings.Fields(g.holds(g.ids["bob"])), e.Target) {
		return fmt.Errorf("the target has %q", g.holds(g.ids["bob"]))
	}
	return nil
}

func everyWaiver() []waived {
	return []waived{
		{
			name: "constraint", waives: "{ constraint: vendor-vs-payment }", other: "{ role: payer }", owner: "iam", role: "payer", until: 4 * time.Hour,
			asking: func(x *access.Excepting) { x.Constraint = "vendor-vs-payment" },
		},
		{
			name: "who may have a role", waives: "{ role: boards }", other: "{ role: editor }", owner: "owner", role: "boards", until: 4 * time.Hour,
			asking: func(x *access.Excepting) { x.Role = "boards" },
		},
		{
			name: "how long a role may be had", waives: "{ role: editor, duration: 72h }", other: "{ role: editor, duration: 60h }", owner: "owner",
			role: "editor", lasts: 70 * time.Hour, until: 30 * time.Hour,
			asking: func(x *access.Excepting) { x.Role, x.Lasts = "editor", 72*time.Hour },
		},
		{
			name: "trigger", waives: "{ trigger: away/on-leave }", other: "{ trigger: away/at-sea }", owner: "iam", role: "editor", until: 4 * time.Hour,
			asking: func(x *access.Excepting) { x.Trigger = "away/on-leave" },
			begin:  func(g *register) { g.leave("bob") },
		},
	}
}

// exempted is the office with a role for the board, and one that ends while somebody is on
// leave.
const exempted = `
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: away, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: on-leave, on: [event, sweep], when: 'identity.employment.status == "leave"', action: suspend }
    - { name: at-sea, on: [event, sweep], when: 'identity.employment.status == "at-sea"', action: suspend }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: boards, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: The board keeps the wiki.
  eligible: identity.kind == "human" && identity.department == "Board"
  approval: manager-then-owner
  grants: [{ connector: wiki, entitlement: keepers }]
  duration: { default: 8h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
`

const editorTriggers = "  duration: { default: 8h, max: 24h, renewable: true }\n  triggers: [leaver"

func exemptedPolicy(more string) string {
	return strings.Replace(askedFor, editorTriggers, editorTriggers+", away", 1) + exempted + more
}

// except1 is an exception that is a document, for bob.
func except1(waives string) string {
	return strings.NewReplacer("{ constraint: vendor-vs-payment }", waives, "  scope: { entitlements: [wiki/vendors, wiki/payers] }\n", "").Replace(documented)
}

// leave has somebody be on leave.
func (g *register) leave(who string) {
	g.t.Helper()
	g.update(func(tx store.Tx) error {
		id, err := store.Identities.Get(tx, g.ids[who])
		if err != nil {
			return err
		}
		record := map[string]any{}
		if err := json.Unmarshal(id.Resource, &record); err != nil {
			return err
		}
		record["urn:drawbridge:scim:schemas:extension:2.0:User"] = map[string]any{"employmentStatus": "leave"}
		if id.Resource, err = json.Marshal(record); err != nil {
			return err
		}
		_, err = access.Admit(tx, g.hr(), id)
		return err
	})
	g.work()
}

// part takes somebody out of a group.
func (g *register) part(group, who string) {
	g.t.Helper()
	g.update(func(tx store.Tx) error {
		for found, err := range store.Groups.By(tx, store.GroupName, "hr", store.Fold(group)) {
			if err != nil {
				return err
			}
			_, err := access.Leave(tx, g.hr(), schema.Member{Group: found.ID, Member: g.ids[who]})
			return err
		}
		return schema.ErrNotFound
	})
	g.work()
}

func newExempted(w *world, x waived) *register {
	g := newRegister(w)
	w.publish(compiled(w.t, exemptedPolicy("")))
	w.work()
	if x.begin != nil {
		x.begin(g)
	}
	return g
}

// R-EXC-1, R-EXC-3, R-EXC-4: whatever an exception may waive is waived by one that is a
// document, for whom it names, from when it was allowed until it expires, and by nothing
// else.
func TestEveryWaiver(t *testing.T) {
	for _, x := range everyWaiver() {
		for name, more := range map[string]string{
			"without one":         "",
			"for somebody else":   strings.Replace(except1(x.waives), "subjects: [bob]", "subjects: [ada]", 1),
			"of something else":   except1(x.other),
			"by nobody we know":   strings.Replace(except1(x.waives), "approvedBy: [iam@", "approvedBy: [cfo@", 1),
			"that is yet to come": strings.Replace(except1(x.waives), "approvedAt: 2000-01-01", "approvedAt: 2000-02-01", 1),
			"that is over":        strings.NewReplacer("approvedAt: 2000-01-01", "approvedAt: 1999-01-01", "expires: 2000-03-01", "expires: 1999-12-31").Replace(except1(x.waives)),
		} {
			t.Run(x.name+" "+name, func(t *testing.T) {
				engines(t, func(t *testing.T, w *world) {
					g := newExempted(w, x)
					w.publish(compiled(t, exemptedPolicy(more)))
					w.work()
					if err := x.passed(g); err == nil {
						t.Error("the rule was passed")
					}
				})
			})
		}
		t.Run(x.name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				g := newExempted(w, x)
				w.publish(compiled(t, exemptedPolicy(except1(x.waives))))
				w.work()
				if err := x.passed(g); err != nil {
					t.Fatal(err)
				}
				if !g.cited("exception/exc-1") {
					t.Error("no decision cites it")
				}
				w.publish(compiled(t, exemptedPolicy("")))
				w.work()
				if held := w.holds(g.ids["bob"]); held != "Desk" {
					t.Errorf("once it is gone the target has %q", held)
				}
			})
		})
	}
}

// cited reports whether a decision about bob cites an exception.
func (g *register) cited(exception string) (cited bool) {
	g.view(func(r store.Reader) error {
		cited = false
		for entry, err := range store.LogAbout(r, g.ids["bob"]) {
			if err != nil {
				return err
			}
			d := entry.Decision
			cited = cited || (d.Verb == schema.Granted || d.Verb == schema.Assigned) && slices.Contains(d.Because, exception)
		}
		return nil
	})
	return cited
}

// R-EXC-1, R-EXC-3, R-EXC-4, R-EXC-5: the same is waived by an exception that was asked
// for, once whoever answers for the rule allowed it, and ends with it.
func TestEveryWaiverThatIsAskedFor(t *testing.T) {
	for _, x := range everyWaiver() {
		t.Run(x.name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				g := newExempted(w, x)
				asked := access.Excepting{
					Identity: g.ids["bob"], Reason: "nobody else is here", Compensating: []string{"monthly review"}, Expires: time.Now().Add(x.until), By: g.as("bob"),
				}
				x.asking(&asked)
				var e schema.Exception
				w.update(func(tx store.Tx) (err error) {
					e, err = access.Except(tx, w.rules.Book(), asked)
					return err
				})
				if err := x.passed(g); err == nil {
					t.Error("the rule was passed before anybody allowed it")
				}
				if _, err := g.decideOn(e, "boss"); err == nil {
					t.Error("somebody else than who answers for it allowed it")
				}
				if _, err := g.decideOn(e, x.owner); err != nil {
					t.Fatal(err)
				}
				w.work()
				if err := x.passed(g); err != nil {
					t.Fatal(err)
				}
				if !g.cited("exception/" + e.ID) {
					t.Error("no decision cites it")
				}
				w.pass(x.until + time.Hour)
				if held := w.holds(g.ids["bob"]); held != "Desk" {
					t.Errorf("once it expired the target has %q", held)
				}
			})
		})
	}
}

// R-EXC-1: what an exception says of its end. What it allowed ends in any case, or stays
// as far as it needs no exception by then.
func TestWhatFallsBack(t *testing.T) {
	falling := func(waives string) string {
		return strings.NewReplacer("onExpiry: revoke", "onExpiry: fallback", "expires: 2000-03-01T00:00:00Z", "expires: 2000-01-01T06:00:00Z").Replace(except1(waives))
	}
	for name, test := range map[string]struct {
		more  string
		needs bool
		held  string
	}{
		"revoke":            {strings.Replace(except1("{ constraint: vendor-vs-payment }"), "expires: 2000-03-01T00:00:00Z", "expires: 2000-01-01T06:00:00Z", 1), false, ""},
		"fallback, needed":  {falling("{ constraint: vendor-vs-payment }"), true, "Desk"},
		"fallback, no more": {falling("{ constraint: vendor-vs-payment }"), false, "Payers"},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				g := newExempted(w, everyWaiver()[0])
				w.publish(compiled(t, exemptedPolicy(test.more)))
				w.work()
				if err := everyWaiver()[0].passed(g); err != nil {
					t.Fatal(err)
				}
				if !test.needs {
					g.part("desk", "bob")
				}
				w.pass(7 * time.Hour)
				w.want(g.ids["bob"], test.held)
			})
		})
	}
}

// R-EXC-3, R-EXC-4: an exception that is a document allows nothing any more once its
// end was brought forward, it names somebody else, or everybody left who allowed it.
func TestExceptionThatChanges(t *testing.T) {
	for name, change := range map[string]func(g *register){
		"its end": func(g *register) {
			g.publish(compiled(g.t, exemptedPolicy(strings.Replace(except1(everyWaiver()[0].waives), "expires: 2000-03-01T00:00:00Z", "expires: 2000-01-01T02:00:00Z", 1))))
			g.pass(3 * time.Hour)
		},
		"whom it names": func(g *register) {
			g.publish(compiled(g.t, exemptedPolicy(strings.Replace(except1(everyWaiver()[0].waives), "subjects: [bob]", "subjects: [ada]", 1))))
			g.work()
		},
		"who allowed it": func(g *register) {
			g.tell("iam", "Office", "", true)
			g.work()
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				g := newExempted(w, everyWaiver()[0])
				w.publish(compiled(t, exemptedPolicy(except1(everyWaiver()[0].waives))))
				w.work()
				if err := everyWaiver()[0].passed(g); err != nil {
					t.Fatal(err)
				}
				change(g)
				w.want(g.ids["bob"], "Desk")
			})
		})
	}
}

// R-EXC-7: a document that is renewed for the second time allows nothing unless whoever
// owns what it waives is among those who allowed it.
func TestDocumentsAreRenewed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newExempted(w, everyWaiver()[0])
		by := func(expires, who string) string {
			return strings.NewReplacer("expires: 2000-03-01", "expires: 2000-"+expires, "approvedBy: [iam@example.com]", "approvedBy: ["+who+"@example.com]",
				"deputy: iam@example.com", "deputy: iam2@example.com").Replace(except1(everyWaiver()[0].waives))
		}
		for i, step := range []struct {
			expires, who string
			allows       bool
		}{{"02-01", "owner", true}, {"03-01", "owner", true}, {"04-01", "owner", false}, {"05-01", "iam", true}, {"05-01", "owner", false}} {
			w.publish(compiled(t, exemptedPolicy(by(step.expires, step.who))))
			w.work()
			if _, err := g.ask(g.asking("payer", "bob")); (err == nil) != step.allows {
				t.Errorf("%d: until %s, allowed by %s: %v", i, step.expires, step.who, err)
			}
			g.withdrawAll()
			plan := w.plan(w.rules.Book())
			if got := len(plan.Orphaned) == 0; got != step.allows {
				t.Errorf("%d: a plan says %+v", i, plan.Orphaned)
			}
		}
	})
}

// withdrawAll makes room for the next request.
func (g *register) withdrawAll() {
	g.t.Helper()
	g.update(func(tx store.Tx) error {
		var open []schema.Request
		for q, err := range store.Requests.All(tx) {
			if err != nil {
				return err
			}
			if q.State == schema.RequestOpen {
				open = append(open, q)
			}
		}
		for _, q := range open {
			if _, err := access.Withdraw(tx, g.rules.Book(), access.Choice{Request: q.ID, By: g.as("bob"), Reason: "later"}); err != nil {
				return err
			}
		}
		return nil
	})
}

// R-EXC-6: what many are excepted from is said of roles and triggers as well, and of
// documents.
func TestPressureOnEveryRule(t *testing.T) {
	many := strings.Replace(except1("{ role: boards }"), "subjects: [bob]", "subjects: [a, b, c, d, bob]", 1)
	engines(t, func(t *testing.T, w *world) {
		g := newExempted(w, everyWaiver()[0])
		w.publish(compiled(t, exemptedPolicy(many)))
		w.work()
		if got := w.findings("exception-pressure"); !slices.Equal(got, []string{"role/boards"}) {
			t.Errorf("findings about %v", got)
		}
		codes := []string{}
		for _, f := range w.plan(w.rules.Book()).Findings {
			if f.Code == policy.CodePressure {
				codes = append(codes, f.Object)
			}
		}
		if !slices.Equal(codes, []string{"Role/boards"}) {
			t.Errorf("a plan says it of %v", codes)
		}
		w.publish(compiled(t, exemptedPolicy("")))
		w.work()
		if got := w.findings("exception-pressure"); len(got) > 0 {
			t.Errorf("once it is gone: %v", got)
		}
		_ = g
	})
}
