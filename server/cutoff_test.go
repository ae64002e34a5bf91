package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/server/issuer/issuertest"
)

// TestSignedTokensAreTakenBack has an operator refuse signed tokens that have not ended:
// one, those about somebody, and all that were signed before a time; and take them again.
// Who shows one was let in by it before.
func TestSignedTokensAreTakenBack(t *testing.T) {
	i := issuertest.New(t)
	w := newWorld(t, trusting(t, i))
	at := time.Now()
	sign := func(more map[string]any) string { return i.Sign(i.Claims("bridge", more)) }
	early := at.Add(-10 * time.Minute).Unix()
	tokens := map[string]string{
		"one":     sign(map[string]any{"jti": "t1", "iat": early}),
		"another": sign(map[string]any{"jti": "t2", "iat": early}),
		"later":   sign(map[string]any{"jti": "t3", "iat": at.Add(-time.Minute).Unix()}),
		"undated": sign(map[string]any{"jti": "t4", "iat": nil}),
	}
	before := at.Add(-5 * time.Minute).UTC().Format(time.RFC3339)
	for _, step := range []struct {
		does, path, body string
		status           int
		refused          map[string]bool
	}{
		{"nothing", "", "", 0, nil},
		{"one token", "/api/v1/cutoffs", `{"issuer":"idp","claim":"jti","value":"t1","reason":"it was in a log"}`, 200, map[string]bool{"one": true}},
		{"nobody's word", "/api/v1/cutoffs", `{"issuer":"idp","reason":""}`, 422, map[string]bool{"one": true}},
		{"another claim", "/api/v1/cutoffs", `{"issuer":"idp","claim":"groups","value":"x","reason":"y"}`, 422, map[string]bool{"one": true}},
		{"what is yet to come", "/api/v1/cutoffs", `{"issuer":"idp","before":"2999-01-01T00:00:00Z","reason":"y"}`, 422, map[string]bool{"one": true}},
		{"an issuer that is none", "/api/v1/cutoffs", `{"issuer":"IdP","reason":"y"}`, 404, map[string]bool{"one": true}},
		{"an issuer that is none, tried", "/api/v1/cutoffs?dryRun=true", `{"issuer":"IdP","reason":"y"}`, 404, map[string]bool{"one": true}},
		{"tried only", "/api/v1/cutoffs?dryRun=true", `{"issuer":"idp","reason":"y"}`, 200, map[string]bool{"one": true}},
		{"whom it is about", "/api/v1/cutoffs", `{"issuer":"idp","claim":"sub","value":"client-1","before":"` + before + `","reason":"y"}`, 200, map[string]bool{"one": true, "another": true, "undated": true}},
		{"less of the same", "/api/v1/cutoffs", `{"issuer":"idp","claim":"sub","value":"client-1","before":"2020-01-01T00:00:00Z","reason":"y"}`, 409, map[string]bool{"one": true, "another": true, "undated": true}},
		{"taken again", "/api/v1/cutoffs/lift", `{"issuer":"idp","claim":"sub","value":"client-1","reason":"y"}`, 200, map[string]bool{"one": true}},
		{"taken again twice", "/api/v1/cutoffs/lift", `{"issuer":"idp","claim":"sub","value":"client-1","reason":"y"}`, 404, map[string]bool{"one": true}},
		{"all", "/api/v1/cutoffs", `{"issuer":"idp","reason":"its key was copied"}`, 200, map[string]bool{"one": true, "another": true, "later": true, "undated": true}},
	} {
		if step.path != "" {
			if res, body := w.do(t, "POST", step.path, adminSecret, step.body); res.StatusCode != step.status {
				t.Fatalf("%s: %d, want %d: %s", step.does, res.StatusCode, step.status, body)
			}
		}
		for name, token := range tokens {
			want := 404
			if step.refused[name] {
				want = 401
			}
			res, body := w.do(t, "GET", "/scim/v2/Nothing", token, "")
			if res.StatusCode != want {
				t.Errorf("%s: the token %s is answered with %d, want %d: %s", step.does, name, res.StatusCode, want, body)
			}
			const told = `Bearer realm="drawbridge", error="invalid_token", error_description="it was taken back: get another one"`
			if got := res.Header.Get("WWW-Authenticate"); want == 401 && got != told {
				t.Errorf("%s: WWW-Authenticate %q", step.does, got)
			}
		}
	}
	if res, body := w.do(t, "GET", "/scim/v2/Nothing", sign(map[string]any{"iat": at.Add(30 * time.Second).Unix()}), ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a token that was signed afterwards: %d: %s", res.StatusCode, body)
	}
	for secret, whose := range map[string]bool{adminSecret: true, viewerSecret: false} { // as in the log
		if res, body := w.do(t, "GET", "/api/v1/cutoffs", secret, ""); res.StatusCode != http.StatusOK || strings.Contains(body, `"t1"`) != whose || !strings.Contains(body, `"jti"`) {
			t.Errorf("%d: whose tokens are cut off is told: want %v: %s", res.StatusCode, whose, body)
		}
	}
}
