package webhook_test

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestTheReceiverOfThePage builds the receiver that the page shows, and provisions
// to it.
func TestTheReceiverOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatal("the page shows no receiver")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(source, found[1], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), binary, address)
	cmd.Env = append(os.Environ(), "SIGNING_SECRET="+secret)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
	forge := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	hook := func(o *connectors.Options) { o.BaseURL = "http://" + address + "/drawbridge" }
	c := open(t, http.NotFoundHandler(), hook)
	if err := c.(connectors.Prober).Probe(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
	have := schema.Account{Identity: "i-1"}
	for i, want := range []schema.Account{
		{Identity: "i-1", Active: true, Attributes: map[string]string{"userName": "ada", "title": "Clerk"}, Entitlements: []string{"clerk"}},
		{Identity: "i-1", Active: true, Attributes: map[string]string{"userName": "ada", "title": "Head"}, Entitlements: []string{"manager"}},
		{Identity: "i-1", Attributes: map[string]string{"userName": "ada", "title": "Head"}},
	} {
		got, err := c.Apply(t.Context(), have, want)
		if err != nil || got.RemoteID != "ada" || got.Active != want.Active || got.Attributes["title"] != want.Attributes["title"] {
			t.Errorf("state %d: %+v, %v", i, got, err)
		}
		got.Managed = got.Entitlements
		have = got
	}
	spoilt := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("webhook-id", "another")
		forge.ServeHTTP(w, r)
	})
	bad := open(t, spoilt, func(o *connectors.Options) { o.BaseURL = o.BaseURL[:len(o.BaseURL)-len("/hook")] + "/drawbridge" })
	if err := bad.(connectors.Prober).Probe(t.Context()); err == nil {
		t.Error("a message that was changed on the way is taken")
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
