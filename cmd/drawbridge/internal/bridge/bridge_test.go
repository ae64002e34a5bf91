package bridge

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "source-0123456789abcdef"

// A target is a system that outlives the bridge. It tells whoever waits when
// something in it changed.
type target struct {
	mu       sync.Mutex
	accounts map[string]schema.Account // by identity
	changed  chan struct{}
	hold     chan struct{} // Apply waits for it, if it is not nil
}

func newTarget() *target {
	return &target{accounts: map[string]schema.Account{}, changed: make(chan struct{}, 1)}
}

func (g *target) Apply(ctx context.Context, _, want schema.Account) (schema.Account, error) {
	if g.hold != nil {
		select {
		case <-g.hold:
		case <-ctx.Done():
			return schema.Account{}, ctx.Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	got := want
	if got.RemoteID = g.accounts[want.Identity].RemoteID; got.RemoteID == "" && want.Active {
		got.RemoteID = "r-" + want.Identity
	}
	g.accounts[want.Identity] = got
	select {
	case g.changed <- struct{}{}:
	default:
	}
	return got, nil
}

func (g *target) Read(_ context.Context, id string) (schema.Account, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accounts[strings.TrimPrefix(id, "r-")], nil
}

func (g *target) List(context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, a := range g.accounts {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// wait waits until one of the accounts is as it should be.
func (g *target) wait(t *testing.T, is func(schema.Account) bool) schema.Account {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		g.mu.Lock()
		for _, a := range g.accounts {
			if is(a) {
				g.mu.Unlock()
				return a
			}
		}
		g.mu.Unlock()
		select {
		case <-g.changed:
		case <-timeout:
			t.Fatalf("the target never came to it: %+v", g.accounts)
		}
	}
}

// config is a bridge's configuration in a folder of its own.
func config(t *testing.T) *configs.Config {
	t.Helper()
	dir := t.TempDir()
	c := configs.Default()
	c.Listen, c.Policy.Path = "127.0.0.1:0", "testdata/policy"
	c.Store.Path, c.Audit.Key = filepath.Join(dir, "bridge.db"), filepath.Join(dir, "audit.key")
	c.Shutdown.Grace = 5 * time.Second
	c.Sources = []configs.Source{{Name: "hr", Token: token}}
	c.Connectors = []connectors.Config{{Name: "wiki", Kind: "memory", Profile: connectors.DefaultProfile()}}
	return &c
}

// running is a bridge that runs until stop, which returns what Run did.
func running(t *testing.T, cfg *configs.Config, o Options) (b *Bridge, stop func() error) {
	t.Helper()
	o.NoSync = true
	b, err := Open(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, b.Close())
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return b, stop
}

func (g *target) kinds() connectors.Kinds {
	return connectors.Kinds{"memory": func(connectors.Options) (connectors.Connector, error) { return g, nil }}
}

// ask sends one SCIM request and returns the answer's body.
func ask(t *testing.T, b *Bridge, method, path, body string, status int) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.Addr()+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/scim+json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("%s %s: %s\n%s", method, path, res.Status, text)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return answer
}

const ada = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
	"userName":"ada","active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering"}}`

const deactivate = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
	"Operations":[{"op":"replace","path":"active","value":false}]}`

// TestPersonComesAndGoes proves R-REV-1.
func TestPersonComesAndGoes(t *testing.T) {
	g, cfg := newTarget(), config(t)
	b, stop := running(t, cfg, Options{Kinds: g.kinds()})
	id, _ := ask(t, b, "POST", "/Users", ada, http.StatusCreated)["id"].(string)
	account := g.wait(t, func(a schema.Account) bool { return a.Active && a.Holds("Readers") })
	if account.Identity != id || account.Attributes["userName"] != "ada" {
		t.Errorf("the account is %+v", account)
	}
	ask(t, b, "PATCH", "/Users/"+id, deactivate, http.StatusOK)
	g.wait(t, func(a schema.Account) bool { return a.RemoteID != "" && !a.Active && len(a.Entitlements) == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	// Everything is still there after a restart, and the log is what was signed.
	b, stop = running(t, cfg, Options{Kinds: g.kinds()})
	if got := ask(t, b, "GET", "/Users/"+id, "", http.StatusOK); got["userName"] != "ada" || got["active"] != false {
		t.Errorf("after a restart the person is %v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	verify(t, cfg)
}

// verify checks the decision log of a bridge that is stopped against its newest
// checkpoint, and that nothing stands after it.
func verify(t *testing.T, cfg *configs.Config) {
	t.Helper()
	text, err := os.ReadFile(PublicKeyFile(cfg.Audit.Key))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenStore(cfg, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(r store.Reader) error {
		signed, err := store.Checkpoint(r)
		if err != nil {
			return err
		}
		report, err := audit.Verify(store.Leaves(r), verifier, signed)
		if err == nil && (report.Entries == 0 || report.Checkpoint.Size != report.Entries) {
			err = fmt.Errorf("%d entries, of which %d are signed", report.Entries, report.Checkpoint.Size)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStoppingLosesNothing stops while a target keeps the bridge waiting. What
// was not done then is done after the next start.
func TestStoppingLosesNothing(t *testing.T) {
	g, cfg := newTarget(), config(t)
	cfg.Shutdown.Grace = 50 * time.Millisecond
	g.hold = make(chan struct{})
	b, stop := running(t, cfg, Options{Kinds: g.kinds()})
	ask(t, b, "POST", "/Users", ada, http.StatusCreated)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(g.accounts) > 0 {
		t.Fatalf("the target was told: %v", g.accounts)
	}
	close(g.hold)
	running(t, cfg, Options{Kinds: g.kinds()})
	g.wait(t, func(a schema.Account) bool { return a.Active && a.Holds("Readers") })
}

func TestReloadKeepsThePolicyThatWorks(t *testing.T) {
	text, err := os.ReadFile("testdata/policy/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{"policy.yaml": {Data: text}}
	b, _ := running(t, config(t), Options{Kinds: newTarget().kinds(), Policy: folder})
	before := b.Rules().Book().Digest()
	for name, broken := range map[string]string{
		"no YAML":      "kind: [",
		"unknown kind": "apiVersion: drawbridge/v1\nkind: Rolle\nmetadata: { name: x }\n",
		"second set":   "apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: other, owner: { user: a } }\nspec: { mode: enforce }\n",
	} {
		folder["more.yaml"] = &fstest.MapFile{Data: []byte(broken)}
		if err := b.Reload(t.Context()); !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "stays") {
			t.Errorf("%s: reloading returned %v", name, err)
		}
		if got := b.Rules().Book().Digest(); got != before {
			t.Errorf("%s: another policy is in force", name)
		}
	}
	b.Policy = fstest.MapFS{}
	if err := b.Reload(t.Context()); !errors.Is(err, schema.ErrInvalid) || b.Rules().Book().Digest() != before {
		t.Errorf("an empty folder: reloading returned %v", err)
	}
	b.Policy = fstest.MapFS{"policy.yaml": {Data: bytes.ReplaceAll(text, []byte(`"Engineering"`), []byte(`"Sales"`))}}
	if err := b.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	if b.Rules().Book().Digest() == before {
		t.Error("the new policy is not in force")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, c *configs.Config, o *Options)
		want  string
	}{
		{"a policy that is not there", func(_ *testing.T, c *configs.Config, _ *Options) { c.Policy.Path = "testdata/nowhere" }, "PolicySet"},
		{"an unknown kind", func(_ *testing.T, c *configs.Config, _ *Options) { c.Connectors[0].Kind = "fax" }, "unknown kind"},
		{"a port in use", func(t *testing.T, c *configs.Config, o *Options) {
			b, _ := running(t, config(t), Options{Kinds: o.Kinds})
			c.Listen = b.Addr()
		}, "address already in use"},
		{"no certificate", func(_ *testing.T, c *configs.Config, _ *Options) {
			c.TLS = configs.TLS{Cert: "nowhere", Key: "nowhere"}
		}, "tls"},
		{"a key that is none", func(t *testing.T, c *configs.Config, _ *Options) {
			if err := os.WriteFile(c.Audit.Key, []byte("hunter2"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a signing key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, o := config(t), Options{Kinds: newTarget().kinds(), NoSync: true}
			c.spoil(t, cfg, &o)
			_, err := Open(t.Context(), cfg, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error gives the key away")
			}
		})
	}
}

func TestTheLogKeepsItsKeyAndItsName(t *testing.T) {
	cfg, o := config(t), Options{Kinds: newTarget().kinds(), NoSync: true}
	_, stop := running(t, cfg, o)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(cfg.Audit.Key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, %v", info, err)
	}
	public, err := os.ReadFile(PublicKeyFile(cfg.Audit.Key))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(PublicKeyFile(cfg.Audit.Key)); err != nil {
		t.Fatal(err)
	}
	_, stop = running(t, cfg, o)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(PublicKeyFile(cfg.Audit.Key)); err != nil || !bytes.Equal(got, public) {
		t.Errorf("the public half, lost, is %q, %v; it was %q", got, err, public)
	}
	renamed := *cfg
	renamed.Audit.Origin = "another"
	if _, err := Open(t.Context(), &renamed, o); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("under another name: %v", err)
	}
	another, _, err := audit.NewKey(cfg.Audit.Origin, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Audit.Key, []byte(another), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg, o); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("with another key: %v", err)
	}
	if err := os.Remove(cfg.Audit.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg, o); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("without its key: %v", err)
	}
}

func TestJoins(t *testing.T) {
	p, err := ReadPolicy(os.DirFS("testdata/policy"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	if got := Joins(cfg, p.Book); len(got) > 0 {
		t.Errorf("nothing is amiss, and it says %q", got)
	}
	cfg.Sources[0].Name, cfg.Connectors[0].Name = "workday", "crm"
	got := Joins(cfg, p.Book)
	for _, want := range []string{"source workday is configured", "source hr has a document", "connector crm is configured", "connector wiki has a document"} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("nothing says %q: %q", want, got)
		}
	}
}

// TestAPartThatEndsStopsTheBridge holds Run to ending with the reason when a
// part of the bridge cannot go on.
func TestAPartThatEndsStopsTheBridge(t *testing.T) {
	b, err := Open(t.Context(), config(t), Options{Kinds: newTarget().kinds(), NoSync: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "serve") {
		t.Errorf("Run returned %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
