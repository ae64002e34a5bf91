package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/store"
)

// askedFor is a policy of roles that are asked for.
const askedFor = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    manager: { type: string, from: [hr] }
    groups: { type: list, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki@example.com, deputy: wiki2@example.com } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: editors, target: Editors, risk: moderate }
    - { id: keepers, target: Keepers, risk: high }
    - { id: payers, target: Payers, risk: high }
    - { id: desk, target: Desk, risk: low, confers: [wiki/vendors] }
    - { id: vendors, target: Vendors, risk: high }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: manager-then-owner, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  stages:
    - { approvers: [{ manager: true }], min: 1, within: 48h }
    - { approvers: [{ roleOwner: true }], min: 1, within: 72h }
  rules: { onTimeout: deny, requireReason: true, approverMustBe: 'approver.department != "Interns"' }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: two-of-security, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  stages: [{ approvers: [{ group: Security }, { user: chief@example.com }], min: 2, within: 4h }]
  rules: { distinctApprovers: true, onTimeout: deny }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: editor, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Edit the wiki for a while.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: manager-then-owner
  grants: [{ connector: wiki, entitlement: editors }]
  duration: { default: 8h, max: 24h, renewable: true }
  triggers: [leaver]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: keeper, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: jit
  mode: enforce
  intent: Keep the wiki under an approved change.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: two-of-security
  ticket: { system: servicenow }
  grants: [{ connector: wiki, entitlement: keepers }]
  duration: { default: 2h, max: 8h }
  concurrent: { max: 1 }
  triggers: [leaver]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: payer, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Pay what is owed.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: manager-then-owner
  grants: [{ connector: wiki, entitlement: payers }]
  duration: { default: 8h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: clerk, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Who is at the desk enters vendors.
  assign: identity.kind == "human" && "desk" in identity.groups
  grants: [{ connector: wiki, entitlement: desk }]
  triggers: [leaver]
  permanent: { because: It follows the group. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: vendor-vs-payment, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: separation-of-duties
  risk: critical
  rationale: One person must not both create a vendor and pay it.
  conflict: [[wiki/vendors], [wiki/payers]]
  enforcement: prevent
`

func compiled(t testing.TB, text string, replace ...string) *policy.Book {
	t.Helper()
	b := booktest.Compile(t, text, replace...)
	everyBook.Store(b.Digest(), b)
	return b
}

// An office is a world with people who ask and people who decide, by their names.
type office struct {
	*world
	ids map[string]string
}

func newOffice(w *world) *office {
	o := &office{world: w, ids: map[string]string{}}
	w.rules.Use(compiled(w.t, askedFor))
	for _, name := range []string{"boss", "owner", "deputy", "sec1", "sec2", "chief"} {
		o.tell(name, "Office", "", false)
	}
	o.tell("ada", "Engineering", "boss", false)
	o.tell("bob", "Engineering", "boss", false)
	o.join("Security", "sec1")
	o.join("Security", "sec2")
	w.work()
	return o
}

// tell tells of somebody, who has a manager or none.
func (o *office) tell(name, department, manager string, inactive bool) {
	o.t.Helper()
	p := person{id: o.ids[name], name: name, department: department, inactive: inactive}
	id := p.identity(o.t)
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	attributes := map[string]any{"userName": name}
	more := map[string]any{"department": department}
	if manager != "" {
		more["manager"] = map[string]any{"value": o.ids[manager]}
	}
	attributes[enterprise] = more
	var err error
	if id.Resource, err = json.Marshal(attributes); err != nil {
		o.t.Fatal(err)
	}
	o.update(func(tx store.Tx) error {
		got, err := access.Admit(tx, o.hr(), id)
		o.ids[name] = got.ID
		return err
	})
}

func (o *office) join(group, name string) {
	o.t.Helper()
	o.update(func(tx store.Tx) error {
		var g schema.Group
		for found, err := range store.Groups.By(tx, store.GroupName, "hr", store.Fold(group)) {
			if err != nil {
				return err
			}
			g = found
		}
		if g.ID == "" {
			var err error
			if g, err = access.AdmitGroup(tx, o.hr(), schema.Group{DisplayName: group}); err != nil {
				return err
			}
		}
		_, err := access.Join(tx, o.hr(), schema.Member{Group: g.ID, Member: o.ids[name]})
		return err
	})
}

func (o *office) as(name string) access.Decider {
	return access.Decider{Actor: "token/" + name, Identity: o.ids[name], Auth: "token"}
}

func (o *office) asking(role, who string) access.Asking {
	return access.Asking{Role: role, Identity: o.ids[who], By: o.as(who), Reason: "to write the manual", Ticket: "CHG-1"}
}

func (o *office) ask(a access.Asking) (q schema.Request, err error) {
	o.t.Helper()
	err = o.store.Update(o.t.Context(), func(tx store.Tx) (err error) {
		q, err = access.Request(tx, o.rules.Book(), a)
		return err
	})
	return q, err
}

func (o *office) mustAsk(role, who string) schema.Request {
	o.t.Helper()
	q, err := o.ask(o.asking(role, who))
	if err != nil {
		o.t.Fatal(err)
	}
	return q
}

type deciding func(store.Tx, *policy.Book, access.Choice) (schema.Request, error)

func (o *office) decide(verb deciding, q schema.Request, who string) (got schema.Request, err error) {
	o.t.Helper()
	err = o.store.Update(o.t.Context(), func(tx store.Tx) (err error) {
		got, err = verb(tx, o.rules.Book(), access.Choice{Request: q.ID, By: o.as(who), Reason: "as agreed"})
		return err
	})
	return got, err
}

// approve must succeed and come to a state and a stage.
func (o *office) approve(q schema.Request, who string, state schema.RequestState, stage int) schema.Request {
	o.t.Helper()
	got, err := o.decide(access.Approve, q, who)
	if err != nil {
		o.t.Fatalf("%s approves: %v", who, err)
	}
	if got.State != state || got.Stage != stage {
		o.t.Fatalf("after %s it is %s at stage %d, want %s at %d: %s", who, got.State, got.Stage, state, stage, got.Outcome)
	}
	return got
}

// refuses fails unless whoever it is may not.
func (o *office) refuses(what string, err error, want error) {
	o.t.Helper()
	if !errors.Is(err, want) {
		o.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (o *office) get(q schema.Request) (got schema.Request) {
	o.t.Helper()
	o.view(func(r store.Reader) (err error) {
		got, err = store.Requests.Get(r, q.ID)
		return err
	})
	return got
}

// inbox names whose requests wait for somebody.
func (o *office) inbox(who string) (found []string) {
	o.t.Helper()
	o.view(func(r store.Reader) error {
		found = nil
		id, err := store.Identities.Get(r, o.ids[who])
		if err != nil {
			return err
		}
		all, err := access.Awaiting(r, o.rules.Book(), id)
		for _, q := range all {
			found = append(found, q.ID)
		}
		return err
	})
	return found
}

// R-POL-3: stages by relation, in order; no self-approval; distinct approvers; each
// step is a decision; the grant has the approvals as its evidence.
func TestRequestGoesThroughItsStages(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		if got := o.inbox("boss"); !slices.Equal(got, []string{q.ID}) {
			t.Errorf("the manager's inbox has %v", got)
		}
		for _, who := range []string{"ada", "owner", "bob", "deputy"} {
			if got := o.inbox(who); len(got) > 0 {
				t.Errorf("%s could decide about %v", who, got)
			}
			_, err := o.decide(access.Approve, q, who)
			o.refuses(who+" approves the manager's stage", err, schema.ErrForbidden)
		}
		o.approve(q, "boss", schema.RequestOpen, 1)
		_, err := o.decide(access.Approve, q, "boss")
		o.refuses("the manager at the owner's stage", err, schema.ErrForbidden)
		_, err = o.decide(access.Approve, q, "deputy")
		o.refuses("the deputy of an owner who is there", err, schema.ErrForbidden)
		w.work()
		w.want(o.ids["ada"], "")
		got := o.approve(q, "owner", schema.RequestFulfilled, 1)
		w.work()
		w.want(o.ids["ada"], "Editors")
		w.view(func(r store.Reader) error {
			g, err := store.Grants.Get(r, o.ids["ada"], got.Grant)
			if len(g.Approvals) != 2 || g.Approvals[0].Auth != "token" || g.Request != q.ID || g.Until.Sub(g.From) != 8*time.Hour {
				t.Errorf("granted: %+v", g)
			}
			return err
		})
		verbs := w.verbs(o.ids["ada"])
		for _, verb := range []schema.Verb{schema.Requested, schema.Approved, schema.Granted} {
			if !slices.Contains(verbs, verb) {
				t.Errorf("decisions %v, want %s among them", verbs, verb)
			}
		}
		_, err = o.decide(access.Approve, q, "owner")
		o.refuses("a request that is fulfilled", err, schema.ErrConflict)
	})
}

// R-OWN-3: what the requester asks for somebody else is not theirs to approve.
func TestWhoAsksDoesNotApprove(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		a := o.asking("keeper", "ada")
		a.By = o.as("sec1")
		_, err := o.ask(a)
		if err != nil {
			t.Fatal(err) // chief and sec2 are left
		}
		q := schema.Request{}
		w.view(func(r store.Reader) error {
			for found, err := range store.Requests.By(r, store.RequestIdentity, o.ids["ada"]) {
				q = found
				return err
			}
			return nil
		})
		_, err = o.decide(access.Approve, q, "sec1")
		o.refuses("who asked", err, schema.ErrForbidden)
		o.approve(q, "sec2", schema.RequestOpen, 0)
		_, err = o.decide(access.Approve, q, "sec2")
		o.refuses("the same twice", err, schema.ErrForbidden)
		o.approve(q, "chief", schema.RequestFulfilled, 0)
	})
}

func TestProgramsAndStrangersDecideNothing(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		for name, by := range map[string]access.Decider{
			"a program":             {Actor: "token/ci"},
			"one nobody told of":    {Actor: "token/x", Identity: "0190a9f0-0000-7000-8000-000000000000"},
			"who asked, by another": {Actor: "token/other", Identity: o.ids["ada"]},
		} {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Approve(tx, w.rules.Book(), access.Choice{Request: q.ID, By: by, Reason: "yes"})
				return err
			})
			if !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("%s approves: %v", name, err)
			}
		}
	})
}

// Silence is no: the lane denies what nobody decided in time, and the log says so. R-POL-3, R-LOG-1.
func TestRequestTimesOut(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		time.Sleep(48 * time.Hour) //nolint:forbidigo // of the bubble's own time
		_, err := o.decide(access.Approve, q, "boss")
		o.refuses("too late", err, schema.ErrConflict)
		w.work()
		if got := o.get(q); got.State != schema.RequestExpired || got.Outcome == "" {
			t.Errorf("it is %s: %s", got.State, got.Outcome)
		}
		if verbs := w.verbs(o.ids["ada"]); !slices.Contains(verbs, schema.Denied) {
			t.Errorf("decisions %v, want that it was denied", verbs)
		}
		o.mustAsk("editor", "ada") // it may be asked for again
	})
}

// An approver who left before the grant does not count, and another has to, also where
// the next one decides before anything else saw that they left.
func TestApproverLeaves(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		o.tell("boss", "Office", "", true)
		got := o.approve(q, "owner", schema.RequestOpen, 0)
		if got.Approvals[0].Void == "" || got.Approvals[1].Void != "" {
			t.Errorf("approvals %+v, want the manager's void", got.Approvals)
		}
		o.tell("ada", "Engineering", "chief", false)
		w.work()
		if inbox := o.inbox("chief"); !slices.Equal(inbox, []string{q.ID}) {
			t.Errorf("the new manager's inbox has %v", inbox)
		}
		o.approve(q, "chief", schema.RequestFulfilled, 0)
	})
}

// A request that nobody could decide is said to be so at once, or when it comes to
// it.
func TestNobodyCouldDecide(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		o.tell("bob", "Engineering", "", false)
		_, err := o.ask(o.asking("editor", "bob"))
		o.refuses("without a manager", err, schema.ErrForbidden)
		q := o.mustAsk("editor", "ada")
		o.tell("boss", "Interns", "", false)
		_, err = o.decide(access.Approve, q, "boss")
		o.refuses("who is not what the flow demands", err, schema.ErrForbidden)
		o.tell("boss", "Office", "", true)
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if got := w.findings("request-stuck"); !slices.Equal(got, []string{o.ids["ada"]}) {
			t.Errorf("stuck: %v", got)
		}
		o.tell("boss", "Office", "", false)
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if got := w.findings("request-stuck"); len(got) > 0 {
			t.Errorf("stuck still: %v", got)
		}
		o.tell("ada", "Sales", "boss", false)
		w.work()
		if got := o.get(q); got.State != schema.RequestDenied {
			t.Errorf("of somebody who is not eligible any more it is %s", got.State)
		}
	})
}

// The deputy decides where the owner can not.
func TestDeputyStandsIn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		o.tell("ada", "Engineering", "owner", false)
		w.work()
		q := o.mustAsk("editor", "ada")
		o.approve(q, "owner", schema.RequestOpen, 1) // as the manager
		_, err := o.decide(access.Approve, q, "owner")
		o.refuses("the owner, who agreed as manager", err, schema.ErrForbidden)
		o.approve(q, "deputy", schema.RequestFulfilled, 1)
	})
}

// R-JIT-4: a renewal is a new decision with new approvals, and only where the role
// is renewable.
func TestRenewal(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		first := o.approve(q, "owner", schema.RequestFulfilled, 1)
		again := o.mustAsk("editor", "ada")
		if again.Renews != first.Grant {
			t.Errorf("it renews %q, want %q", again.Renews, first.Grant)
		}
		time.Sleep(4 * time.Hour) //nolint:forbidigo // of the bubble's own time
		o.approve(again, "boss", schema.RequestOpen, 1)
		o.approve(again, "owner", schema.RequestFulfilled, 1)
		time.Sleep(5 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(o.ids["ada"], "Editors")
		time.Sleep(4 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(o.ids["ada"], "")

		w.rules.Use(compiled(t, askedFor, "max: 24h, renewable: true", "max: 24h"))
		q = o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		o.approve(q, "owner", schema.RequestFulfilled, 1)
		_, err := o.ask(o.asking("editor", "ada"))
		o.refuses("renewing what is not renewable", err, schema.ErrForbidden)
		a := o.asking("editor", "ada")
		a.From = time.Now().Add(9 * time.Hour)
		if _, err := o.ask(a); err != nil {
			t.Errorf("for when it has ended: %v", err)
		}
	})
}

// R-JIT-6: not more than a role says hold it at once; who comes next waits.
func TestConcurrencyCap(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		one, two := o.mustAsk("keeper", "ada"), o.mustAsk("keeper", "bob")
		o.approve(one, "sec1", schema.RequestOpen, 0)
		o.approve(two, "sec1", schema.RequestOpen, 0)
		o.approve(one, "sec2", schema.RequestFulfilled, 0)
		o.approve(two, "chief", schema.RequestApproved, 0)
		w.work()
		w.want(o.ids["ada"], "Keepers")
		w.want(o.ids["bob"], "")
		time.Sleep(2 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(o.ids["ada"], "")
		w.want(o.ids["bob"], "Keepers")

		three := o.mustAsk("keeper", "ada")
		o.approve(three, "sec1", schema.RequestOpen, 0)
		o.approve(three, "sec2", schema.RequestApproved, 0)
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: o.ids["bob"], Role: "keeper", By: "token/t", Reason: "done"})
		})
		w.work()
		w.want(o.ids["ada"], "Keepers")
		w.want(o.ids["bob"], "")
	})
}

// R-JIT-5: what is to begin later begins then, and not before.
func TestNotBefore(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		a := o.asking("editor", "ada")
		a.From, a.Lasts = time.Now().Add(10*time.Hour), 2*time.Hour
		q, err := o.ask(a)
		if err != nil {
			t.Fatal(err)
		}
		o.approve(q, "boss", schema.RequestOpen, 1)
		o.approve(q, "owner", schema.RequestFulfilled, 1)
		for _, step := range []struct {
			pass time.Duration
			want string
		}{{0, ""}, {10 * time.Hour, "Editors"}, {2 * time.Hour, ""}} {
			time.Sleep(step.pass) //nolint:forbidigo // of the bubble's own time
			w.work()
			w.want(o.ids["ada"], step.want)
		}
		a.From = time.Now().Add(-3 * time.Minute)
		_, err = o.ask(a)
		o.refuses("in the past", err, schema.ErrInvalid)
		a.From = time.Now().Add(-time.Minute)
		if _, err = o.ask(a); err != nil {
			t.Errorf("a clock that is a minute behind: %v", err)
		}
	})
}

// R-JIT-5: the policy says how far clocks may differ.
func TestClocksMayDiffer(t *testing.T) {
	for name, test := range map[string]struct {
		skew  string
		back  time.Duration
		taken bool
		lasts time.Duration
	}{
		"left out, within":  {"", 119 * time.Second, true, 2 * time.Hour},
		"left out, beyond":  {"", 3 * time.Minute, false, 0},
		"none":              {"  clockSkew: { notBefore: 0s }\n", time.Second, false, 0},
		"more":              {"  clockSkew: { notBefore: 5m }\n", 3 * time.Minute, true, 2 * time.Hour},
		"at its end longer": {"  clockSkew: { expiry: 90s }\n", 0, true, 2*time.Hour + 90*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				o := newOffice(w)
				w.publish(compiled(t, askedFor, "  mode: enforce\n  identity:\n", "  mode: enforce\n"+test.skew+"  identity:\n"))
				w.work()
				a := o.asking("editor", "ada")
				a.From, a.Lasts = time.Now().Add(-test.back), 2*time.Hour
				q, err := o.ask(a)
				if (err == nil) != test.taken {
					t.Fatalf("it begins %s ago: %v", test.back, err)
				}
				if err != nil {
					return
				}
				o.approve(q, "boss", schema.RequestOpen, 1)
				q = o.approve(q, "owner", schema.RequestFulfilled, 1)
				w.work()
				w.view(func(r store.Reader) error {
					g, err := store.Grants.Get(r, o.ids["ada"], q.Grant)
					if got := g.Until.Sub(g.From); got != test.lasts {
						t.Errorf("it lasts %s, want %s", got, test.lasts)
					}
					return err
				})
				time.Sleep(2 * time.Hour) //nolint:forbidigo // of the bubble's own time
				w.work()
				if still := w.holds(o.ids["ada"]) == "Editors"; still != (test.lasts > 2*time.Hour) {
					t.Errorf("after two hours it is held %v", still)
				}
				time.Sleep(2 * time.Minute) //nolint:forbidigo // of the bubble's own time
				w.work()
				w.want(o.ids["ada"], "")
			})
		})
	}
}

// R-JIT-6: a cap counts who holds a role at one moment, and not who ever does.
func TestCapOfMoments(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		w.publish(compiled(t, askedFor, "concurrent: { max: 1 }", "concurrent: { max: 2 }"))
		w.work()
		o.tell("cleo", "Engineering", "boss", false)
		o.tell("dan", "Engineering", "boss", false)
		w.work()
		start := time.Now().Add(time.Hour)
		give := func(who string, from, lasts time.Duration) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
					Identity: o.ids[who], Role: "keeper", By: "token/test", Reason: "x", Ticket: "CHG-1", From: start.Add(from), Until: start.Add(from + lasts),
					Approvals: []schema.Approval{{By: "identity/" + o.ids["sec1"]}, {By: "identity/" + o.ids["sec2"]}},
				})
				return err
			})
		}
		for i, step := range []struct {
			who         string
			from, lasts time.Duration
			fits        bool
		}{
			{"ada", 0, time.Hour, true}, {"bob", time.Hour, time.Hour, true},
			{"cleo", 0, 2 * time.Hour, true},                          // never more than two at once
			{"dan", 30 * time.Minute, time.Hour, false},               // with ada and cleo, then bob and cleo
			{"dan", 2 * time.Hour, time.Hour, true},                   // once they are gone
			{"ada", 90 * time.Minute, 90 * time.Minute, false},        // with bob and cleo
			{"cleo", time.Hour + time.Minute, 30 * time.Minute, true}, // who holds it already
		} {
			if err := give(step.who, step.from, step.lasts); (err == nil) != step.fits {
				t.Errorf("%d: %s from %s for %s: %v", i, step.who, step.from, step.lasts, err)
			}
		}
	})
}

// TestCapUnderConcurrency has many be given a role at one moment of which two may hold it. R-JIT-6.
func TestCapUnderConcurrency(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		w.publish(compiled(t, askedFor, "concurrent: { max: 1 }", "concurrent: { max: 2 }"))
		var names []string
		for i := range 12 {
			names = append(names, fmt.Sprint("p", i))
			o.tell(names[i], "Engineering", "boss", false)
		}
		w.work()
		var group sync.WaitGroup
		given := make([]error, len(names))
		for i, who := range names {
			group.Go(func() {
				given[i] = w.store.Update(t.Context(), func(tx store.Tx) error {
					_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
						Identity: o.ids[who], Role: "keeper", By: "token/test", Reason: "x", Ticket: "CHG-1", From: tx.Now(), Until: tx.Now().Add(time.Hour),
						Approvals: []schema.Approval{{By: "identity/" + o.ids["sec1"]}, {By: "identity/" + o.ids["sec2"]}},
					})
					time.Sleep(time.Millisecond) //nolint:forbidigo // of the bubble's own time: where there are several writers, all are there before one commits
					return err
				})
			})
		}
		group.Wait()
		got := 0
		for i, err := range given {
			if err == nil {
				got++
			} else if !errors.Is(err, schema.ErrHeld) {
				t.Errorf("%s: %v", names[i], err)
			}
		}
		w.work()
		holding := 0
		for _, who := range names {
			if w.holds(o.ids[who]) == "Keepers" {
				holding++
			}
		}
		if got != 2 || holding != 2 {
			t.Errorf("%d were given it and %d hold it, want two", got, holding)
		}
	})
}

func TestWhatIsRefusedAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		o.tell("eve", "Sales", "boss", false)
		o.join("desk", "bob")
		w.work()
		for name, test := range map[string]struct {
			a    access.Asking
			want error
		}{
			"no such role":              {access.Asking{Role: "nothing", Identity: o.ids["ada"], By: o.as("ada"), Reason: "x"}, schema.ErrNotFound},
			"by rule":                   {access.Asking{Role: "clerk", Identity: o.ids["ada"], By: o.as("ada"), Reason: "x"}, schema.ErrForbidden},
			"no reason":                 {access.Asking{Role: "editor", Identity: o.ids["ada"], By: o.as("ada"), Reason: " "}, schema.ErrInvalid},
			"no ticket":                 {access.Asking{Role: "keeper", Identity: o.ids["ada"], By: o.as("ada"), Reason: "x"}, schema.ErrInvalid},
			"too long":                  {access.Asking{Role: "editor", Identity: o.ids["ada"], By: o.as("ada"), Reason: "x", Lasts: 25 * time.Hour}, schema.ErrForbidden},
			"not eligible":              {o.asking("editor", "eve"), schema.ErrForbidden},
			"separation of duties":      {o.asking("payer", "bob"), schema.ErrForbidden}, // who has vendors with the desk
			"nobody whom a source told": {access.Asking{Role: "editor", Identity: "nobody", By: o.as("ada"), Reason: "x"}, schema.ErrNotFound},
		} {
			_, err := o.ask(test.a)
			o.refuses(name, err, test.want)
		}
		o.mustAsk("editor", "ada")
		_, err := o.ask(o.asking("editor", "ada"))
		o.refuses("twice at once", err, schema.ErrConflict)
	})
}

// A flow that demands something else while a request is open begins it anew.
func TestFlowChangesMeanwhile(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		w.rules.Use(compiled(t, askedFor, "{ manager: true }", "{ user: chief@example.com }"))
		_, err := o.decide(access.Approve, q, "owner")
		o.refuses("the owner, of a stage that is not open any more", err, schema.ErrForbidden)
		o.approve(q, "chief", schema.RequestOpen, 1)
		o.approve(q, "owner", schema.RequestFulfilled, 1)
	})
}

func TestRefuseAndWithdraw(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		_, err := o.decide(access.Refuse, q, "owner")
		o.refuses("the owner refuses the manager's stage", err, schema.ErrForbidden)
		if got, err := o.decide(access.Refuse, q, "boss"); err != nil || got.State != schema.RequestDenied {
			t.Errorf("the manager refuses: %s, %v", got.State, err)
		}
		q = o.mustAsk("editor", "ada")
		_, err = o.decide(access.Withdraw, q, "bob")
		o.refuses("a stranger withdraws it", err, schema.ErrForbidden)
		if got, err := o.decide(access.Withdraw, q, "ada"); err != nil || got.State != schema.RequestWithdrawn {
			t.Errorf("who asked withdraws it: %s, %v", got.State, err)
		}
		_, err = o.decide(access.Withdraw, q, "ada")
		o.refuses("withdrawn twice", err, schema.ErrConflict)
		w.work()
		w.want(o.ids["ada"], "")
	})
}
