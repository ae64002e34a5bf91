package rest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
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
)

const queuesPolicy = `
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
metadata: { name: queues, owner: { user: ops, deputy: ops2 } }
spec:
  type: rest
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: watch, target: "tag:monitoring", risk: low, owner: ops }
    - { id: consume, target: "vhost:read:/", risk: moderate, owner: ops }
    - { id: publish, target: "vhost:write:/", risk: moderate, owner: ops }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: revoke, failClosed: true }
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers consume from queues and watch them.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: queues, entitlement: watch }, { connector: queues, entitlement: consume }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
`

// A world is a bridge with the broker as its one target.
type world struct {
	*testing.T
	store  *store.Store
	rules  *access.Rules
	target connectors.Connector
	front  *front
}

func newWorld(t *testing.T, f *front) *world {
	t.Helper()
	s := accesstest.Store(t)
	w := &world{T: t, store: s, rules: access.NewRules(booktest.Compile(t, queuesPolicy), nil), target: openRabbit(t, f), front: f}
	provision := scheduler.Provision{
		Store: s, Rules: w.rules, Name: "queues", Connector: w.target,
		Breaker: scheduler.NewBreaker(5, scheduler.Backoff{First: time.Second, Most: time.Minute}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for lane, handle := range map[store.Lane]scheduler.Handler{
		access.LaneIdentity: func(ctx context.Context, item store.Item) (access.Finish, error) {
			return access.Reconcile(ctx, s, w.rules, item)
		},
		access.LaneAccount("queues"): provision.Handle,
	} {
		l := scheduler.Loop{
			Store: s, Lane: lane, Handle: handle, Workers: 2, TTL: time.Minute, Grace: time.Second,
			Backoff: scheduler.Backoff{First: 10 * time.Millisecond, Most: time.Second}, Log: slog.New(slog.DiscardHandler),
		}
		wg.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return w
}

// admit tells the bridge of a person.
func (w *world) admit(id, userName, department string, active bool) string {
	w.Helper()
	resource, err := json.Marshal(map[string]any{
		"userName": userName,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": department},
	})
	if err != nil {
		w.Fatal(err)
	}
	var got schema.Identity
	err = w.store.Update(w.Context(), func(tx store.Tx) (err error) {
		p := access.Provenance{Source: "hr", Received: time.Now(), Book: w.rules.Book()}
		got, err = access.Admit(tx, p, schema.Identity{ID: id, UserName: userName, Active: active, Resource: resource})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return got.ID
}

// becomes waits until the broker has the user as wanted, and nothing is owed.
func (w *world) becomes(what, identity, userName string, active bool, entitlements ...string) {
	w.Helper()
	var is schema.Account
	var known schema.Account
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		accounts, err := w.front.Accounts(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		for _, a := range accounts {
			if a.RemoteID == userName {
				is = a
			}
		}
		_ = w.store.View(w.Context(), func(r store.Reader) (err error) {
			known, err = store.Accounts.Get(r, "queues", identity)
			return err
		})
		if is.Exists() && is.Active == active && slices.Equal(is.Entitlements, entitlements) && known.State == schema.Settled {
			return
		}
		select {
		case <-w.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.Fatalf("%s: the broker has %+v, want active %v with %q; the bridge knows %s: %s", what, is, active, entitlements, known.State, known.Problem)
}

func (w *world) sweep(run func(context.Context, scheduler.Sweep, *schema.Run) error) schema.Run {
	w.Helper()
	r := schema.Run{ID: "run-" + time.Now().String(), Sweep: "drift"}
	err := run(w.Context(), scheduler.Sweep{Name: "drift", Limits: policy.Brake{Count: 50, Percent: 100}, Schedule: cron.ConstantDelaySchedule{Delay: time.Hour}}, &r)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// TestAtRabbitMQFromJoiningToLeaving provisions somebody, changes them by hand,
// repairs that, and cuts them off, also where they are connected. R-REV-9.
func TestAtRabbitMQFromJoiningToLeaving(t *testing.T) {
	t.Parallel()
	f := needBroker(t).front(t)
	w := newWorld(t, f)
	ada, byHand := f.mark+"ada", f.mark+"somebody"
	if _, err := f.Put(t.Context(), schema.Account{Active: true, Attributes: map[string]string{"userName": byHand}, Entitlements: []string{"tag:administrator"}}); err != nil {
		t.Fatal(err)
	}

	id := w.admit("", ada, "Engineering", true)
	w.becomes("joined", id, ada, true, "tag:monitoring", "vhost:read:/")

	user := url.PathEscape(ada)
	for _, change := range []struct {
		path string
		body any
	}{
		{"/users/" + user, map[string]any{"password_hash": "", "tags": "administrator"}}, // one lost, and one that nobody governs
		{"/permissions/%2F/" + user, map[string]string{"configure": "", "write": ".*", "read": ""}},
	} {
		if _, err := f.ask(t.Context(), "PUT", change.path, change.body); err != nil {
			t.Fatal(err)
		}
	}
	targets := map[string]connectors.Connector{"queues": w.target}
	if run := w.sweep(scheduler.Drift(w.store, w.rules, targets)); run.Done != 1 {
		t.Errorf("the drift sweep repaired %d accounts, want 1", run.Done)
	}
	w.becomes("repaired", id, ada, true, "tag:administrator", "tag:monitoring", "vhost:read:/")
	if run := w.sweep(scheduler.Orphans(w.store, w.rules, targets)); run.Found < 1 {
		t.Errorf("the orphans sweep found %d accounts, want the one made by hand, and the bridge's own", run.Found)
	}

	if _, err := f.ask(t.Context(), "PUT", "/users/"+user, map[string]any{"password": "let-me-in", "tags": "administrator,monitoring"}); err != nil {
		t.Fatal(err)
	}
	session := f.signIn(t, ada, "let-me-in")
	w.admit(id, ada, "Engineering", false)
	w.becomes("left", id, ada, false, "tag:administrator")
	if err := session.ended(10 * time.Second); err != nil {
		t.Errorf("whoever left is connected still: %v", err)
	}
	accounts, err := f.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		if a.RemoteID == byHand && (!a.Active || !slices.Equal(a.Entitlements, []string{"tag:administrator"})) {
			t.Errorf("the account made by hand is now %+v, want it untouched", a)
		}
	}

	w.admit(id, ada, "Engineering", true)
	w.becomes("came back", id, ada, true, "tag:administrator", "tag:monitoring", "vhost:read:/")
	if err := f.Remove(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	w.sweep(scheduler.Drift(w.store, w.rules, targets))
	w.becomes("healed", id, ada, true, "tag:monitoring", "vhost:read:/")
}
