package scim_test

import (
	"bufio"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
)

// TestAgainstScimmy holds the client to its contract against a service provider
// that nobody here wrote: SCIMMY, on Node, as testdata/scimmy/server.mjs sets it
// up.
func TestAgainstScimmy(t *testing.T) {
	const folder = "testdata/scimmy"
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		const how = "SCIMMY is not installed, so nothing is tried against it: npm ci --prefix connectors/scim/" + folder
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	// Its filters know no escaped quotes: the client finds such a group all the
	// same, but this test's hand does not.
	plain := []string{"editors", "people & others", "readers", "writers"}
	scimmy := startScimmy(t, folder)
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		t.Run(string(update), func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Update, p.Groups.Update = update, update
			p.Paging.Size = 20
			connectortest.Run(t, connectortest.Harness{
				Entitlements: plain,
				Open: func(t *testing.T) connectortest.Target {
					// Each case has a target of its own, named for it.
					own := *scimmy
					own.Path = "/" + strings.ReplaceAll(t.Name(), "/", "-")
					e := newFront(t, httputil.NewSingleHostReverseProxy(&own), plain)
					c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: connectors.Config{
						Name: "scimmy", Kind: "scim", BaseURL: e.url, Profile: p, Auth: connectors.Auth{Secret: token},
					}})
					if err != nil {
						t.Fatal(err)
					}
					return connectortest.Target{Connector: c, Hand: e, Faults: e}
				},
			})
		})
	}
}

// startScimmy starts one and returns where it listens.
func startScimmy(t *testing.T, folder string) *url.URL {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", "server.mjs")
	node.Dir, node.Stderr = folder, os.Stderr
	node.Env = append(os.Environ(), "TOKEN="+token)
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Wait() }) // the test's context ends it before
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("SCIMMY did not say where it listens: %v", err)
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return u
}
