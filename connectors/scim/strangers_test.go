package scim_test

import (
	"bufio"
	"context"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/schema"

	"github.com/google/go-cmp/cmp"
)

// A stranger is a service provider that nobody here wrote, on Node.
type stranger struct {
	name, folder string
	dialects     map[string]connectors.Profile
}

// strangers returns all of them, each with the profiles it is spoken to by.
func strangers(t *testing.T) []stranger {
	t.Helper()
	p := connectors.DefaultProfile()
	p.Paging.Size = 20
	put := p
	put.Update, put.Groups.Update = connectors.UpdatePut, connectors.UpdatePut
	better, err := connectors.LoadProfile(configs.Profiles(""), "better-auth")
	if err != nil {
		t.Fatal(err)
	}
	betterPut := better
	betterPut.Update, betterPut.Groups.Update = connectors.UpdatePut, connectors.UpdatePut
	return []stranger{
		{"SCIMMY", "testdata/scimmy", map[string]connectors.Profile{"patch": p, "put": put}},
		{"Better Auth", "testdata/betterauth", map[string]connectors.Profile{"patch": better, "put": betterPut}},
	}
}

// teams are names without quotes: SCIMMY's filters know no escaped ones. The client
// finds such a group all the same, but these tests' hand does not.
var teams = []string{"editors", "people & others", "readers", "writers"}

// TestAgainstStrangers holds the client to its contract against each of them.
func TestAgainstStrangers(t *testing.T) {
	for _, who := range strangers(t) {
		t.Run(who.name, func(t *testing.T) {
			at := who.start(t)
			for name, p := range who.dialects {
				t.Run(name, func(t *testing.T) {
					connectortest.Run(t, connectortest.Harness{
						Entitlements: teams,
						Open: func(t *testing.T) connectortest.Target {
							c, e := who.target(t, at, p)
							return connectortest.Target{Connector: c, Hand: e, Faults: e}
						},
					})
				})
			}
		})
	}
}

// TestLifeAtStrangers provisions people to each of them, has them changed by hand,
// finds that in a listing, mends it, and takes everything away in the end.
func TestLifeAtStrangers(t *testing.T) {
	for _, who := range strangers(t) {
		t.Run(who.name, func(t *testing.T) {
			c, e := who.target(t, who.start(t), who.dialects["patch"])
			const people = 6
			want := make([]schema.Account, people)
			have := make([]schema.Account, people)
			apply := func(n int, w schema.Account) {
				t.Helper()
				got, err := c.Apply(t.Context(), have[n], w)
				if err != nil {
					t.Fatalf("person %d: Apply: %v", n, err)
				}
				got.Managed = teams
				have[n] = got
			}
			for n := range people {
				want[n] = schema.Account{Active: true, Attributes: connectortest.Person(n), Entitlements: teams[:1+n%3]}
				apply(n, want[n])
			}
			agree(t, c, want...)

			e.drift(t, have)
			seen := listed(t, c)
			if cmp.Equal(seen[name(have[0])].Entitlements, want[0].Entitlements) || seen[name(have[1])].Active ||
				seen[name(have[2])].Attributes["title"] == "" || seen[name(have[3])].Exists() {
				t.Fatalf("what was done by hand is not seen: %v", seen)
			}
			for n := range people {
				there := seen[name(have[n])]
				there.Managed = teams
				have[n] = there
				want[n].Attributes["title"] = ""
				apply(n, want[n])
			}
			agree(t, c, want...)

			for n := range people {
				apply(n, schema.Account{Attributes: want[n].Attributes})
			}
			for _, a := range listed(t, c) {
				if a.Active || len(a.Entitlements) > 0 {
					t.Errorf("in the end %s is active %v, and holds %q", name(a), a.Active, a.Entitlements)
				}
			}
		})
	}
}

func name(a schema.Account) string { return a.Attributes["userName"] }

// drift changes accounts by hand, each in another way.
func (e *endpoint) drift(t *testing.T, have []schema.Account) {
	t.Helper()
	have[0].Entitlements = []string{"writers"}
	have[1].Active = false
	have[2].Attributes["title"] = "Self-made"
	for _, a := range have[:3] {
		if _, err := e.Put(t.Context(), a); err != nil {
			t.Fatalf("by hand: %v", err)
		}
	}
	if err := e.Remove(t.Context(), have[3].RemoteID); err != nil {
		t.Fatalf("by hand: %v", err)
	}
}

func listed(t *testing.T, c connectors.Connector) map[string]schema.Account {
	t.Helper()
	all := map[string]schema.Account{}
	for a, err := range c.(connectors.Lister).List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[name(a)] = a
	}
	return all
}

// agree holds that the target has these accounts, and has them so.
func agree(t *testing.T, c connectors.Connector, want ...schema.Account) {
	t.Helper()
	all := listed(t, c)
	if len(all) != len(want) {
		t.Errorf("%d accounts are listed, want %d", len(all), len(want))
	}
	for _, w := range want {
		is := all[name(w)]
		if is.Active != w.Active || !cmp.Equal(is.Entitlements, w.Entitlements) || is.Attributes["title"] != w.Attributes["title"] {
			t.Errorf("%s is %v, want %v", name(w), is, w)
		}
	}
}

// target returns a connector to a place of the test's own, which is named for it,
// with the teams and nobody in it.
func (who stranger) target(t *testing.T, at *url.URL, p connectors.Profile) (connectors.Connector, *endpoint) {
	t.Helper()
	own := *at
	own.Path = "/" + strings.NewReplacer("/", "-", " ", "-", "_", "-").Replace(t.Name())
	e := newFront(t, httputil.NewSingleHostReverseProxy(&own), teams)
	c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: connectors.Config{
		Name: "stranger", Kind: "scim", BaseURL: e.url, Profile: p, Auth: connectors.Auth{Secret: token},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c, e
}

// start starts it and returns where it listens.
func (who stranger) start(t *testing.T) *url.URL {
	t.Helper()
	if _, err := os.Stat(filepath.Join(who.folder, "node_modules")); err != nil {
		how := who.name + " is not installed, so nothing is tried against it: npm ci --prefix connectors/scim/" + who.folder
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	ctx, stop := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, "node", "server.mjs")
	node.Dir, node.Stderr = who.folder, os.Stderr
	node.Env = append(os.Environ(), "TOKEN="+token)
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = node.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s did not say where it listens: %v", who.name, err)
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return u
}
