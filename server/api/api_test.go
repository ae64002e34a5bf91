package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/access/tokens"
	"drawbridge/connectors"
	"drawbridge/notice"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/api"
	"drawbridge/store"
)

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
metadata: { name: hr, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki@example.com, deputy: wiki2@example.com } }
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
metadata: { name: engineer, owner: { user: iam@example.com, deputy: iam2@example.com } }
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

// compile compiles documents, of which a role may be refused.
func compile(t *testing.T, text string) *policy.Book {
	t.Helper()
	return booktest.CompileBut(t, "Role", text)
}

// tokenKey is what the hashes of issued tokens are keyed with.
var tokenKey = tokens.NewKey([]byte("key"))

// A world is the API over HTTP on a real store, with a credential for each role.
type world struct {
	t     *testing.T
	url   string
	http  *http.Client
	store *store.Store
	rules *access.Rules

	breaker api.BreakerView // of every connector
	tried   []string        // whom a trial was sent to
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, nil)
}

// newWorldAt is a world with targets that the API can ask.
func newWorldAt(t *testing.T, targets map[string]api.Target) *world {
	t.Helper()
	s := accesstest.Store(t)
	w := &world{t: t, store: s, rules: access.NewRules(compile(t, documents), nil)}
	o := server.Options{
		TokenKey: tokenKey,
		Store:    s, Rules: w.rules, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), PublicURL: "http://127.0.0.1", Version: "test",
		Sweeps: []string{"expiry", "drift"}, Connectors: []string{"wiki"}, Targets: targets,
		Breaker: func(string) api.BreakerView { return w.breaker }, Limits: server.Limits{API: -1},
		Trial: func(_ context.Context, to access.Addressee) []notice.Trial {
			w.tried = append(w.tried, to.To+" "+to.Address)
			return []notice.Trial{{Channel: "mail", Reaches: true}}
		},
	}
	for _, role := range schema.APIRoles() {
		o.Credentials = append(o.Credentials, server.Credential{Name: string(role), Role: role, Secret: secretOf(string(role))})
	}
	o.Credentials = append(o.Credentials, server.Credential{Name: "ada@example.com", Role: "admin", Secret: secretOf("ada")})
	o.Credentials = append(o.Credentials, server.Credential{Name: "iam@example.com", Role: "approver", Secret: secretOf("iam")})
	h, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	w.url, w.http = srv.URL, srv.Client()
	t.Cleanup(srv.Close)
	return w
}

func secretOf(role string) connectors.Secret { return connectors.Secret(role + "-secret-0123456789") }

// call sends a request as a role, decodes the answer into out unless it is nil,
// and returns the status and the body.
func (w *world) call(as, method, path, body string, out any) (status int, text string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secretOf(as).Reveal())
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			w.t.Fatalf("%s %s: %s: %v", method, path, b, err)
		}
	}
	return res.StatusCode, string(b)
}

// want fails unless the answer has the status.
func (w *world) want(status int, as, method, path, body string, out any) string {
	w.t.Helper()
	got, text := w.call(as, method, path, body, out)
	if got != status {
		w.t.Fatalf("%s %s as %s: %d, want %d: %s", method, path, as, got, status, text)
	}
	return text
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	accesstest.Update(w.t, w.store, fn)
}

// person makes an engineer with an account, who holds what the role gives.
func (w *world) person(name string) schema.Identity {
	w.t.Helper()
	var id schema.Identity
	w.update(func(tx store.Tx) (err error) {
		id = schema.Identity{
			Kind: schema.Human, UserName: name, Email: name, Active: true,
			Resource: json.RawMessage(`{"userName":"` + name + `","active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering"}}`),
		}
		id, err = access.Admit(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}, id)
		return err
	})
	w.reconcile()
	return id
}

// reconcile does what the scheduler would do with the identities that wait.
func (w *world) reconcile() {
	w.t.Helper()
	accesstest.Reconcile(w.t, w.store, w.rules)
}

func (w *world) logSize() (n int64) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
		n, err = store.LogSize(r)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// operations is every operation and who may use it, as a reader of docs/api.md
// knows it. That it is written twice is the point: a change is meant.
var operations = map[string]string{
	"GET /api/v1/sources/{name}/records":  "viewer",
	"POST /api/v1/records/{id}/join":      "operator",
	"POST /api/v1/records/{id}/split":     "operator",
	"POST /api/v1/liftings":               "approver",
	"GET /api/v1/proposals":               "viewer",
	"GET /api/v1/proposals/{id}":          "viewer",
	"POST /api/v1/proposals/{id}/release": "approver",
	"POST /api/v1/proposals/{id}/dismiss": "approver",
	"GET /api/v1/evidence/{framework}":    "auditor",
	"GET /api/v1/evidence":                "auditor",
	"GET /api/v1/notices":                 "auditor",
	"POST /api/v1/notices/test":           "operator",
	"GET /api/v1/exposure":                "viewer",
	"GET /api/v1/exposure/latest":         "viewer",
	"GET /api/v1/exposure/open":           "viewer",
	"GET /api/v1/exposure/windows":        "viewer",
	"GET /api/v1/status":                  "viewer",
	"GET /api/v1/modes":                   "viewer",
	"GET /api/v1/owners":                  "viewer",
	"GET /api/v1/halts":                   "viewer",
	"POST /api/v1/halts":                  "operator",
	"POST /api/v1/halts/resume":           "operator",

	"GET /api/v1/identities":            "viewer",
	"GET /api/v1/identities/{identity}": "viewer",
	"GET /api/v1/accounts":              "viewer",
	"GET /api/v1/assignments":           "viewer",
	"GET /api/v1/grants":                "viewer",
	"GET /api/v1/explain":               "viewer",
	"GET /api/v1/roles":                 "viewer",
	"GET /api/v1/policy":                "viewer",
	"GET /api/v1/connectors":            "viewer", "GET /api/v1/backup": "admin",
	"GET /api/v1/nhi": "viewer", "GET /api/v1/nhi/{identity}": "viewer", "GET /api/v1/nhi-report": "auditor",
	"POST /api/v1/nhi/{identity}/assign": "operator", "POST /api/v1/nhi/{identity}/rotated": "operator", "POST /api/v1/nhi/{identity}/stop": "operator",
	"POST /api/v1/nhi/{identity}/start": "approver", "POST /api/v1/nhi/{identity}/settle": "approver",
	"GET /api/v1/firings": "viewer", "POST /api/v1/reapprovals": "approver", "GET /api/v1/risks": "viewer", "POST /api/v1/risks/close": "operator",
	"GET /api/v1/lanes":      "viewer",
	"GET /api/v1/raw/{id}":   "auditor",
	"GET /api/v1/work-items": "viewer", "POST /api/v1/work-items/{connector}/{identity}/confirm": "operator",
	"POST /api/v1/work-items/{connector}/{identity}/decline": "operator",
	"GET /api/v1/holds": "viewer", "POST /api/v1/holds/{id}/release": "approver", "POST /api/v1/accounts/unpark": "operator", "POST /api/v1/accounts/replay": "operator",
	"GET /api/v1/connectors/{name}/import": "operator", "POST /api/v1/connectors/{name}/adopt": "operator", "POST /api/v1/connectors/{name}/disown": "operator",
	"GET /api/v1/connectors/{name}/ramp": "viewer", "POST /api/v1/connectors/{name}/ramp": "operator",
	"GET /api/v1/sources": "viewer", "GET /api/v1/sources/{name}/parked": "viewer", "GET /api/v1/sources/{name}/unmapped": "viewer",
	"GET /api/v1/sweeps":           "viewer",
	"GET /api/v1/runs":             "viewer",
	"GET /api/v1/findings":         "viewer",
	"GET /api/v1/decisions":        "viewer",
	"GET /api/v1/log/checkpoint":   "viewer",
	"GET /api/v1/log/horizon":      "viewer",
	"GET /api/v1/log/proofs/{seq}": "viewer",
	"GET /api/v1/log/export":       "auditor",
	"GET /api/v1/log/replay":       "auditor",
	"GET /api/v1/log/search":       "viewer",
	"POST /api/v1/policy/plan":     "operator",

	"GET /api/v1/publications":                "viewer",
	"GET /api/v1/publications/{id}":           "viewer",
	"POST /api/v1/publications":               "operator",
	"POST /api/v1/publications/{id}/approve":  "approver",
	"POST /api/v1/publications/{id}/deny":     "approver",
	"POST /api/v1/publications/{id}/withdraw": "operator",
	"POST /api/v1/publications/{id}/publish":  "operator",
	"POST /api/v1/policy/publish":             "operator",
	"GET /api/v1/policy/versions/{digest}":    "viewer",
	"GET /api/v1/readiness":                   "viewer",
	"POST /api/v1/grants":                     "admin",
	"GET /api/v1/requests":                    "viewer", "GET /api/v1/requests/{id}": "viewer", "POST /api/v1/requests": "viewer",
	"GET /api/v1/exceptions": "viewer", "POST /api/v1/exceptions": "viewer", "POST /api/v1/exceptions/{id}/end": "viewer", "POST /api/v1/exceptions/{id}/keep": "approver",
	"POST /api/v1/exceptions/{id}/approve": "approver", "POST /api/v1/exceptions/{id}/deny": "approver",
	"GET /api/v1/bypasses": "viewer", "GET /api/v1/bypasses/{id}": "viewer", "POST /api/v1/bypasses": "viewer",
	"POST /api/v1/bypasses/{id}/evidence": "viewer", "POST /api/v1/bypasses/{id}/review": "approver",
	"POST /api/v1/requests/{id}/approve": "approver", "POST /api/v1/requests/{id}/deny": "approver", "POST /api/v1/requests/{id}/withdraw": "viewer",
	"POST /api/v1/revocations":       "operator",
	"POST /api/v1/sweeps/{name}/run": "operator",
	"POST /api/v1/erasures":          "admin",
	"GET /api/v1/tokens":             "admin",
	"POST /api/v1/tokens":            "admin",
	"DELETE /api/v1/tokens/{id}":     "admin",
	"GET /api/v1/cutoffs":            "viewer", "POST /api/v1/cutoffs": "operator", "POST /api/v1/cutoffs/lift": "admin",
	"GET /api/v1/credentials": "auditor",
	"GET /api/v1/runs/{id}":   "viewer", "GET /api/v1/findings/{id}": "viewer",
	"POST /api/v1/findings/{id}/adopt": "operator", "POST /api/v1/findings/{id}/revoke": "operator", "POST /api/v1/findings/{id}/assign": "operator",
	"POST /api/v1/findings/{id}/ignore": "operator", "POST /api/v1/findings/{id}/except": "approver",
	"GET /api/v1/reviews": "viewer", "GET /api/v1/reviews/{id}": "viewer", "GET /api/v1/reviews/{id}/items": "viewer", "GET /api/v1/review-items": "viewer",
	"GET /api/v1/reviews/{id}/result": "auditor", "POST /api/v1/reviews": "operator",
	"POST /api/v1/reviews/{id}/keep": "approver", "POST /api/v1/reviews/{id}/revoke": "approver", "POST /api/v1/reviews/{id}/modify": "approver",
	"POST /api/v1/reviews/{id}/delegate": "approver", "POST /api/v1/reviews/{id}/escalate": "approver",
	"POST /api/v1/reviews/{id}/close": "approver", "POST /api/v1/reviews/{id}/sign": "approver",
}

// document is what of the OpenAPI document the tests look at.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		Role     string         `json:"x-role"`
		Security []any          `json:"security"`
		Answers  map[string]any `json:"responses"`
	} `json:"paths"`
}

func TestEveryOperationHasALeastRole(t *testing.T) {
	w := newWorld(t)
	var doc document
	text := w.want(200, "viewer", "GET", "/api/openapi.json", "", &doc)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	if strings.Contains(text, "https://") || strings.Contains(text, "ErrorModel") {
		t.Error("the document refers to elsewhere, or to errors that are none of ours")
	}
	seen := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			name := strings.ToUpper(method) + " " + path
			least, ok := operations[name]
			if !ok || op.Role != least {
				t.Errorf("%s needs %q, and the table here says %q", name, op.Role, least)
			}
			if op.Answers["default"] == nil {
				t.Errorf("%s documents no problem", name)
			}
			seen++
		}
	}
	if seen != len(operations) {
		t.Errorf("the document has %d operations, the table %d", seen, len(operations))
	}
}

func TestEachRoleMayWhatItMay(t *testing.T) {
	w := newWorld(t)
	for name, least := range operations {
		method, path, _ := strings.Cut(name, " ")
		path = strings.NewReplacer("{identity}", "nobody", "{name}", "nothing", "{id}", "nothing", "{seq}", "0").Replace(path)
		body := ""
		if method == "POST" {
			body = `{}`
		}
		for i, role := range schema.APIRoles() {
			var p struct{ Code string }
			status, text := w.call(string(role), method, path, body, nil)
			_ = json.Unmarshal([]byte(text), &p) // not every answer is JSON
			refused := status == 403 && p.Code == "role"
			if should := i < slices.Index(schema.APIRoles(), schema.APIRole(least)); refused != should {
				t.Errorf("%s as %s: %d %s; it needs %s", name, role, status, text, least)
			}
			if status >= 500 {
				t.Errorf("%s as %s: %d %s", name, role, status, text)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		code, location           string
	}{
		{"an unknown parameter", "GET", "/api/v1/identities?nme=x", "", 422, "invalid", "query.nme"},
		{"a limit too large", "GET", "/api/v1/identities?limit=501", "", 422, "invalid", "query.limit"},
		{"a forged cursor", "GET", "/api/v1/identities?cursor=!!!", "", 422, "invalid", ""},
		{"another list's cursor", "GET", "/api/v1/identities?cursor=WyJhIiwiYiJd", "", 422, "invalid", ""},
		{"nobody", "GET", "/api/v1/identities/nobody", "", 404, "not-found", ""},
		{"nothing asked", "GET", "/api/v1/grants", "", 422, "invalid", ""},
		{"half an entitlement", "GET", "/api/v1/assignments?entitlement=wiki", "", 422, "invalid", ""},
		{"a wrong state", "GET", "/api/v1/accounts?state=odd", "", 422, "invalid", "query.state"},
		{"not JSON", "POST", "/api/v1/revocations", `{"identity":`, 400, "invalid", "body"},
		{"a field too many", "POST", "/api/v1/revocations", `{"identity":"a","role":"b","reason":"c","force":true}`, 422, "invalid", "body.force"},
		{"a field too few", "POST", "/api/v1/revocations", `{"identity":"a","role":"b"}`, 422, "invalid", "body"},
		{"too much", "POST", "/api/v1/revocations", `{"identity":"` + strings.Repeat("a", 70_000) + `"}`, 413, "too-large", ""},
		{"a wrong method", "PUT", "/api/v1/roles", "", 405, "method", ""},
		{"a wrong path", "GET", "/api/v1/rolls", "", 404, "not-found", ""},
		{"no checkpoint yet", "GET", "/api/v1/log/checkpoint", "", 404, "not-found", ""},
		{"no export yet", "GET", "/api/v1/log/export", "", 404, "not-found", ""},
		{"no such sweep", "POST", "/api/v1/sweeps/odd/run", "", 404, "not-found", ""},
		{"a policy outside its folder", "POST", "/api/v1/policy/plan", `{"files":{"../x.yaml":"a: b"}}`, 422, "invalid", ""},
	} {
		var p api.Problem
		status, text := w.call("admin", test.method, test.path, test.body, &p)
		if status != test.status || p.Status != status || p.Code != test.code || p.Detail == "" {
			t.Errorf("%s: %d %s; want %d and code %s", test.name, status, text, test.status, test.code)
		}
		at := slices.ContainsFunc(p.Errors, func(f api.Fault) bool { return f.Location == test.location })
		if test.location != "" && !at {
			t.Errorf("%s: faults %+v, want one at %s", test.name, p.Errors, test.location)
		}
	}
}

func TestNothingInternalLeaks(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/identities", "/api/v1/lanes", "/api/v1/decisions", "/api/v1/log/export"} {
		var p api.Problem
		status, text := w.call("admin", "GET", path, "", &p)
		if status < 500 || strings.Contains(text, ".go") || strings.Contains(text, "/test.db") || strings.Contains(text, "bolt") {
			t.Errorf("%s with the store gone: %d %s", path, status, text)
		}
	}
}

// pages reads a whole list, a page at a time.
func pages[T any](w *world, path string) (all []T, n int) {
	w.t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	next := ""
	for {
		var list api.List[T]
		at := path
		if next != "" {
			at += join + "cursor=" + next
		}
		w.want(200, "auditor", "GET", at, "", &list)
		all = append(all, list.Items...)
		n++
		if next = list.Next; next == "" {
			return all, n
		}
		if n > 100 {
			w.t.Fatalf("%s never ends", path)
		}
	}
}

func TestListIdentities(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx store.Tx) error {
		for i := range 1200 {
			id := schema.Identity{
				ID: tx.NewID(), Source: "hr", Kind: schema.Human, UserName: fmt.Sprintf("User%04d", i), Active: i%100 == 0,
				Resource: json.RawMessage(`{}`),
			}
			if err := store.Identities.Put(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	all, n := pages[schema.Identity](w, "/api/v1/identities?limit=500")
	if len(all) != 1200 || n != 3 || !slices.IsSortedFunc(all, func(a, b schema.Identity) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("%d identities in %d pages, want 1200 in 3, by id", len(all), n)
	}
	active, _ := pages[schema.Identity](w, "/api/v1/identities?active=true&limit=5")
	if len(active) != 12 {
		t.Errorf("%d are active, want 12", len(active))
	}
	named, _ := pages[schema.Identity](w, "/api/v1/identities?userName=uSER0042")
	if len(named) != 1 || named[0].UserName != "User0042" {
		t.Errorf("by name: %+v", named)
	}
	var one api.Person
	w.want(200, "viewer", "GET", "/api/v1/identities/"+all[7].ID, "", &one)
	if one.UserName != all[7].UserName {
		t.Errorf("by id: %+v", one)
	}
}

// TestWhatIsDecidedAboutAPerson proves R-LOG-5.
func TestWhatIsDecidedAboutAPerson(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	w.person("bob@example.com")
	var one api.Person
	w.want(200, "viewer", "GET", "/api/v1/identities/ADA@example.com", "", &one)
	if one.ID != ada.ID || len(one.Assignments) != 1 || len(one.Accounts) != 1 {
		t.Fatalf("%+v", one)
	}
	for path, want := range map[string]int{
		"/api/v1/assignments?identity=ada@example.com":                          1,
		"/api/v1/assignments?identity=ada@example.com&entitlement=wiki/editors": 0,
		"/api/v1/assignments?entitlement=wiki/readers&limit=1":                  2,
		"/api/v1/assignments?limit=1":                                           2,
		"/api/v1/accounts?connector=wiki&limit=1":                               2,
		"/api/v1/accounts?connector=wiki&state=pending":                         2,
		"/api/v1/accounts?connector=wiki&state=parked":                          0,
		"/api/v1/accounts?identity=" + ada.ID:                                   1,
		"/api/v1/accounts?identity=" + ada.ID + "&state=parked":                 0,
		"/api/v1/accounts":                        2,
		"/api/v1/grants?identity=ada@example.com": 0,
		"/api/v1/findings":                        0,
	} {
		if got, _ := pages[json.RawMessage](w, path); len(got) != want {
			t.Errorf("%s: %d, want %d: %s", path, len(got), want, got)
		}
	}
	var e access.Explanation
	w.want(200, "auditor", "GET", "/api/v1/explain?identity=ada@example.com&entitlement=wiki/readers", "", &e)
	if e.Answer == "" || len(e.Roles) == 0 || len(e.Roles[0].Inputs) == 0 {
		t.Errorf("for an auditor: %+v", e)
	}
	text := w.want(200, "viewer", "GET", "/api/v1/explain?identity=ada@example.com&entitlement=wiki/readers", "", &e)
	if strings.Contains(text, `"inputs":{`) {
		t.Errorf("a viewer sees what rules read: %s", text)
	}
}

func TestRolesAndPolicy(t *testing.T) {
	w := newWorld(t)
	var roles struct {
		InForce []api.RoleView
		Refused []api.RefusedView
	}
	w.want(200, "viewer", "GET", "/api/v1/roles", "", &roles)
	if len(roles.InForce) != 2 || roles.InForce[0].Name != "editor" || roles.InForce[0].Max != "24h0m0s" || roles.InForce[1].Entitlements[0] != "wiki/readers" {
		t.Errorf("in force: %+v", roles.InForce)
	}
	if len(roles.Refused) != 1 || roles.Refused[0].Role != "unowned" || !slices.Contains(roles.Refused[0].Codes, "E-OWNER") {
		t.Errorf("refused: %+v", roles.Refused)
	}
	w.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, w.rules.Book(), "token/admin", nil)
		return err
	})
	var p api.PolicyView
	w.want(200, "viewer", "GET", "/api/v1/policy", "", &p)
	if p.Digest != w.rules.Book().Digest() || p.Roles != 2 || p.Refused != 1 || p.By != "token/admin" || p.Published.IsZero() {
		t.Errorf("policy: %+v", p)
	}
}

// TestPlanTouchesNothing proves R-PLAN-5.
func TestPlanTouchesNothing(t *testing.T) {
	w := newWorld(t)
	w.person("ada@example.com")
	before := w.logSize()
	body, err := json.Marshal(map[string]any{"files": map[string]string{
		"policy.yaml":      strings.ReplaceAll(documents, `identity.department == "Engineering"`, `identity.department == "Nowhere"`),
		"roles/broken.yml": "kind: [",
	}})
	if err != nil {
		t.Fatal(err)
	}
	var plan api.PlanReply
	w.want(200, "operator", "POST", "/api/v1/policy/plan", string(body), &plan)
	if plan.Plan.Revocations != 1 || plan.Plan.Identities != 1 || len(plan.Plan.Lines) != 1 {
		t.Errorf("plan: %+v", plan.Plan)
	}
	if !slices.ContainsFunc(plan.Findings, func(f policy.Finding) bool { return f.File == "roles/broken.yml" && f.Line > 0 }) {
		t.Errorf("findings: %v", plan.Findings)
	}
	if after := w.logSize(); after != before {
		t.Errorf("the log grew from %d to %d", before, after)
	}
}
