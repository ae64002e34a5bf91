package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/access/tokens"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/metrics"
	"drawbridge/store"
)

const documents = `
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
`

// tokenKey is what the hashes of issued tokens are keyed with.
var tokenKey = tokens.NewKey([]byte("a key of the test's own"))

// Secrets that no answer and no log line may show.
const (
	sourceSecret = "source-secret-0123456789"
	viewerSecret = "viewer-secret-0123456789"
	adminSecret  = "admin-secret-0123456789"
)

// A world is a server over HTTP on a real store, and what it logged.
type world struct {
	*httptest.Server
	server *server.Server
	secure *httptest.Server // the same, with TLS; nil until a test asks for it
	store  *store.Store
	log    *lockedBuffer
}

// lockedBuffer is written to by the server while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T, change ...func(*server.Options)) *world {
	t.Helper()
	s := accesstest.Store(t)
	w := &world{store: s, log: &lockedBuffer{}}
	o := server.Options{
		Store: s, TokenKey: tokenKey, Rules: access.NewRules(booktest.Compile(t, documents), nil), PublicURL: "https://bridge.example.com", Version: "test",
		Log:     slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: metrics.New(s, []string{"wiki"}), Sweeps: []string{"expiry"}, Connectors: []string{"wiki"},
		Credentials: []server.Credential{
			{Name: "hr", Source: "hr", Secret: sourceSecret},
			{Name: "looker", Role: "viewer", Secret: viewerSecret},
			{Name: "root", Role: "admin", Secret: adminSecret},
		},
	}
	for _, f := range change {
		f(&o)
	}
	h, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.server, w.Server = h, httptest.NewServer(h)
	t.Cleanup(w.Close)
	return w
}

// An answer is a response without its body.
type answer struct {
	StatusCode int
	Header     http.Header
}

// do sends a request with a credential, which may be none, and returns the answer
// with its body read.
func (w *world) do(t *testing.T, method, path, secret, body string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return w.send(t, req)
}

// send sends a request and returns the answer with its body read.
func (w *world) send(t *testing.T, req *http.Request) (answer, string) {
	t.Helper()
	res, err := w.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header}, string(text)
}

func (w *world) issue(t *testing.T, tok schema.Token) (secret string, got schema.Token) {
	t.Helper()
	err := w.store.Update(t.Context(), func(tx store.Tx) (err error) {
		secret, got, err = tokenKey.Issue(tx, "token/root", tok)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return secret, got
}

// TestWhoOpensWhichDoor proves R-SRC-1.
func TestWhoOpensWhichDoor(t *testing.T) {
	w := newWorld(t)
	dbSource, _ := w.issue(t, schema.Token{Source: "hr"})
	dbViewer, _ := w.issue(t, schema.Token{Name: "ci", Role: "viewer"})
	wrong := dbViewer[:len(dbViewer)-2] + "zz"
	revoked, tok := w.issue(t, schema.Token{Name: "old", Role: "admin"})
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) }); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, secret  string
		scim, api     int // 404 is inside: there is nothing at the path
		wantChallenge string
	}{
		{"nobody", "", 401, 401, `Bearer realm="drawbridge"`},
		{"a configured source", sourceSecret, 404, 403, ""},
		{"a configured viewer", viewerSecret, 403, 404, ""},
		{"a stored source", dbSource, 404, 403, ""},
		{"a stored viewer", dbViewer, 403, 404, ""},
		{"a secret nobody has", "nobodys-secret", 401, 401, `Bearer realm="drawbridge", error="invalid_token"`},
		{"a stored id with a wrong secret", wrong, 401, 401, `Bearer realm="drawbridge", error="invalid_token"`},
		{"an id nobody has", "db_0193_secret", 401, 401, `Bearer realm="drawbridge", error="invalid_token"`},
		{"a revoked token", revoked, 401, 401, `Bearer realm="drawbridge", error="invalid_token"`},
	} {
		res, body := w.do(t, "GET", "/scim/v2/Nothing", test.secret, "")
		if res.StatusCode != test.scim {
			t.Errorf("%s at /scim: %d, want %d: %s", test.name, res.StatusCode, test.scim, body)
		}
		if got := res.Header.Get("WWW-Authenticate"); got != test.wantChallenge {
			t.Errorf("%s at /scim: WWW-Authenticate %q, want %q", test.name, got, test.wantChallenge)
		}
		checkSCIMError(t, res, body)
		res, body = w.do(t, "GET", "/api/v1/nothing", test.secret, "")
		if res.StatusCode != test.api {
			t.Errorf("%s at /api: %d, want %d: %s", test.name, res.StatusCode, test.api, body)
		}
		if got := res.Header.Get("WWW-Authenticate"); got != test.wantChallenge {
			t.Errorf("%s at /api: WWW-Authenticate %q, want %q", test.name, got, test.wantChallenge)
		}
		checkProblem(t, res, body)
	}
}

// TestATokenIsRotated has a source change to another token: both open its door until the
// old one is revoked, and the new one goes on doing so.
func TestATokenIsRotated(t *testing.T) {
	w := newWorld(t)
	old, tok := w.issue(t, schema.Token{Source: "hr"})
	fresh, _ := w.issue(t, schema.Token{Source: "hr"})
	opens := func(when string, secrets map[string]int) {
		t.Helper()
		for secret, want := range secrets {
			if res, body := w.do(t, "GET", "/scim/v2/Users", secret, ""); res.StatusCode != want {
				t.Errorf("%s: %d, want %d: %s", when, res.StatusCode, want, body)
			}
		}
	}
	opens("while both are alive", map[string]int{old: 200, fresh: 200, sourceSecret: 200})
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) }); err != nil {
		t.Fatal(err)
	}
	opens("with the old one revoked", map[string]int{old: 401, fresh: 200, sourceSecret: 200})
}

func checkSCIMError(t *testing.T, res answer, body string) {
	t.Helper()
	var e struct {
		Schemas []string
		Status  string
		Detail  string
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if len(e.Schemas) != 1 || e.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || e.Status != strconv.Itoa(res.StatusCode) || e.Detail == "" {
		t.Errorf("not a SCIM error: %s", body)
	}
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/scim+json") {
		t.Errorf("Content-Type %q", got)
	}
}

func checkProblem(t *testing.T, res answer, body string) {
	t.Helper()
	var p struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if p.Type != "about:blank" || p.Title != http.StatusText(res.StatusCode) || p.Status != res.StatusCode || p.Code == "" || p.Detail == "" {
		t.Errorf("not a problem: %s", body)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
}

func TestTokensExpire(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits.API = -1 })
	expiring, _ := w.issue(t, schema.Token{Name: "ci", Role: "viewer", Expires: time.Now().Add(200 * time.Millisecond)})
	status := http.StatusNotFound
	for status == http.StatusNotFound && t.Context().Err() == nil {
		res, _ := w.do(t, "GET", "/api/v1/nothing", expiring, "")
		status = res.StatusCode
	}
	if status != http.StatusUnauthorized || !strings.Contains(w.log.String(), "has expired") {
		t.Errorf("after its end it is answered with %d", status)
	}
}

func TestRateLimits(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits = server.Limits{Source: 0.01, API: 0.01, Failed: 0.5} })
	for _, test := range []struct {
		name, path, secret string
		first              int
		check              func(*testing.T, answer, string)
	}{
		{"a source", "/scim/v2/Nothing", sourceSecret, 404, checkSCIMError},
		{"a caller", "/api/v1/nothing", viewerSecret, 404, checkProblem},
		{"a stranger", "/api/v1/nothing", "guess", 401, checkProblem},
	} {
		if res, body := w.do(t, "GET", test.path, test.secret, ""); res.StatusCode != test.first {
			t.Errorf("%s, once: %d %s", test.name, res.StatusCode, body)
		}
		res, body := w.do(t, "GET", test.path, test.secret, "")
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || res.Header.Get("Retry-After") == "0" {
			t.Errorf("%s, twice: %d, Retry-After %q", test.name, res.StatusCode, res.Header.Get("Retry-After"))
		}
		test.check(t, res, body)
	}
	if res, _ := w.do(t, "GET", "/api/v1/nothing", adminSecret, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a right credential from an address that others tried from: %d", res.StatusCode)
	}
}

func TestWhatIsMounted(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, path, secret string
		status               int
		allow                string
	}{
		{"GET", "/healthz", "", 200, ""},
		{"HEAD", "/healthz", "", 200, ""},
		{"GET", "/readyz", "", 200, ""},
		{"GET", "/metrics", "", 200, ""},
		{"GET", "/api/openapi.json", "", 200, ""},
		{"POST", "/healthz", "", 405, "OPTIONS, GET, HEAD"},
		{"GET", "/", "", 404, ""},
		{"GET", "/docs", "", 404, ""},
		{"GET", "/scim", "", 401, ""},
		{"GET", "/scimitar", "", 404, ""},
	} {
		res, body := w.do(t, test.method, test.path, test.secret, "")
		if res.StatusCode != test.status || res.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q: %s", test.method, test.path, res.StatusCode, res.Header.Get("Allow"), test.status, test.allow, body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s: %s %q, want %q", test.method, test.path, name, got, want)
			}
		}
		if res.StatusCode >= 400 && !strings.HasPrefix(test.path, "/scim/") && test.path != "/scim" {
			checkProblem(t, res, body)
		}
	}
}

func TestRequestID(t *testing.T) {
	w := newWorld(t)
	for given, kept := range map[string]bool{
		"trace-1.a_B": true, "": false, "two words": false, strings.Repeat("x", 65): false, `quote"`: false,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", given)
		res, err := w.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		got := res.Header.Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("given %q: answered %q", given, got)
		}
		if !strings.Contains(w.log.String(), "request="+got) {
			t.Errorf("the log does not have request %s", got)
		}
	}
}

func TestNotReady(t *testing.T) {
	down := errors.New("dial 10.1.2.3: the leader is being chosen")
	w := newWorld(t, func(o *server.Options) { o.Ready = func(context.Context) error { return down } })
	res, body := w.do(t, "GET", "/readyz", "", "")
	if res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "10.1.2.3") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(w.log.String(), "10.1.2.3") {
		t.Error("the log does not say why")
	}
	if res, _ := w.do(t, "GET", "/healthz", "", ""); res.StatusCode != http.StatusOK {
		t.Errorf("alive: %d", res.StatusCode)
	}
}

// TestNoSecretInLogOrAnswer proves R-NHI-9.
func TestNoSecretInLogOrAnswer(t *testing.T) {
	w := newWorld(t)
	stored, _ := w.issue(t, schema.Token{Name: "ci", Role: "viewer"})
	guess := "a-wrong-guess-987654"
	secrets := []string{sourceSecret, viewerSecret, adminSecret, stored, stored[strings.LastIndex(stored, "_"):], guess}
	var answers strings.Builder
	for _, secret := range secrets {
		for _, path := range []string{"/scim/v2/Users?filter=x&token=" + secret, "/api/v1/nothing?access_token=" + secret, "/nothing?x=" + secret} {
			for _, method := range []string{"GET", "POST", "PUT"} {
				_, body := w.do(t, method, path, secret, `{"password":"`+secret+`"}`)
				answers.WriteString(body)
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(answers.String(), secret) {
			t.Errorf("an answer shows %q", secret)
		}
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
	if !strings.Contains(w.log.String(), "credential=looker") {
		t.Error("the log does not say whose credential it was")
	}
}

func TestAShortSecretIsWarnedOf(t *testing.T) {
	w := newWorld(t, func(o *server.Options) {
		o.Credentials = append(o.Credentials, server.Credential{Name: "hasty", Role: "viewer", Secret: "letmein"})
	})
	if log := w.log.String(); !strings.Contains(log, "credential=hasty") || strings.Contains(log, "letmein") || strings.Contains(log, "credential=looker") {
		t.Errorf("the log: %s", log)
	}
}

func TestCredentialsThatCannotBe(t *testing.T) {
	for name, credentials := range map[string][]server.Credential{
		"an empty secret":    {{Name: "a", Role: "viewer"}},
		"two alike":          {{Name: "a", Role: "viewer", Secret: "s"}, {Name: "b", Source: "hr", Secret: "s"}},
		"no such role":       {{Name: "a", Role: "king", Secret: "s"}},
		"neither role":       {{Name: "a", Secret: "s"}},
		"a source with role": {{Name: "a", Source: "hr", Role: "admin", Secret: "s"}},
	} {
		_, err := server.New(server.Options{Credentials: credentials})
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

// TestASourcePushes goes the whole way in: the source that the credential names
// is whose the identity is, and the request's id is in the log.
func TestASourcePushes(t *testing.T) {
	w := newWorld(t)
	res, body := w.do(t, "POST", "/scim/v2/Users", sourceSecret,
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada@example.com","password":"a-password-to-forget"}`)
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d %s", res.StatusCode, body)
	}
	if location := res.Header.Get("Location"); !strings.HasPrefix(location, "https://bridge.example.com/scim/v2/Users/") {
		t.Errorf("Location %q", location)
	}
	err := w.store.View(t.Context(), func(r store.Reader) error {
		id, err := store.Identities.One(r, store.IdentityUserName, "hr", "ada@example.com")
		if err != nil {
			return err
		}
		tail, err := store.LogAboutBefore(r, id.ID, math.MaxInt64, 1)
		if err != nil {
			return err
		}
		want := "request/" + res.Header.Get("X-Request-Id")
		if d := tail[0].Decision; d.Subject != id.ID || len(d.Because) != 1 || d.Because[0] != want {
			t.Errorf("the decision is %+v, want it because of %s", d, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body+w.log.String(), "a-password-to-forget") {
		t.Error("the password is in the answer or the log")
	}
	res, body = w.do(t, "PUT", "/scim/v2/Users", sourceSecret, "{}")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") == "" {
		t.Errorf("a wrong method: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	checkSCIMError(t, res, body)
	_, scraped := w.do(t, "GET", "/metrics", "", "")
	for _, want := range []string{
		`drawbridge_http_requests_total{code="201",method="POST",route="/scim/v2/Users"} 1`,
		`drawbridge_decisions_total{verb="admitted"} 1`,
		`drawbridge_lane_items{lane="identity"} 1`,
	} {
		if !strings.Contains(scraped, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
