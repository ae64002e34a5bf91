package scheduler_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

const documents = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam, deputy: iam2 } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki, deputy: wiki2 } }
spec:
  type: scim
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low, owner: wiki }
    - { id: editors, target: Editors, risk: moderate, owner: wiki }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: owner, owner: { user: iam, deputy: iam2 } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 4h }]
  rules: { selfApproval: false, distinctApprovers: true, onTimeout: deny, requireReason: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: iam, deputy: iam2 } }
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
metadata: { name: editor, owner: { user: iam, deputy: iam2 } }
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

// A target is a system in memory that judges: it is never told of the same
// account twice at once.
type target struct {
	mu       sync.Mutex
	accounts map[string]schema.Account
	calls    int
	fail     func(call int) error        // what the nth call answers, after it did half
	refuse   func(connectors.Step) error // what a step is answered with, that is not taken then
	steps    []string                    // that were taken, or refused
	lists    func(schema.Account) bool   // whether its listing has an account; nil: all
	broken   bool                        // its listing ends with an error
	dead     bool                        // it does not answer
	adopts   bool                        // it knows people by their userName, as most do
	prefix   string                      // what people are called there begins with it
	answer   func(schema.Account)        // is called before it answers; nil: it is not
	blind    func() error                // what reading an account answers; nil: the account
	tells    bool                        // its listing says when accounts were used
	log      []call
}

func (g *target) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	g.mu.Lock()
	if g.prefix != "" {
		want.Attributes = maps.Clone(want.Attributes)
		want.Attributes["userName"] = g.prefix + want.Attributes["userName"]
	}
	named := g.named(want.Attributes["userName"])
	g.mu.Unlock()
	if named != "" && g.adopts && have.RemoteID == "" {
		if others, err := connectors.Claim(ctx, have, want, schema.Account{RemoteID: named}); others {
			return have, err
		}
	}
	got, err := g.apply(have, want)
	g.mu.Lock()
	answer := g.answer
	g.mu.Unlock()
	if answer != nil {
		answer(want)
	}
	return got, err
}

func (g *target) apply(have, want schema.Account) (schema.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log = append(g.log, call{want.Identity, !g.dead})
	if g.dead {
		return have, errors.New("connection refused")
	}
	g.calls++
	id := "r-" + want.Identity
	if g.adopts {
		id = cmp.Or(have.RemoteID, g.named(want.Attributes["userName"]), "r-"+want.Attributes["userName"])
		if _, taken := g.accounts[id]; taken && id != have.RemoteID && g.named(want.Attributes["userName"]) != id {
			id += "-too" // whose it is had the name before
		}
	}
	now := g.accounts[id]
	now.Managed, now.Adopted = have.Managed, now.Exists() && !have.Exists()
	for _, step := range connectors.Plan(now, want) {
		g.steps = append(g.steps, step.Verb.String())
		if g.refuse != nil {
			if err := g.refuse(step); err != nil {
				return now, err
			}
		}
		switch step.Verb {
		case connectors.Revoke:
			now.Entitlements = slices.DeleteFunc(slices.Clone(now.Entitlements), func(e string) bool { return slices.Contains(step.Entitlements, e) })
		case connectors.Disable:
			now.Active = false
		case connectors.Create:
			now.RemoteID, now.Active, now.Attributes = id, true, want.Attributes
		case connectors.Update:
			now.Attributes = want.Attributes
		case connectors.Enable:
			now.Active = true
		case connectors.Grant:
			now.Entitlements = schema.Sorted(append(slices.Clone(now.Entitlements), step.Entitlements...)...)
		}
		if now.RemoteID != "" {
			g.accounts[id] = now
		}
		if g.fail != nil {
			if err := g.fail(g.calls); err != nil {
				return now, err
			}
		}
	}
	return now, nil
}

// named returns the id of whoever has a user name; of those it knows no names of, by what
// they were made as.
func (g *target) named(userName string) string {
	for id, a := range g.accounts {
		if cmp.Or(a.Attributes["userName"], strings.TrimPrefix(id, "r-")) == userName {
			return id
		}
	}
	return ""
}

func (g *target) Read(_ context.Context, id string) (schema.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.blind != nil {
		if err := g.blind(); err != nil {
			return schema.Account{}, err
		}
	}
	a, ok := g.accounts[id]
	if !ok {
		return a, &connectors.Error{Kind: connectors.Gone, Err: errors.New("no such account")}
	}
	return a, nil
}

func (g *target) List(context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, a := range g.accounts {
			if g.lists != nil && !g.lists(a) {
				continue
			}
			if !yield(a, nil) {
				return
			}
		}
		if g.broken {
			yield(schema.Account{}, errors.New("the page after this one could not be read"))
		}
	}
}

// change has the target be otherwise from now on: the lanes may be calling it.
func (g *target) change(how func(*target)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	how(g)
}

// edit is somebody's hand on an account, which is made if it is not there.
func (g *target) edit(id string, how func(*schema.Account)) {
	g.change(func(g *target) {
		a := g.accounts[id]
		a.RemoteID = id
		how(&a)
		g.accounts[id] = a
	})
}

func (g *target) account(id string) (a schema.Account) {
	g.change(func(g *target) { a = g.accounts[id] })
	return a
}

func (g *target) called() (times int) {
	g.change(func(g *target) { times = g.calls })
	return times
}

func (g *target) holds(identity string) (active bool, entitlements []string) {
	a := g.account("r-" + identity)
	return a.Active, a.Entitlements
}

// A world is a bridge with one target, on an engine whose every other commit is
// run again.
type world struct {
	t       *testing.T
	store   *store.Store
	rules   *access.Rules
	target  *target
	breaker *scheduler.Breaker
	dies    atomic.Bool // after each call to the target, before what came of it is written down
	stop    func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, enginetest.Again(accesstest.Engine(t)))
}

func newWorldOn(t *testing.T, e store.Engine) *world {
	t.Helper()
	w := idleWorldOn(t, e)
	w.breaker = scheduler.NewBreaker(5, scheduler.Backoff{First: time.Second, Most: time.Minute})
	w.start()
	return w
}

// idleWorldOn is a world in which nobody takes anything from a lane.
func idleWorldOn(t *testing.T, e store.Engine) *world {
	t.Helper()
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, rules: access.NewRules(booktest.Compile(t, documents), nil), target: &target{accounts: map[string]schema.Account{}}}
	w.stop = func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return w
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	loop := func(lane store.Lane, handle scheduler.Handler, breaker *scheduler.Breaker) {
		l := scheduler.Loop{
			Store: w.store, Lane: lane, Handle: handle, Workers: 4, TTL: time.Minute, Grace: time.Second,
			Backoff: scheduler.Backoff{First: time.Second, Most: time.Minute}, Log: slog.New(slog.DiscardHandler), Breaker: breaker,
		}
		if lane == access.LaneIdentity {
			l.HandleCrowd = func(ctx context.Context, items []store.Item) ([]access.Finish, error) {
				return access.ReconcileAll(ctx, w.store, w.rules, items)
			}
		}
		wg.Go(func() {
			if err := l.Run(ctx); err != nil {
				w.t.Error(err)
			}
		})
	}
	loop(access.LaneIdentity, func(ctx context.Context, item store.Item) (access.Finish, error) {
		return access.Reconcile(ctx, w.store, w.rules, item)
	}, nil)
	provision := scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: w.target, Breaker: w.breaker}
	loop(access.LaneAccount("wiki"), func(ctx context.Context, item store.Item) (access.Finish, error) {
		finish, err := provision.Handle(ctx, item)
		if w.dies.Load() { // then its lease runs out
			return func(store.Tx) (time.Time, error) { return time.Time{}, store.ErrLeaseLost }, nil
		}
		return finish, err
	}, w.breaker)
	w.stop = func() {
		cancel()
		wg.Wait()
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	accesstest.Update(w.t, w.store, fn)
}

func (w *world) hr() access.Provenance {
	return access.Provenance{Source: "hr", Received: time.Now(), Book: w.rules.Book()}
}

// admit tells of one person, and returns their id.
func (w *world) admit(id, department string, active bool) string {
	w.t.Helper()
	return w.admitNamed("ada", id, department, active)
}

func (w *world) admitNamed(name, id, department string, active bool) string {
	w.t.Helper()
	resource, err := json.Marshal(map[string]any{
		"userName": name,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": department},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, w.hr(), schema.Identity{ID: id, UserName: name, Active: active, Resource: resource})
		return err
	})
	return got.ID
}

func (w *world) want(identity string, active bool, entitlements ...string) {
	w.t.Helper()
	gotActive, got := w.target.holds(identity)
	if gotActive != active || !slices.Equal(got, entitlements) {
		w.t.Errorf("the target has active=%v %v, want active=%v %v", gotActive, got, active, entitlements)
	}
}

func (w *world) sweep(name string, run func(context.Context, scheduler.Sweep, *schema.Run) error, limits policy.Brake) (schema.Run, error) {
	r := schema.Run{ID: "run", Sweep: name}
	mode := schema.Enforce
	if limits == (policy.Brake{}) { // nothing without people
		mode = schema.Propose
	}
	err := run(w.t.Context(), scheduler.Sweep{Name: name, Limits: limits, Mode: mode, Schedule: cron.ConstantDelaySchedule{Delay: time.Hour}}, &r)
	return r, err
}

func inBubble(t *testing.T, fn func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		fn(w)
	})
}

// settle lets everything that is due happen.
func settle(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // of the bubble's own time: nothing waits
	synctest.Wait()
}

// TestJoinerMoverLeaver proves R-REV-1, R-SLO-1.
func TestJoinerMoverLeaver(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.want(id, true, "Readers")
		w.admit(id, "Sales", true)
		settle(time.Second)
		w.want(id, false)
		w.admit(id, "Engineering", true)
		settle(time.Second)
		w.want(id, true, "Readers")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
		settle(time.Second)
		w.want(id, false)
	})
}

// TestNothingIsWrittenBeforeItIsDecided has an account looked at, as after its connector was
// halted, before anybody decided about the change that came meanwhile. R-PROV-1.
func TestNothingIsWrittenBeforeItIsDecided(t *testing.T) {
	w := idleWorldOn(t, accesstest.Engine(t))
	defer w.stop()
	id := w.admit("", "Engineering", true)
	w.target.edit("r-"+id, func(a *schema.Account) { a.Active = true })
	w.update(func(tx store.Tx) error {
		return store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: id, RemoteID: "r-" + id, Active: true, State: schema.Settled, Observed: tx.Now()})
	})
	p := scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: w.target}
	finish, err := p.Handle(t.Context(), store.Item{Lane: access.LaneAccount("wiki"), ID: id, Attempt: 1})
	if err != nil || w.target.called() != 0 {
		t.Errorf("%v; %d calls, want none before it is decided", err, w.target.called())
	}
	w.update(func(tx store.Tx) error {
		_, err := finish(tx)
		return err
	})
}

// TestUnknownIsNotFalse proves R-ENG-3.
func TestUnknownIsNotFalse(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			_, err := access.Admit(tx, w.hr(), schema.Identity{ID: id, UserName: "ada", Active: true, Resource: []byte(`{"userName":"ada"}`)})
			return err
		})
		settle(time.Second)
		w.want(id, true, "Readers") // the department is unknown: nothing is taken
		w.admit(id, "Sales", true)
		settle(time.Second)
		w.want(id, false)
	})
}

func grantEditor(w *world, id string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
			Identity: id, Role: "editor", By: "token/test", Reason: "to write the manual",
			Approvals: []schema.Approval{{By: "iam", At: tx.Now()}},
		})
		return err
	})
}

// TestGrantEnds proves R-JIT-2.
func TestGrantEnds(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		grantEditor(w, id)
		settle(8*time.Hour - 2*time.Second)
		w.want(id, true, "Editors", "Readers")
		settle(3 * time.Second)
		w.want(id, true, "Readers")
	})
}

// TestRevokedStaysRevoked proves R-JIT-2.
func TestRevokedStaysRevoked(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "engineer", By: "token/test", Reason: "under investigation"})
		})
		settle(time.Second)
		w.want(id, false)
		for i := range 20 {
			w.admit(id, "Engineering", i%2 == 0)
			settle(time.Second)
		}
		w.admit(id, "Engineering", true)
		settle(time.Second)
		w.want(id, false)
	})
}

// TestEveryCallMayFail has each of the first calls fail after it took effect. R-PROV-2.
func TestEveryCallMayFail(t *testing.T) {
	for failing := 1; failing <= 4; failing++ {
		t.Run(fmt.Sprint(failing), func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.target.change(func(g *target) {
					g.fail = func(call int) error {
						if call <= failing {
							return errors.New("the line broke")
						}
						return nil
					}
				})
				id := w.admit("", "Engineering", true)
				settle(10 * time.Minute)
				w.want(id, true, "Readers")
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
				settle(10 * time.Minute)
				w.want(id, false)
			})
		})
	}
}

func TestPermanentFailureIsParked(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) {
			g.fail = func(int) error { return &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no such plan")} }
		})
		id := w.admit("", "Engineering", true)
		settle(24 * time.Hour)
		if calls := w.target.called(); calls != 1 {
			t.Errorf("%d calls, want one and then patience", calls)
		}
		err := w.store.View(t.Context(), func(r store.Reader) error {
			a, err := store.Accounts.Get(r, "wiki", id)
			if a.State != schema.Parked || a.Problem != "no such plan" {
				t.Errorf("account is %s with problem %q", a.State, a.Problem)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestDrift proves R-DRIFT-1, R-DRIFT-2.
func TestDrift(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		w.target.edit("r-"+id, func(a *schema.Account) { a.Entitlements = []string{"Editors", "Readers"} })
		settle(time.Second)

		w.target.change(func(g *target) { g.broken = true })
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err == nil || run.Done != 0 {
			t.Errorf("after an incomplete listing: %+v, %v; want nothing done, and an error", run, err)
		}
		w.target.change(func(g *target) { g.broken = false })
		if run, err := w.sweep("drift", drift, policy.Brake{}); !errors.Is(err, schema.ErrHeld) || run.Done != 0 {
			t.Errorf("over its limit: %+v, %v; want it held", run, err)
		}
		settle(time.Second)
		w.want(id, true, "Editors", "Readers")
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 {
			t.Errorf("%+v, %v; want one account woken", run, err)
		}
		settle(time.Second)
		w.want(id, true, "Readers")
	})
}

// TestOrphansAreReportedAndNotTouched proves R-INH-6, R-SWEEP-2.
func TestOrphansAreReportedAndNotTouched(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.edit("stranger", func(a *schema.Account) { a.Active, a.Entitlements = true, []string{"Editors"} })
		orphans := scheduler.Orphans(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		if run, err := w.sweep("orphans", orphans, policy.Brake{}); err != nil || run.Reported != 1 || run.Done != 0 {
			t.Errorf("%+v, %v; want one reported", run, err)
		}
		if !w.target.account("stranger").Active || w.target.called() != 0 {
			t.Error("the account was touched")
		}
	})
}

// TestNoWriteWithoutDecision compares what the target was told with the log. R-ENG-1, R-PROV-1.
func TestNoWriteWithoutDecision(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		verbs := map[schema.Verb]schema.Decision{}
		for {
			if n, err := w.store.Sequence(t.Context()); err != nil {
				t.Fatal(err)
			} else if n == 0 {
				break
			}
		}
		err := w.store.View(t.Context(), func(r store.Reader) error {
			for e, err := range store.LogAbout(r, id) {
				if err != nil {
					return err
				}
				verbs[e.Decision.Verb] = e.Decision
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		assigned, provisioned := verbs[schema.Assigned], verbs[schema.Provisioned]
		if assigned.Policy == "" || assigned.Reason == "" || assigned.DetailHash == "" {
			t.Errorf("decision without policy, reason or inputs: %+v", assigned)
		}
		if !slices.Contains(provisioned.Because, assigned.ID) {
			t.Errorf("provisioned because of %v, want the decision %s among them", provisioned.Because, assigned.ID)
		}
	})
}
