package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A fleet is a bridge with several SCIM targets, each of which everybody in
// Engineering reads, and its lanes as the bridge has them.
type fleet struct {
	t       *testing.T
	store   *store.Store
	rules   *access.Rules
	targets map[string]*fake.Provider
	opened  map[string]connectors.Connector
	took    *exposures
}

// A ship is one target of a fleet.
type ship struct {
	name    string
	options fake.Options
	wrong   func(http.Handler) http.Handler // what it does instead; nil: as it should
}

func newFleet(t *testing.T, ships ...ship) *fleet {
	t.Helper()
	s := accesstest.Store(t)
	f := &fleet{t: t, store: s, targets: map[string]*fake.Provider{}, opened: map[string]connectors.Connector{}, took: &exposures{longest: map[string]time.Duration{}}}
	f.rules = access.NewRules(fleetBook(t, ships), nil)
	ctx, cancel := context.WithCancel(t.Context())
	var lanes sync.WaitGroup
	run := func(l *scheduler.Loop) {
		l.Store, l.TTL, l.Grace, l.Log = s, 3*time.Minute, time.Second, discard()
		l.Backoff = scheduler.Backoff{First: time.Second, Most: time.Minute}
		lanes.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	run(&scheduler.Loop{Lane: access.LaneIdentity, Workers: 64, Calm: 48, Handle: func(ctx context.Context, item store.Item) (access.Finish, error) {
		return access.Reconcile(ctx, s, f.rules, item)
	}})
	for _, ship := range ships {
		run(f.lane(ship))
	}
	t.Cleanup(func() {
		cancel()
		lanes.Wait()
	})
	return f
}

// lane is the lane of one target, as the bridge has it.
func (f *fleet) lane(ship ship) *scheduler.Loop {
	f.t.Helper()
	if ship.options.Profile.Title == "" {
		ship.options.Profile = connectors.DefaultProfile()
	}
	ship.options.Groups = []string{"Readers", "Writers"}
	provider := fake.New(ship.options)
	f.targets[ship.name] = provider
	var handler http.Handler = provider
	if ship.wrong != nil {
		handler = ship.wrong(provider)
	}
	c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{
		Config:    connectors.Config{Name: ship.name, Kind: "scim", BaseURL: "http://127.0.0.1/scim/v2", Profile: ship.options.Profile},
		Transport: line{handler},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.opened[ship.name] = c
	breaker := scheduler.NewBreaker(8, scheduler.Backoff{First: time.Second, Most: time.Minute})
	p := scheduler.Provision{Store: f.store, Rules: f.rules, Name: ship.name, Connector: c, Breaker: breaker, Observer: f.took}
	workers := ship.options.Profile.Concurrency
	return &scheduler.Loop{
		Lane: access.LaneAccount(ship.name), Workers: workers, Calm: workers - workers/4, Gather: c.(connectors.Gatherer).Gathers(), Breaker: breaker,
		Handle: func(ctx context.Context, item store.Item) (access.Finish, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return p.Handle(ctx, item)
		},
	}
}

// fleetBook is a policy by which everybody in Engineering and in Editing reads each of
// the targets, and who is in Editing writes there as well. Targets are not told who is
// where.
func fleetBook(t *testing.T, ships []ship) *policy.Book {
	t.Helper()
	const role = `---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: %s, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: What %s do.
  assign: identity.kind == "human" && %s
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  grants: [%s]
  review: { every: 365d }
`
	general, _, _ := strings.Cut(documents, "---\napiVersion: drawbridge/v1\nkind: Connector")
	_, triggers, _ := strings.Cut(documents, "---\napiVersion: drawbridge/v1\nkind: TriggerSet")
	triggers, _, _ = strings.Cut(triggers, "---")
	text := strings.Replace(general, "department:", "division:", 1) + "---\napiVersion: drawbridge/v1\nkind: TriggerSet" + triggers
	grants := map[string][]string{}
	for _, s := range ships {
		text += fmt.Sprintf(`---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: %s, owner: { user: wiki, deputy: wiki2 } }
spec:
  type: scim
  mode: enforce
  entitlements:
    - { id: readers, target: Readers, risk: low, owner: wiki }
    - { id: writers, target: Writers, risk: low, owner: wiki }
`, s.name)
		for _, entitlement := range []string{"readers", "writers"} {
			grants[entitlement] = append(grants[entitlement], fmt.Sprintf("{ connector: %s, entitlement: %s }", s.name, entitlement))
		}
	}
	text += fmt.Sprintf(role, "readers", "readers", `identity.division in ["Engineering", "Editing"]`, strings.Join(grants["readers"], ", "))
	text += fmt.Sprintf(role, "writers", "writers", `identity.division == "Editing"`, strings.Join(grants["writers"], ", "))
	return booktest.Compile(t, text)
}

// admit tells of people, who are in a division from now on, or have left.
func (f *fleet) admit(people []string, division string) {
	f.t.Helper()
	const many = 100
	for from := 0; from < len(people); from += many {
		err := f.store.Update(f.t.Context(), func(tx store.Tx) error {
			for _, name := range people[from:min(from+many, len(people))] {
				if err := f.admitOne(tx, name, division); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fleet) admitOne(tx store.Tx, name, division string) error {
	resource, err := json.Marshal(map[string]any{
		"userName": name,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"division": division},
	})
	if err != nil {
		return err
	}
	from := access.Provenance{Source: "hr", Received: time.Now(), Book: f.rules.Book()}
	known, err := store.Identities.One(tx, store.IdentityUserName, "hr", name)
	if err != nil && !errors.Is(err, schema.ErrNotFound) {
		return err
	}
	_, err = access.Admit(tx, from, schema.Identity{ID: known.ID, UserName: name, Active: division != left, Resource: resource})
	return err
}

// left is the division of who has left.
const left = "nowhere"

// A line carries requests to a handler, within the bubble.
type line struct{ to http.Handler }

func (l line) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	l.to.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// exposures notes the longest that each stage took at each target.
type exposures struct {
	mu      sync.Mutex
	longest map[string]time.Duration
}

func (e *exposures) Exposure(connector, stage string, took time.Duration, _ bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.longest[connector+" "+stage] = max(e.longest[connector+" "+stage], took)
}

func (*exposures) Missed(string)    {}
func (*exposures) Swept(schema.Run) {}

func (e *exposures) of(connector, stage string) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.longest[connector+" "+stage]
}
