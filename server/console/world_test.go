package console_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/api"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// evil is what somebody would have others' browsers run, in whatever they may name.
const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

const documents = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low }
    - { id: editors, target: Editors, risk: moderate }
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
metadata: { name: engineer, title: "Engineers <b>read</b>", owner: { user: iam@example.com, deputy: iam2@example.com } }
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
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: author, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Write the wiki for a while, and read it.
  eligible: identity.kind == "human" && identity.department == "Authors"
  approval: owner
  grants: [{ connector: wiki, entitlement: editors }, { connector: wiki, entitlement: readers }]
  duration: { default: 8h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: unowned }
spec:
  type: birthright
  mode: enforce
  intent: Nobody answers for it.
  assign: identity.department == "Sales"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
`

// A world is a bridge with a console, over HTTP.
type world struct {
	t     *testing.T
	url   string
	store *store.Store
	rules *access.Rules
	serve *server.Server
}

// newWorld returns a world whose server is made of some more options, where more is
// not nil.
func newWorld(t *testing.T, more func(url string, o *server.Options)) *world {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	set, _ := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(documents)}})
	book, _ := policy.Compile(set)
	w := &world{t: t, store: s, rules: access.NewRules(book, nil)}
	srv := httptest.NewUnstartedServer(nil)
	w.url = "http://" + srv.Listener.Addr().String()
	o := server.Options{
		Store: s, Rules: w.rules, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), PublicURL: w.url, Version: "test",
		TokenKey: tokens.NewKey([]byte("key")), Sweeps: []string{"drift", "expiry"}, Connectors: []string{"wiki"},
		Breaker: func(string) api.BreakerView { return api.BreakerView{State: "open", Problem: evil, Since: time.Now()} }, Limits: server.Limits{API: -1},
		Credentials: []server.Credential{{Name: "hr", Source: "hr", Secret: secretOf("hr")}},
	}
	for _, role := range schema.APIRoles() {
		o.Credentials = append(o.Credentials, server.Credential{Name: string(role), Role: role, Secret: secretOf(string(role))})
	}
	o.Credentials = append(o.Credentials, server.Credential{Name: "iam@example.com", Role: schema.Approver, Secret: secretOf("iam@example.com")})
	if more != nil {
		more(w.url, &o)
	}
	if w.serve, err = server.New(o); err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = w.serve
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func secretOf(name string) connectors.Secret { return connectors.Secret(name + "-secret-0123456789") }

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// person makes an engineer, who holds what the role gives.
func (w *world) person(name string) (id schema.Identity) {
	w.t.Helper()
	said := map[string]any{
		"userName": name, "active": true, "displayName": evil, "title": evil,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Engineering"},
	}
	text, err := json.Marshal(said)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) (err error) {
		id, err = access.Admit(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()},
			schema.Identity{Kind: schema.Human, UserName: name, Email: name, Active: true, Resource: text})
		return err
	})
	w.reconcile()
	return id
}

// leaves has a person's source say that they left.
func (w *world) leaves(id schema.Identity) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		now, err := store.Identities.Get(tx, id.ID)
		if err != nil {
			return err
		}
		now.Active = false
		now.Resource = json.RawMessage(strings.Replace(string(now.Resource), `"active":true`, `"active":false`, 1))
		_, err = access.Admit(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}, now)
		return err
	})
}

func (w *world) reconcile() {
	w.t.Helper()
	var items []store.Item
	w.update(func(tx store.Tx) (err error) {
		items, err = tx.Lease(access.LaneIdentity, 100, time.Minute)
		return err
	})
	for _, item := range items {
		finish, err := access.Reconcile(w.t.Context(), w.store, w.rules, item)
		if err != nil {
			w.t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			next, err := finish(tx)
			if err != nil {
				return err
			}
			return tx.Done(item, next)
		})
	}
}

// full has something in the world for every page to show, and somebody hostile in
// every text.
func (w *world) full() (ada schema.Identity) {
	w.t.Helper()
	iam := w.person("iam@example.com")
	ada = w.person("ada@example.com")
	w.person(`"><script>alert(1)</script>@example.com`)
	w.update(func(tx store.Tx) error {
		now := tx.Now()
		machine := schema.Identity{ID: "01900000-0000-7000-8000-000000000001", Source: "hr", Kind: schema.Workload, UserName: "robot" + evil, Active: true,
			Resource: json.RawMessage(`{}`), Version: 1, Created: now, Modified: now}
		puts := []error{
			store.Identities.Put(tx, machine),
			store.Machines.Put(tx, schema.Machine{Identity: machine.ID}),
			store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: ada.ID, RemoteID: "1", Active: true, Entitlements: []string{"Readers" + evil},
				State: schema.Parked, Problem: evil, Observed: now}),
			store.Findings.Put(tx, schema.Finding{Kind: "orphan", Connector: "wiki", Subject: evil, Reason: evil, First: now.Add(-time.Hour), Last: now}),
			store.Findings.Put(tx, schema.Finding{Kind: "drift", Connector: "wiki", Subject: ada.ID, Object: "readers", Reason: "has it", First: now, Last: now}),
			store.Holds.Put(tx, schema.Hold{ID: "source:hr", Kind: schema.SourceHold, Subject: "source/hr", Plan: "5f0c", Count: 40, Reason: evil, Since: now,
				First: []schema.Deed{{Identity: ada.ID, What: evil}}}),
			store.WorkItems.Put(tx, schema.WorkItem{Connector: "wiki", Identity: ada.ID, UserName: "ada@example.com", Plan: "5f0c55555", What: evil, Opened: now, Due: now.Add(-time.Hour),
				Steps: []schema.WorkStep{{Verb: "revoke", Entitlements: []string{evil}}}, Assignee: evil}),
			store.Runs.Put(tx, schema.Run{ID: "01900000-0000-7000-8000-00000000000a", Sweep: "drift", Started: now, Ended: now.Add(time.Second), Looked: 61, Found: 1, Problem: evil}),
			store.ProposalGroups.Put(tx, schema.ProposalGroup{ID: "grant:engineer", Change: "grant", Roles: []string{"engineer"}, Count: 1, Reason: evil, Since: now, Plan: "77"}),
			store.Proposals.Put(tx, schema.Proposal{ID: "p1", Identity: ada.ID, Connector: "wiki", Entitlement: "readers", Change: "grant", Roles: []string{"engineer"},
				Reason: evil, Group: "grant:engineer", Opened: now, State: "open"}),
			store.Reviews.Put(tx, schema.Review{ID: "01900000-0000-7000-8000-0000000000aa", Kind: schema.ReviewRole, Of: "engineer", By: "token/" + evil, Reason: evil, Opened: now,
				Due: now.Add(time.Hour), Overdue: "escalate", Reviewer: schema.ByOwner, State: schema.ReviewOpen, Items: 1}),
			store.ReviewItems.Put(tx, schema.ReviewItem{Review: "01900000-0000-7000-8000-0000000000aa", Identity: ada.ID, Holding: "role/engineer", Gives: []string{"wiki/readers"},
				Because: evil, State: schema.ItemOpen, Awaits: []string{"identity/" + iam.ID}, Department: evil, Unseen: []string{"wiki"}}),
			store.Policies.Put(tx, store.PolicyVersion{Digest: w.rules.Book().Digest(), Published: now, By: "token/" + evil, Files: map[string]string{"policy.yaml": documents + "# " + evil}}),
			store.Halts.Put(tx, schema.Halt{Connector: "*", By: "token/admin", Reason: evil, At: now}),
		}
		for _, err := range puts {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ada
}

// A browser is somebody's, with its cookies.
type browser struct {
	w    *world
	http *http.Client
	form string // the token of forms, as the last page had it
}

// opens returns a browser in which nobody is logged in.
func (w *world) opens() *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, http: &http.Client{Jar: jar}}
}

// as returns a browser in which somebody logged in with their token.
func (w *world) as(name string) *browser {
	w.t.Helper()
	b := w.opens()
	if status, text := b.post("/console/login", url.Values{"token": {secretOf(name).Reveal()}}); status != http.StatusOK {
		w.t.Fatalf("log in as %s: %d\n%s", name, status, text)
	}
	return b
}

var formToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

// An answer is what came back, but for its text.
type answer struct {
	StatusCode int
	Header     http.Header
	Cookies    []*http.Cookie
}

func (b *browser) do(req *http.Request) (answer, string) {
	b.w.t.Helper()
	res, err := b.http.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if found := formToken.FindSubmatch(text); found != nil {
		b.form = string(found[1])
	}
	return answer{res.StatusCode, res.Header, res.Cookies()}, strings.ReplaceAll(string(text), "<wbr>", "") // a place to break is no text
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.w.t.Helper()
	req, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("Origin", b.w.url)
	}
	return req
}

// at is an address as the browser goes to it.
func (b *browser) at(to string) string {
	if strings.HasPrefix(to, "/") {
		return b.w.url + to
	}
	return to
}

// get loads a page.
func (b *browser) get(path string) (status int, text string) {
	b.w.t.Helper()
	res, text := b.do(b.request(http.MethodGet, path, nil))
	return res.StatusCode, text
}

// shows fails unless the page has all of these.
func (b *browser) shows(path string, all ...string) string {
	b.w.t.Helper()
	status, text := b.get(path)
	if status != http.StatusOK {
		b.w.t.Fatalf("%s: %d\n%s", path, status, text)
	}
	for _, want := range all {
		if !strings.Contains(text, want) {
			b.w.t.Errorf("%s does not show %q\n%s", path, want, text)
		}
	}
	return text
}

// post sends a form as it is.
func (b *browser) post(path string, form url.Values) (status int, text string) {
	b.w.t.Helper()
	res, text := b.do(b.request(http.MethodPost, path, form))
	return res.StatusCode, text
}

// sends sends a form that the page at back had.
func (b *browser) sends(path, back string, fields ...string) string {
	b.w.t.Helper()
	form := url.Values{"form": {b.form}, "back": {back}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	status, text := b.post(path, form)
	if status != http.StatusOK {
		b.w.t.Fatalf("POST %s: %d\n%s", path, status, text)
	}
	return text
}
