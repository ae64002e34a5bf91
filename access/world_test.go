package access_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

const documents = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    groups: { type: list, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: okta, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [userName] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki@example.com, deputy: wiki2@example.com } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low }
    - { id: editors, target: Editors, risk: moderate }
    - { id: admins, target: Admins, risk: high }
    - { id: writers, target: Writers, risk: low }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: crm, owner: { user: crm@example.com, deputy: crm2@example.com } }
spec:
  type: memory
  mode: observe
  authority: shared
  entitlements:
    - { id: sales, target: Sales, risk: low }
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
metadata: { name: owner, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 4h }]
  rules: { selfApproval: false, distinctApprovers: true, onTimeout: deny, requireReason: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read the wiki.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: seller, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Sellers see the customers.
  assign: identity.kind == "human" && identity.department == "Sales"
  grants: [{ connector: crm, entitlement: sales }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: admin, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Operators look after the wiki.
  assign: identity.kind == "human" && identity.department == "Operations"
  grants: [{ connector: wiki, entitlement: admins }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: writer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Who is in the group of writers writes.
  assign: identity.kind == "human" && "writers" in identity.groups
  grants: [{ connector: wiki, entitlement: writers }]
  triggers: [leaver]
  permanent: { because: Held for as long as they are in the group. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: editor, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Edit the wiki for a while.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: owner
  grants: [{ connector: wiki, entitlement: editors }]
  duration: { default: 8h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
`

// book compiles documents, after replacing some of their text: old, new, ...
func book(t testing.TB, replace ...string) *policy.Book {
	t.Helper()
	return compiled(t, documents, replace...)
}

// refused is book, where roles may be refused.
func refused(t testing.TB, replace ...string) *policy.Book {
	t.Helper()
	return compiledButFor(t, "Role", replace...)
}

// compiledButFor is book, where documents of a kind may have errors.
func compiledButFor(t testing.TB, kind string, replace ...string) *policy.Book {
	t.Helper()
	b := booktest.CompileBut(t, kind, documents, replace...)
	everyBook.Store(b.Digest(), b)
	return b
}

// A world is a store and the targets it is to make agree, whose work is done by
// hand: work does what is due.
type world struct {
	t       testing.TB
	store   *store.Store
	rules   *access.Rules
	targets map[string]map[string]schema.Account // connector, remote id
	calls   int

	forged   bool              // the log has what nobody decided
	verifies bool              // targets are read back
	terms    *connectors.Terms // where people tend the targets
	missing  string            // a target's entitlement that it has not: to be given it is refused for good
}

// engines are those that every test of a verb runs on: functions run twice, alone
// and among other writers.
func engines(t *testing.T, test func(t *testing.T, w *world)) {
	for name, open := range map[string]func(t *testing.T) store.Engine{
		"bolt":            func(t *testing.T) store.Engine { return accesstest.Engine(t) },
		"several writers": func(*testing.T) store.Engine { return enginetest.Memory(4) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, enginetest.Again(open(t)))
				defer func() {
					if err := w.store.Close(); err != nil {
						t.Error(err)
					}
				}()
				test(t, w)
				w.check()
			})
		})
	}
}

func newWorld(t testing.TB, e store.Engine) *world {
	t.Helper()
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: s, rules: access.NewRules(book(t), nil), targets: map[string]map[string]schema.Account{"wiki": {}, "crm": {}}}
}

// check has the store check itself.
func (w *world) check() {
	w.t.Helper()
	report, err := w.store.Check(w.t.Context())
	if err != nil || !report.OK() {
		w.t.Errorf("the store is not as it should be: %v %v", report.Faults, err)
	}
	if !w.forged {
		w.again()
	}
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	accesstest.Update(w.t, w.store, fn)
}

func (w *world) view(fn func(store.Reader) error) {
	w.t.Helper()
	accesstest.View(w.t, w.store, fn)
}

func (w *world) hr() access.Provenance {
	return access.Provenance{Source: "hr", Received: time.Now(), Book: w.rules.Book()}
}

// A person is what hr says of somebody.
type person struct {
	id, name, department string
	inactive             bool
}

func (p person) identity(t testing.TB) schema.Identity {
	attributes := map[string]any{"userName": p.name}
	if p.department != "" {
		attributes["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = map[string]any{"department": p.department}
	}
	resource, err := json.Marshal(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Identity{ID: p.id, UserName: p.name, Email: p.name + "@example.com", Active: !p.inactive, Resource: resource}
}

// admit tells of a person, and returns their id.
func (w *world) admit(p person) string {
	w.t.Helper()
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, w.hr(), p.identity(w.t))
		return err
	})
	return got.ID
}

// work does everything that is due, and what falls due by it, and passes a little
// time.
func (w *world) work() {
	w.t.Helper()
	for busy := true; busy; {
		time.Sleep(time.Second + time.Millisecond) //nolint:forbidigo // of the bubble's own time
		busy = w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(w.t.Context(), w.store, w.rules, item)
		})
		for connector := range w.targets {
			busy = w.lane(access.LaneAccount(connector), w.provision(connector)) || busy
		}
		busy = w.lane(access.LaneGroup, func(item store.Item) (access.Finish, error) {
			return access.Regroup(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneGovernance, func(item store.Item) (access.Finish, error) {
			return access.Govern(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneRelease, func(item store.Item) (access.Finish, error) {
			return access.CarryOut(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneResume, func(item store.Item) (access.Finish, error) {
			return access.CatchUp(w.t.Context(), w.store, item)
		}) || busy
		busy = w.lane(access.LaneSource, func(item store.Item) (access.Finish, error) {
			return access.Freshen(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneRequest, func(item store.Item) (access.Finish, error) {
			return access.Attend(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneBypass, func(item store.Item) (access.Finish, error) {
			return access.Watch(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneRamp, func(item store.Item) (access.Finish, error) {
			return access.Climb(w.t.Context(), w.store, w.rules, item)
		}) || busy
		busy = w.lane(access.LaneReview, func(item store.Item) (access.Finish, error) {
			return (&access.Reviews{Store: w.store, Rules: w.rules}).Attend(w.t.Context(), item)
		}) || busy
		busy = w.lane(access.LaneRollout, func(item store.Item) (access.Finish, error) {
			return access.Rollout(w.t.Context(), w.store, w.rules, item)
		}) || busy
	}
	for {
		if n, err := w.store.Sequence(w.t.Context()); err != nil {
			w.t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
}

// lane does what is due in one lane, and reports whether there was anything.
func (w *world) lane(lane store.Lane, handle func(store.Item) (access.Finish, error)) bool {
	w.t.Helper()
	return accesstest.Lane(w.t, w.store, lane, handle)
}

// provision is a target in memory: it becomes as it is wanted.
func (w *world) provision(connector string) func(store.Item) (access.Finish, error) {
	return func(item store.Item) (access.Finish, error) {
		var o access.Outcome
		w.view(func(r store.Reader) (err error) {
			o.Work, err = access.WorkFor(r, w.rules, connector, item.ID, 1)
			return err
		})
		o.Got, o.Steps = o.Work.Have, connectors.Plan(o.Work.Have, o.Work.Want)
		if w.terms != nil {
			return func(tx store.Tx) (time.Time, error) { return access.Ask(tx, w.rules, item, o, *w.terms) }, nil
		}
		if len(o.Steps) > 0 {
			w.calls++
			o.Sent = time.Now()
			if slices.Contains(o.Work.Want.Entitlements, w.missing) {
				o.Err, o.Park = errors.New("no such group: "+w.missing), true
				o.Work.Want.Entitlements = slices.DeleteFunc(slices.Clone(o.Work.Want.Entitlements), func(e string) bool { return e == w.missing })
			}
			o.Got = w.apply(connector, o.Work.Have, o.Work.Want)
			o.Acked = time.Now()
			if w.verifies {
				o.Verified = time.Now()
			}
		}
		return func(tx store.Tx) (time.Time, error) {
			_, err := access.Observe(tx, w.rules, item, o)
			return time.Time{}, err
		}, nil
	}
}

func (w *world) apply(connector string, have, want schema.Account) schema.Account {
	id := cmp.Or(have.RemoteID, "r-"+want.Identity)
	now, there := w.targets[connector][id]
	if !there && !want.Active {
		return now
	}
	now.RemoteID, now.Active = id, want.Active
	if want.Active {
		now.Attributes = want.Attributes
	}
	kept := slices.DeleteFunc(slices.Clone(now.Entitlements), func(e string) bool { return slices.Contains(have.Managed, e) })
	now.Entitlements = schema.Sorted(append(kept, want.Entitlements...)...)
	w.targets[connector][id] = now
	return now
}

// holds is what a person's account at the wiki has, a disabled one nothing.
func (w *world) holds(identity string) string {
	a := w.targets["wiki"]["r-"+identity]
	if !a.Active {
		return ""
	}
	return strings.Join(a.Entitlements, " ")
}

func (w *world) want(identity, entitlements string) {
	w.t.Helper()
	if got := w.holds(identity); got != entitlements {
		w.t.Errorf("the wiki's account has %q, want %q", got, entitlements)
	}
}

func (w *world) grant(identity, role string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
			Identity: identity, Role: role, By: "token/test", Reason: "to write the manual", Ticket: "CHG-1",
			Approvals: []schema.Approval{{By: "iam@example.com", At: tx.Now()}},
		})
		return err
	})
}

func (w *world) publish(b *policy.Book) {
	w.t.Helper()
	w.rules.Use(b)
	w.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, b, "token/test", nil)
		return err
	})
}

// verbs returns the verbs of the decisions about a subject, oldest first.
func (w *world) verbs(subject string) (verbs []schema.Verb) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		verbs = nil
		for e, err := range store.LogAbout(r, subject) {
			if err != nil {
				return err
			}
			verbs = append(verbs, e.Decision.Verb)
		}
		return nil
	})
	return verbs
}

// findings returns the subjects of the open findings of a kind.
func (w *world) findings(kind string) (subjects []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		subjects = nil
		for f, err := range store.Findings.All(r, kind) {
			if err != nil {
				return err
			}
			subjects = append(subjects, f.Subject)
		}
		return nil
	})
	return subjects
}
