package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/store"
)

// grant asks for an access token, in the form unless basic says otherwise.
func (w *world) grant(t *testing.T, form url.Values, basic ...string) (answer, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if len(basic) == 2 {
		req.SetBasicAuth(url.QueryEscape(basic[0]), url.QueryEscape(basic[1]))
	}
	res, err := w.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer{res.StatusCode, res.Header}, body
}

func credentialsOf(id, secret string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
}

// accessToken is one for a credential that is right.
func (w *world) accessToken(t *testing.T, id, secret string) string {
	t.Helper()
	res, body := w.grant(t, credentialsOf(id, secret))
	token, _ := body["access_token"].(string)
	if res.StatusCode != http.StatusOK || token == "" || body["token_type"] != "Bearer" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, body)
	}
	return token
}

func TestAccessTokensStandForCredentials(t *testing.T) {
	w := newWorld(t)
	secret, tok := w.issue(t, schema.Token{Source: "hr"})
	scim := func(token string) int {
		t.Helper()
		res, _ := w.do(t, "GET", "/scim/v2/Nothing", token, "")
		return res.StatusCode
	}
	byID, bySource, configured := w.accessToken(t, tok.ID, secret), w.accessToken(t, "hr", secret), w.accessToken(t, "hr", sourceSecret)
	for name, token := range map[string]string{"by the token's id": byID, "by the source's name": bySource, "of a configured token": configured} {
		if got := scim(token); got != http.StatusNotFound {
			t.Errorf("%s: %d", name, got)
		}
		if res, _ := w.do(t, "GET", "/api/v1/nothing", token, ""); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s, at the API: %d", name, res.StatusCode)
		}
		for _, wrong := range []string{token + "A", token[:len(token)-4] + "AAAA", strings.Replace(token, "dbs_", "dbs_x", 1), "dbs_" + tok.ID + "_zzzzzz_"} {
			if got := scim(wrong); got != http.StatusUnauthorized {
				t.Errorf("%s, forged: %d", name, got)
			}
		}
		if res, _ := w.grant(t, credentialsOf("hr", token)); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s, an access token gave another one: %d", name, res.StatusCode)
		}
	}
	if res, body := w.grant(t, url.Values{"grant_type": {"client_credentials"}}, "hr", sourceSecret); res.StatusCode != http.StatusOK || body["expires_in"] != 3600.0 {
		t.Errorf("in the header: %d %v", res.StatusCode, body)
	}
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) }); err != nil {
		t.Fatal(err)
	}
	if got := scim(byID); got != http.StatusUnauthorized {
		t.Errorf("after its credential was revoked: %d", got)
	}
	if err := w.server.Use([]server.Credential{{Name: "hr", Source: "hr", Secret: "another-secret-0123456789"}}); err != nil {
		t.Fatal(err)
	}
	if got := scim(configured); got != http.StatusUnauthorized {
		t.Errorf("after its secret was changed: %d", got)
	}
	for _, token := range []string{byID, configured} {
		if strings.Contains(w.log.String(), token) {
			t.Error("an access token is in the log")
		}
	}
}

func TestAccessTokensEndWithTheirCredential(t *testing.T) {
	w := newWorld(t)
	secret, _ := w.issue(t, schema.Token{Source: "hr", Expires: time.Now().Add(20 * time.Minute)})
	res, body := w.grant(t, credentialsOf("hr", secret))
	if life, _ := body["expires_in"].(float64); res.StatusCode != http.StatusOK || life > 1200 || life < 1100 {
		t.Errorf("%d %v", res.StatusCode, body)
	}
}

// TestARowThatIsChanged has somebody write into the store who has no key.
func TestARowThatIsChanged(t *testing.T) {
	w := newWorld(t)
	secret, tok := w.issue(t, schema.Token{Source: "hr"})
	brief := w.accessToken(t, "hr", secret)
	tok.Source, tok.Name, tok.Role = "", "root", "admin"
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return store.Tokens.Put(tx, tok) }); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"the token": secret, "its access token": brief} {
		if res, _ := w.do(t, "GET", "/api/v1/nothing", token, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

func TestClientsThatGetNoAccessToken(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits.Failed = -1 })
	expired, _ := w.issue(t, schema.Token{Source: "hr"})
	caller, callerToken := w.issue(t, schema.Token{Name: "ci", Role: "admin"})
	for _, test := range []struct {
		name   string
		form   url.Values
		basic  []string
		status int
		code   string
	}{
		{"a wrong secret", credentialsOf("hr", "wrong-secret-0123456789"), nil, 401, "invalid_client"},
		{"a wrong secret of an id", credentialsOf("hr", expired+"x"), nil, 401, "invalid_client"},
		{"another source", credentialsOf("payroll", sourceSecret), nil, 401, "invalid_client"},
		{"no id", credentialsOf("", sourceSecret), nil, 401, "invalid_client"},
		{"an API token", credentialsOf(callerToken.ID, caller), nil, 401, "invalid_client"},
		{"nobody", url.Values{"grant_type": {"client_credentials"}}, nil, 401, "invalid_client"},
		{"a wrong secret in the header", url.Values{"grant_type": {"client_credentials"}}, []string{"hr", "wrong"}, 401, "invalid_client"},
		{"no grant", url.Values{"client_id": {"hr"}, "client_secret": {sourceSecret}}, nil, 400, "invalid_request"},
		{"another grant", url.Values{"grant_type": {"password"}, "client_id": {"hr"}, "client_secret": {sourceSecret}}, nil, 400, "unsupported_grant_type"},
		{"a parameter twice", url.Values{"grant_type": {"client_credentials", "client_credentials"}}, nil, 400, "invalid_request"},
		{"an endless form", url.Values{"grant_type": {strings.Repeat("a", 1<<16)}}, nil, 400, "invalid_request"},
	} {
		res, body := w.grant(t, test.form, test.basic...)
		if res.StatusCode != test.status || body["error"] != test.code || body["access_token"] != nil {
			t.Errorf("%s: %d %v, want %d %s", test.name, res.StatusCode, body, test.status, test.code)
		}
		if got := res.Header.Get("WWW-Authenticate"); (got != "") != (test.basic != nil) {
			t.Errorf("%s: WWW-Authenticate %q", test.name, got)
		}
	}
	for _, basic := range [][]string{{"hr", sourceSecret}, {"payroll", "wrong-secret-0123456789"}} {
		if res, body := w.grant(t, credentialsOf("hr", sourceSecret+"x"), basic...); res.StatusCode != http.StatusBadRequest || body["error"] != "invalid_request" {
			t.Errorf("one client in the header and another in the form: %d %v", res.StatusCode, body)
		}
	}
	if res, body := w.grant(t, credentialsOf("hr", sourceSecret), "hr", sourceSecret); res.StatusCode != http.StatusOK {
		t.Errorf("the same client in both: %d %v", res.StatusCode, body)
	}
	if res, _ := w.do(t, "POST", "/oauth2/token?grant_type=client_credentials&client_id=hr&client_secret="+sourceSecret, "", "{}"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("in the query: %d", res.StatusCode)
	}
	if strings.Contains(w.log.String(), sourceSecret) {
		t.Error("a secret is in the log")
	}
	limited := newWorld(t, func(o *server.Options) { o.Limits.Failed = 1 })
	limited.grant(t, credentialsOf("hr", "wrong"))
	if res, _ := limited.grant(t, credentialsOf("hr", "wrong")); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("guessing is answered with %d", res.StatusCode)
	}
}
