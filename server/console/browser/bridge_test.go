package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	sourceToken  = "the-source-0123456789abcdef"
	adminToken   = "the-admin-0123456789abcdef"
	clientSecret = "a-client's-secret-of-0123456789"
	domain       = "@northwind.example"
)

// A bridge is a process that serves the shipped policy, with people in it.
type bridge struct {
	t   *testing.T
	url string
}

// needs ends the test where what it needs is not there: in CI it fails.
func needs(t *testing.T, there bool, how string) {
	t.Helper()
	switch {
	case there:
	case os.Getenv("CI") != "":
		t.Fatal(how)
	default:
		t.Skip(how)
	}
}

const strangers = "testdata/strangers"

// provider starts the identity provider, and returns its address.
func provider(t *testing.T, redirect string) string {
	t.Helper()
	_, err := os.Stat(filepath.Join(strangers, "node_modules"))
	needs(t, err == nil, "no stranger lets people in: npm ci --prefix server/console/browser/"+strangers)
	groups, err := json.Marshal(map[string][]string{
		"priya.nair" + domain: {"staff", "board"}, "omar.haddad" + domain: {"staff", "approvers"}, "george.lam" + domain: {"staff"}, "eve@elsewhere.example": {"staff"},
	})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "provider.mjs")
	node.Dir = strangers
	node.Env = append(os.Environ(), "REDIRECT="+redirect, "SECRET="+clientSecret, "GROUPS="+string(groups))
	return started(t, node)
}

// started runs a command until the test ends, and returns the first line it prints.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(line)
}

// binary is the program that is tried; root is where it is built.
var binary string

const root = "../../.."

func TestMain(m *testing.M) { os.Exit(built(m)) }

func built(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drawbridge-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "drawbridge")
	build := exec.Command("go", "build", "-o", binary, "./cmd/drawbridge")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// serve starts a bridge with people, some of whom want something.
func serve(t *testing.T) *bridge {
	t.Helper()
	dir := t.TempDir()
	b := &bridge{t: t, url: "http://" + free(t)}
	issuer := provider(t, b.url+"/console/login/callback")
	policy, err := filepath.Abs(root + "/configs/policy")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
listen: %s
store: { path: bridge.db }
policy: { path: %s }
audit: { key: audit.key, checkpointEvery: 1s }
admin: { tokens: [ { name: bootstrap, role: admin, secret: "env:ADMIN_TOKEN" } ] }
sources: [ { name: workday, token: "env:SOURCE_TOKEN" } ]
connectors: [ { name: wiki, kind: memory }, { name: crm, kind: memory }, { name: badges, kind: memory } ]
log: { level: error }
console:
  oidc:
    issuer: %s
    clientID: drawbridge
    clientSecret: env:CLIENT_SECRET
    scopes: [email, groups]
    roles: [ { group: staff, role: viewer }, { group: approvers, role: approver }, { group: board, role: admin } ]
`, strings.TrimPrefix(b.url, "http://"), policy, issuer)
	file := filepath.Join(dir, "drawbridge.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), binary, "serve", "--config", file)
	run.Env = append(os.Environ(), "ADMIN_TOKEN="+adminToken, "SOURCE_TOKEN="+sourceToken, "CLIENT_SECRET="+clientSecret)
	run.Stdout, run.Stderr = os.Stderr, os.Stderr
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		_ = run.Wait()
	})
	b.until("it is ready", func() bool { return b.call(http.MethodGet, "/readyz", "", nil, nil) == http.StatusOK })
	b.populate()
	return b
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// until waits until something is so.
func (b *bridge) until(what string, so func() bool) {
	b.t.Helper()
	end := time.After(time.Minute) // a busy machine is no failing page
	for !so() {
		select {
		case <-end:
			b.t.Fatalf("after a minute it is not so that %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// call sends something by a token, and returns the status; 0 is no answer.
func (b *bridge) call(method, path, token string, body, into any) int {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil || res.StatusCode >= 400 && res.StatusCode != http.StatusServiceUnavailable {
		b.t.Fatalf("%s %s: %s: %s: %v", method, path, res.Status, answer, err)
	}
	return res.StatusCode
}

// populate has the source tell of people, of whom one leaves and one asks for a role.
func (b *bridge) populate() {
	b.t.Helper()
	ids := map[string]string{}
	for _, p := range []struct{ name, given, family, title, department, manager string }{
		{"priya.nair", "Priya", "Nair", "Head of Identity", "IT", ""}, {"tomas.berg", "Tomas", "Berg", "Platform Lead", "Engineering", ""},
		{"ines.costa", "Ines", "Costa", "Head of People", "People", ""}, {"lucia.rossi", "Lucia", "Rossi", "Head of Finance", "Finance", ""},
		{"omar.haddad", "Omar", "Haddad", "Head of Sales", "Sales", ""}, {"george.lam", "George", "Lam", "Account Manager", "Sales", "omar.haddad"},
		{"hanna.virtanen", "Hanna", "Virtanen", "Account Manager", "Sales", "omar.haddad"}, {"julia.weber", "Julia", "Weber", "Accountant", "Finance", ""},
		{"anna.kowalska", "Anna", "Kowalska", "Engineer", "Engineering", ""}, {"ben.oconnor", "Ben", "O'Connor", "Engineer", "Engineering", ""},
	} {
		more := map[string]any{"department": p.department}
		if p.manager != "" {
			more["manager"] = map[string]any{"value": p.manager + domain}
		}
		const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		var made struct {
			ID string `json:"id"`
		}
		b.call(http.MethodPost, "/scim/v2/Users", sourceToken, map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterprise}, "userName": p.name + domain, "active": true,
			"name": map[string]any{"givenName": p.given, "familyName": p.family}, "displayName": p.given + " " + p.family, "title": p.title, "userType": "Employee",
			"emails": []any{map[string]any{"value": p.name + domain, "primary": true}}, enterprise: more,
		}, &made)
		ids[p.name] = made.ID
	}
	var board []any
	for _, who := range []string{"priya.nair", "ines.costa", "tomas.berg"} {
		board = append(board, map[string]any{"value": ids[who]})
	}
	b.call(http.MethodPost, "/scim/v2/Groups", sourceToken, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": "Access Board", "members": board,
	}, nil)
	b.settled()
	b.call(http.MethodPatch, "/scim/v2/Users/"+ids["julia.weber"], sourceToken, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}},
	}, nil)
	for _, who := range []string{"george.lam", "hanna.virtanen"} {
		b.call(http.MethodPost, "/api/v1/requests", adminToken, map[string]any{
			"role": "crm-export", "identity": who + domain, "reason": "the figures of the third quarter", "ticket": "CHG-1042", "lasts": "4h",
		}, nil)
	}
	b.call(http.MethodPost, "/api/v1/reviews", adminToken, map[string]any{"kind": "role", "of": "finance", "reason": "once a quarter", "within": "14d"}, nil)
	b.call(http.MethodPost, "/api/v1/reviews", adminToken, map[string]any{"kind": "role", "of": "employee-base", "reason": "once a year", "reviewer": "owner", "within": "14d"}, nil)
	b.call(http.MethodPost, "/api/v1/sweeps/expiry/run", adminToken, nil, nil)
	b.settled()
	b.until("a sweep ran", func() bool {
		type sweep struct {
			Name string         `json:"name"`
			Last map[string]any `json:"last"`
		}
		var all struct {
			Items []sweep `json:"items"`
		}
		b.call(http.MethodGet, "/api/v1/sweeps", adminToken, nil, &all)
		return slices.ContainsFunc(all.Items, func(s sweep) bool { return s.Name == "expiry" && s.Last != nil })
	})
}

// proposes proposes a policy that says more of one role than the one in force, and returns
// the publication.
func (b *bridge) proposes() (id string) {
	b.t.Helper()
	files := map[string]string{}
	folder := os.DirFS(root + "/configs/policy")
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	const role, was = "roles/crm-export.yaml", "for one piece of work."
	if !strings.Contains(files[role], was) {
		b.t.Fatalf("%s does not say %q", role, was)
	}
	files[role] = strings.Replace(files[role], was, "for one piece of work, and no longer.", 1)
	var plan map[string]json.RawMessage
	b.call(http.MethodPost, "/api/v1/policy/plan", adminToken, map[string]any{"files": files}, &plan)
	delete(plan, "findings") // it is an answer, and not of the plan
	var made struct {
		ID string `json:"id"`
	}
	b.call(http.MethodPost, "/api/v1/publications", adminToken, map[string]any{
		"files": files, "seen": plan, "reason": "so that nobody takes it for longer", "author": "lucia.rossi" + domain,
	}, &made)
	return made.ID
}

// first returns the id of the first thing in a list.
func (b *bridge) first(list string) string {
	b.t.Helper()
	var found struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	b.call(http.MethodGet, "/api/v1/"+list, adminToken, nil, &found)
	if len(found.Items) == 0 {
		b.t.Fatalf("there are no %s", list)
	}
	return found.Items[0].ID
}

// settled waits until nothing is due.
func (b *bridge) settled() {
	b.t.Helper()
	b.until("everybody has their accounts", func() bool {
		var lanes struct {
			Items []struct {
				Lane   string    `json:"lane"`
				Leased int       `json:"leased"`
				Items  int       `json:"items"`
				Oldest time.Time `json:"oldest"`
			} `json:"items"`
		}
		b.call(http.MethodGet, "/api/v1/lanes", adminToken, nil, &lanes)
		for _, l := range lanes.Items {
			if l.Lane != "sweep" && (l.Leased > 0 || l.Items > 0 && !l.Oldest.After(time.Now())) {
				return false
			}
		}
		return len(lanes.Items) > 0
	})
}
