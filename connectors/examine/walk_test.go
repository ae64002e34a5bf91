package examine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/examine"
	"drawbridge/connectors/memory"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

const token = "canary-cage"

// wire carries a connector's requests to a target without a network.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// A cage is a target, and a connector to it with the profile that somebody believes
// it has.
type cage struct {
	target *fake.Provider
	wire   *examine.Wire
	walk   examine.Walk
	facts  map[string]connectors.Fact
}

func newCage(t *testing.T, does, says connectors.Profile, refuses ...string) *cage {
	t.Helper()
	does.Rate, says.Rate = connectors.RateLimit{}, connectors.RateLimit{} // a test has no hour to spare
	c := &cage{facts: map[string]connectors.Fact{}, target: fake.New(fake.Options{Profile: does, Groups: []string{"canaries"}, Token: token, User: "bridge", Deletes: len(refuses) == 0})}
	c.wire = examine.NewWire(wire{c.target}, 60)
	config := connectors.Config{
		Name: "wiki", Kind: "scim", BaseURL: "https://target.example/scim/v2", Profile: says,
		Auth: connectors.Auth{Secret: token, User: "bridge"}, AllowIrreversible: true,
	}
	opened, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: config, Transport: c.wire})
	if err != nil {
		t.Fatal(err)
	}
	c.walk = examine.Walk{
		Connector: opened, Config: config, Canary: examine.Canary("wiki", "example.com"), Group: "canaries",
		Tell: func(f connectors.Fact) { c.facts[f.Key] = f }, Cleaning: func() { c.wire.Allow(10) },
	}
	if says.Groups.Of == connectors.GroupsOfNone {
		c.walk.Group = ""
	}
	for n := range 3 { // people who are there, and must not be touched
		person := schema.Account{Active: true, Attributes: map[string]string{"userName": fmt.Sprintf("person-%d", n)}}
		if _, err := c.target.Put(t.Context(), person); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// clean holds that nothing is left of the canary, and nobody else was touched.
func (c *cage) clean(t *testing.T) {
	t.Helper()
	if a, there := c.target.User(c.walk.Canary["userName"]); there {
		t.Errorf("the canary is left there: %+v", a)
	}
	if users := c.target.Users(); len(users) != 3 {
		t.Errorf("the target has %d users, want the three it had", len(users))
	}
}

// TestWalkAgreesWithEachProfile walks through a target of each profile that ships,
// which behaves as the profile says: nothing differs, and nothing is left.
func TestWalkAgreesWithEachProfile(t *testing.T) {
	shipped := os.DirFS("../../configs/profiles")
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d profiles, %v", len(files), err)
	}
	for _, file := range files {
		p, err := connectors.LoadProfile(shipped, strings.TrimSuffix(file, ".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != "" && p.Kind != "scim" {
			continue
		}
		if p.Auth.Scheme == connectors.AuthClient {
			p.Auth = connectors.DefaultProfile().Auth // of a token that was fetched
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			c := newCage(t, p, p)
			if err := c.walk.Run(t.Context()); err != nil {
				t.Errorf("the walk ended early: %v", err)
			}
			c.clean(t)
			for _, f := range c.facts {
				few := f.Key == "filter.operators" && strings.Contains(f.Target, "and eq") // as many as the fake knows
				if f.Verdict() == connectors.Differs && !strings.HasPrefix(f.Key, "attributes.") && !few {
					t.Errorf("%s: the target does %q, the profile says %q (%s)", f.Key, f.Target, f.Profile, f.Note)
				}
			}
			for _, key := range []string{"create", "read back", "created twice", "change", "delete"} {
				want := connectors.Agrees
				if key == "change" && slices.Contains(p.Attributes.Fixed, "*") {
					want = connectors.Unknown // it is not tried
				}
				if c.facts[key].Verdict() != want {
					t.Errorf("%s: %+v, want that to %s", key, c.facts[key], want)
				}
			}
			if made := c.wire.Made(); made > 60 {
				t.Errorf("%d calls, and 60 are allowed", made)
			}
		})
	}
}

// TestWalkSeesWhatDiffers walks through targets that do other than the profile says.
func TestWalkSeesWhatDiffers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		does   func(*connectors.Profile)
		says   func(*connectors.Profile)
		key    string
		target string
	}{
		{"pages by cursor", func(p *connectors.Profile) { p.Paging.Style = connectors.PagingCursor }, nil, "paging.style", "cursor"},
		{"no pages", func(p *connectors.Profile) { p.Paging.Style = connectors.PagingNone }, nil, "paging.style", "none"},
		{"deletes", func(p *connectors.Profile) { p.Irreversible = true }, nil, "irreversible", "true"},
		{"groups of filter", func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfFilter }, nil, "groups.of", "filter"},
		{"discovery elsewhere", func(p *connectors.Profile) { p.Discovery = "/ServiceProviderConfigs" }, nil, "discovery", "/ServiceProviderConfigs"},
		{"keeps what is short", func(p *connectors.Profile) { p.Attributes.Omit = nil }, func(p *connectors.Profile) { p.Discovery = "" }, "discovery", "/ServiceProviderConfig"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			does, says := connectors.DefaultProfile(), connectors.DefaultProfile()
			row.does(&does)
			if row.says != nil {
				row.says(&says)
			}
			c := newCage(t, does, says)
			err := c.walk.Run(t.Context())
			c.clean(t)
			if f := c.facts[row.key]; f.Target != row.target {
				t.Errorf("%s: %+v (%v), want %q", row.key, f, err, row.target)
			}
			var facts []connectors.Fact
			for _, f := range c.facts {
				facts = append(facts, f)
			}
			text, err := examine.Draft(says, facts, "a draft")
			if err != nil {
				t.Fatal(err)
			}
			drafted, err := connectors.ParseProfile("draft.yaml", text)
			if err != nil {
				t.Fatalf("the draft does not load: %v\n%s", err, text)
			}
			if got := at(drafted, row.key); got != row.target {
				t.Errorf("the draft has %s %q, want %q\n%s", row.key, got, row.target, text)
			}
		})
	}
}

func at(p connectors.Profile, key string) string {
	return map[string]string{
		"paging.style": string(p.Paging.Style), "irreversible": fmt.Sprint(p.Irreversible), "groups.of": string(p.Groups.Of), "discovery": p.Discovery,
	}[key]
}

// TestWalkIsInterrupted has somebody press Ctrl-C at each call of a walk. The canary
// is gone each time; where the process dies instead, the next look finds it.
func TestWalkIsInterrupted(t *testing.T) {
	t.Parallel()
	p := connectors.DefaultProfile()
	whole := newCage(t, p, p)
	if err := whole.walk.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for nth := 1; nth <= whole.wire.Made(); nth++ {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCage(t, p, p)
		var calls atomic.Int64
		interrupting := wireFunc(func(r *http.Request) (*http.Response, error) {
			answer, err := wire{c.target}.RoundTrip(r)
			if calls.Add(1) == int64(nth) {
				cancel()
			}
			return answer, err
		})
		opened, err := scim.Open(connectors.Options{Config: c.walk.Config, Transport: interrupting})
		if err != nil {
			t.Fatal(err)
		}
		c.walk.Connector = opened
		_ = c.walk.Run(ctx) // of the last calls, nothing is left to interrupt
		cancel()
		c.clean(t)
	}
}

type wireFunc func(*http.Request) (*http.Response, error)

func (f wireFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWalkKeepsItsBudget gives walks too few calls: they end, and clean up all the
// same.
func TestWalkKeepsItsBudget(t *testing.T) {
	t.Parallel()
	for allowed := 1; allowed < 20; allowed++ {
		c := newCage(t, connectors.DefaultProfile(), connectors.DefaultProfile())
		c.wire = examine.NewWire(wire{c.target}, allowed)
		opened, err := scim.Open(connectors.Options{Config: c.walk.Config, Transport: c.wire})
		if err != nil {
			t.Fatal(err)
		}
		c.walk.Connector = opened
		if err := c.walk.Run(t.Context()); !errors.Is(err, examine.ErrBudget) {
			t.Errorf("with %d calls: %v, want it to say that they are used up", allowed, err)
		}
		if made := c.wire.Made(); made > allowed+10 {
			t.Errorf("with %d calls and 10 to clean up, %d were made", allowed, made)
		}
		c.clean(t)
	}
}

// TestRemoveFindsACanary finds the canary of a look that died, and removes it.
func TestRemoveFindsACanary(t *testing.T) {
	t.Parallel()
	c := newCage(t, connectors.DefaultProfile(), connectors.DefaultProfile())
	if _, err := c.target.Put(t.Context(), schema.Account{Active: true, Attributes: c.walk.Canary, Entitlements: []string{"canaries"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := examine.Remove(t.Context(), c.walk.Connector, "wiki", c.walk.Canary); err != nil {
		t.Error(err)
	}
	c.clean(t)
}

// TestWalkWhereDeletingIsRefused leaves the canary disabled and in no group.
func TestWalkWhereDeletingIsRefused(t *testing.T) {
	t.Parallel()
	c := newCage(t, connectors.DefaultProfile(), connectors.DefaultProfile(), "deleting")
	err := c.walk.Run(t.Context())
	if left, ok := errors.AsType[*examine.LeftError](err); !ok || !left.Disabled {
		t.Errorf("%v, want that the canary is left, disabled", err)
	}
	if a, there := c.target.User(c.walk.Canary["userName"]); !there || a.Active || len(a.Entitlements) > 0 {
		t.Errorf("left there: %+v", a)
	}
}

// TestWalkWhereNothingDeletes leaves the canary disabled, and says so.
func TestWalkWhereNothingDeletes(t *testing.T) {
	t.Parallel()
	system := memory.New(memory.Hooks{})
	w := examine.Walk{
		Connector: undeletable{system}, Config: connectors.Config{Name: "wiki", Profile: connectors.DefaultProfile()},
		Canary: examine.Canary("wiki", "example.com"), Group: "canaries", Tell: func(connectors.Fact) {},
	}
	for range 2 { // the second finds the first's
		err := w.Run(t.Context())
		left, ok := errors.AsType[*examine.LeftError](err)
		if !ok || !left.Disabled || !errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("%v, want that the canary is left, disabled", err)
		}
		var there []schema.Account
		for a, err := range system.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			there = append(there, a)
		}
		if len(there) != 1 || there[0].Active || slices.Contains(there[0].Entitlements, "canaries") {
			t.Errorf("left there: %+v, want one account, disabled and in no group", there)
		}
	}
}

// undeletable is a connector with what every one can do, and no more.
type undeletable struct{ connectors.Connector }

// TestWalkIsRefusedWhereItCannotBeUndone touches nothing at a target whose disabled
// accounts cannot be had back.
func TestWalkIsRefusedWhereItCannotBeUndone(t *testing.T) {
	t.Parallel()
	p := connectors.DefaultProfile()
	p.Irreversible = true
	c := newCage(t, p, p)
	c.walk.Config.AllowIrreversible = false
	if err := c.walk.Run(t.Context()); !errors.Is(err, examine.ErrIrreversible) {
		t.Errorf("%v, want it refused", err)
	}
	if c.target.Writes() > 0 {
		t.Errorf("%d writes, want none", c.target.Writes())
	}
}

// TestTheWireHearsOfRates has a target say in headers how often it may be called, in the words
// of some vendors: whoever connects it is told, of each what was said last.
func TestTheWireHearsOfRates(t *testing.T) {
	n := 0
	w := examine.NewWire(trip(func(r *http.Request) (*http.Response, error) {
		n++
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r, Header: http.Header{
			"X-Ratelimit-Remaining": {strconv.Itoa(100 - n)}, "Ratelimit-Policy": {`"q";q=100;w=60`}, "Retry-After": {"7"},
			"X-Acme-Ratelimit": {"9"}, "Content-Type": {"application/json"}, "X-Request-Id": {"rate"},
		}}, nil
	}), 10)
	if said := w.Rates(); said != "" {
		t.Errorf("before anything was asked: %q", said)
	}
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if got, want := w.Rates(), `Ratelimit-Policy: "q";q=100;w=60, Retry-After: 7, X-Acme-Ratelimit: 9, X-Ratelimit-Remaining: 98`; got != want {
		t.Errorf("it heard %q, want %q", got, want)
	}
}

// A trip answers requests.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
