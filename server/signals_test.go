package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"drawbridge/access"
	"drawbridge/policy/booktest"
	"drawbridge/server"
	"drawbridge/server/issuer"
	"drawbridge/server/issuer/issuertest"
	"drawbridge/store"
)

const (
	itsmSecret = "itsm-secret-0123456789"
	idpSecret  = "idp-secret-0123456789"
)

const outside = documents + `
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: itsm, owner: { user: it, deputy: it2 } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [ticket] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: idp, owner: { user: it, deputy: it2 } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [risk] }
`

// signalling has a server take signals from itsm, and from idp those that an
// issuer signed.
func signalling(t *testing.T, i *issuertest.Issuer) func(*server.Options) {
	t.Helper()
	book := booktest.Compile(t, outside)
	transport := &http.Transport{}
	issuers, err := issuer.New([]issuer.Config{{
		Name: "idp", Issuer: i.URL, Audience: []string{"bridge"}, Algorithms: []string{"ES256"},
		Leeway: time.Minute, Refresh: time.Hour, Stale: 24 * time.Hour, Caller: "sub", Events: []string{"idp", "hr"},
	}}, issuer.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); issuers.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; transport.CloseIdleConnections() })
	return func(o *server.Options) {
		o.Rules, o.Issuers = access.NewRules(book, nil), issuers
		o.Credentials = append(o.Credentials,
			server.Credential{Name: "itsm", Source: "itsm", Secret: itsmSecret}, server.Credential{Name: "idp", Source: "idp", Secret: idpSecret})
	}
}

func (w *world) push(t *testing.T, secret, kind, body string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/signals/v1/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", kind)
	return w.send(t, req)
}

// TestSignalsAsJSON proves R-REV-3.
func TestSignalsAsJSON(t *testing.T) {
	w := newWorld(t, signalling(t, issuertest.New(t)))
	const at = `"occurredAt":"2026-01-02T03:04:05Z"`
	for _, test := range []struct {
		name, secret, kind, body string
		status                   int
		want                     string // in the answer
	}{
		{"a ticket", itsmSecret, "application/json", `{"id":"1",` + at + `,"ticket":{"id":"CHG-1","kind":"change","state":"approved","priority":2,"windowEnd":"2026-02-01T00:00:00Z"}}`, 202, `"accepted":1`},
		{"again", itsmSecret, "application/json; charset=utf-8", `{"id":"1",` + at + `,"ticket":{"id":"CHG-1","state":"closed"}}`, 202, `"repeated":1`},
		{"a list", itsmSecret, "application/json", `{"signals":[{"id":"2",` + at + `,"alive":true},{"id":"1",` + at + `,"alive":true}]}`, 202, `{"accepted":1,"repeated":1}`},
		{"beyond its authority", itsmSecret, "application/json", `{"id":"3",` + at + `,"risk":{"kind":"x","open":true},"subject":{"email":"a@b"}}`, 202, `"accepted":1`},
		{"one of a list is wrong", itsmSecret, "application/json", `{"signals":[{"id":"4",` + at + `,"alive":true},{"id":"5","alive":true}]}`, 400, "when it occurred"},
		{"no JSON", itsmSecret, "application/json", `{`, 400, ""},
		{"two in one", itsmSecret, "application/json", `{"id":"6",` + at + `,"alive":true}{}`, 400, "behind"},
		{"a field that is none", itsmSecret, "application/json", `{"id":"6",` + at + `,"tickets":{}}`, 400, "tickets"},
		{"two topics", itsmSecret, "application/json", `{"id":"6",` + at + `,"alive":true,"ticket":{"id":"x"}}`, 400, "exactly one"},
		{"nobody's risk", idpSecret, "application/json", `{"id":"6",` + at + `,"risk":{"kind":"x","open":true}}`, 400, "subject"},
		{"open or over", idpSecret, "application/json", `{"id":"6",` + at + `,"risk":{"kind":"x"},"subject":{"id":"1"}}`, 400, "risk.open"},
		{"another form", itsmSecret, "text/plain", `x`, 415, "application/json"},
		{"too long", itsmSecret, "application/json", `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, 413, ""},
		{"a source of people", sourceSecret, "application/json", `{"id":"1",` + at + `,"alive":true}`, 403, "protocol: signals"},
		{"a caller", adminSecret, "application/json", `{}`, 403, "are for sources"},
		{"nobody", "nobody", "application/json", `{}`, 401, ""},
	} {
		res, body := w.push(t, test.secret, test.kind, test.body)
		if res.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s: got %d %s, want %d and %s", test.name, res.StatusCode, body, test.status, test.want)
		}
		if test.status >= 400 {
			checkProblem(t, res, body)
		}
	}
	err := w.store.View(t.Context(), func(r store.Reader) error {
		got, err := store.Tickets.Get(r, "chg-1", "itsm")
		if got.State != "approved" || *got.Priority != 2 {
			t.Errorf("got %+v", got)
		}
		if _, err := store.Receipts.Get(r, "itsm", "4"); err == nil {
			t.Error("of a list that is refused something was taken")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSecurityEventTokens pushes tokens as RFC 8935 has it. R-REV-5.
func TestSecurityEventTokens(t *testing.T) {
	i := issuertest.New(t)
	w := newWorld(t, signalling(t, i))
	ada := w.hire(t, "ada")
	const disabled, enabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled", "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
	sign := func(typ, event string, more map[string]any) string {
		claims := map[string]any{
			"iss": i.URL, "aud": []string{"bridge"}, "iat": time.Now().Unix(), "jti": "t-1",
			"sub_id": map[string]any{"format": "email", "email": "ada@example.com"},
			"events": map[string]any{event: map[string]any{"event_timestamp": time.Now().Unix()}},
		}
		for name, value := range more {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		kid, key := i.Key()
		return issuertest.Sign(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: kid}, claims, map[jose.HeaderKey]any{jose.HeaderType: typ})
	}
	const typ = "secevent+jwt"
	good := sign(typ, disabled, nil)
	parts := strings.Split(good, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	signature[5] ^= 1
	_, key := issuertest.New(t).Key()
	strange := issuertest.Sign(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: "strange"}, map[string]any{"iss": i.URL, "aud": "bridge"}, map[jose.HeaderKey]any{jose.HeaderType: typ})
	for _, test := range []struct {
		name, secret, token string
		want                string // the error, none where it is taken
		open                bool   // ada is at risk then
	}{
		{"an access token", idpSecret, sign("jwt", disabled, nil), "invalid_request", false},
		{"another's signature", idpSecret, parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature), "authentication_failed", false},
		{"a strange key", idpSecret, strange, "invalid_key", false},
		{"a strange issuer", idpSecret, sign(typ, disabled, map[string]any{"iss": "https://other.example.com"}), "invalid_issuer", false},
		{"another source", itsmSecret, good, "invalid_issuer", false},
		{"another audience", idpSecret, sign(typ, disabled, map[string]any{"aud": "elsewhere"}), "invalid_audience", false},
		{"no jti", idpSecret, sign(typ, disabled, map[string]any{"jti": nil}), "invalid_request", false},
		{"no iat", idpSecret, sign(typ, disabled, map[string]any{"iat": nil}), "invalid_request", false},
		{"no events", idpSecret, sign(typ, disabled, map[string]any{"events": nil}), "invalid_request", false},
		{"no token", idpSecret, "x", "invalid_request", false},
		{"a source of people", sourceSecret, sign(typ, disabled, map[string]any{"jti": "t-9"}), "access_denied", false},
		{"of tomorrow", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-10", "events": map[string]any{disabled: map[string]any{"event_timestamp": time.Now().AddDate(0, 0, 1).Unix()}}}), "invalid_request", false},
		{"issued tomorrow", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-11", "iat": time.Now().AddDate(0, 0, 1).Unix()}), "invalid_request", false},
		{"an event that is no object", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-12", "events": map[string]any{disabled: "x"}}), "invalid_request", false},
		{"too many events", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-13", "events": map[string]any{"a": nil, "b": nil, "c": nil, "d": nil, "e": nil, "f": nil, "g": nil, "h": nil, "i": nil}}), "invalid_request", false},
		{"disabled", idpSecret, good, "", true},
		{"enabled", idpSecret, sign(typ, enabled, map[string]any{"jti": "t-2"}), "", false},
		{"replayed", idpSecret, good, "", false},
		{"by its account", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-3", "sub_id": map[string]any{"format": "account", "uri": "acct:ada"}}), "", true},
		{"over again", idpSecret, sign(typ, enabled, map[string]any{"jti": "t-4", "sub_id": map[string]any{"format": "iss_sub", "iss": i.URL, "sub": "x-ada"}}), "", false},
		{"another issuer's sub", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-5", "sub_id": map[string]any{"format": "iss_sub", "iss": "https://other", "sub": "x-ada"}}), "", false},
		{"a complex subject", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-6", "sub_id": map[string]any{
			"format": "complex", "user": map[string]any{"format": "opaque", "id": ada}}}), "", true},
		{"a stranger", idpSecret, sign(typ, disabled, map[string]any{"jti": "t-7", "sub_id": map[string]any{"format": "email", "email": "eve@example.com"}}), "", true},
		{"an event that means nothing here", idpSecret, sign(typ, "https://schemas.openid.net/secevent/ssf/event-type/verification", map[string]any{"jti": "t-8"}), "", true},
	} {
		res, body := w.push(t, test.secret, "application/secevent+jwt", test.token)
		var told struct{ Err, Description string }
		if test.want == "" && (res.StatusCode != http.StatusAccepted || body != "") {
			t.Errorf("%s: got %d %s, want 202 and nothing", test.name, res.StatusCode, body)
		} else if test.want != "" {
			if err := json.Unmarshal([]byte(body), &told); err != nil || res.StatusCode != http.StatusBadRequest || told.Err != test.want || told.Description == "" {
				t.Errorf("%s: got %d %s, want 400 and %s", test.name, res.StatusCode, body, test.want)
			}
		}
		if got := w.atRisk(t, ada); got != test.open {
			t.Errorf("%s: at risk %v, want %v", test.name, got, test.open)
		}
	}
}

// hire has hr tell of somebody.
func (w *world) hire(t *testing.T, name string) string {
	t.Helper()
	res, body := w.do(t, "POST", "/scim/v2/Users", sourceSecret,
		`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+`","externalId":"x-`+name+`","emails":[{"value":"`+name+`@example.com","primary":true}],"active":true}`)
	var created struct{ ID string }
	if err := json.Unmarshal([]byte(body), &created); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatal(res.StatusCode, body, err)
	}
	return created.ID
}

func (w *world) atRisk(t *testing.T, identity string) (open bool) {
	t.Helper()
	err := w.store.View(t.Context(), func(r store.Reader) error {
		for k, err := range store.Risks.All(r, identity) {
			if err != nil {
				return err
			}
			open = open || k.Open
			if k.Source != "idp" || k.Kind != "account-disabled" {
				t.Errorf("got %+v", k)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return open
}
