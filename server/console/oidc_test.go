package console_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/console"
	"drawbridge/server/issuer/issuertest"
	"drawbridge/server/oidc"
)

// atProvider returns a world whose people log in at an identity provider, over TLS.
func atProvider(t *testing.T) (*world, *issuertest.Provider) {
	t.Helper()
	var p *issuertest.Provider
	w := newWorld(t, func(at string, o *server.Options) {
		p = issuertest.NewProvider(t, at+console.Callback)
		o.Pages.Provider = oidc.New(oidc.Options{
			Issuer: p.URL, ClientID: p.ClientID, ClientSecret: "a secret with : and %", Redirect: at + console.Callback,
			Scopes: []string{"profile", "email"}, Person: "email", Groups: "groups", Client: p.Client,
			Roles: []oidc.Role{{Group: "staff", Role: schema.Viewer}, {Group: "approvers", Role: schema.Approver}},
		})
	})
	return w, p
}

// logsIn has the browser follow the way to the provider and back.
func (b *browser) logsIn(p *issuertest.Provider) (status int, text string) {
	b.w.t.Helper()
	b.http.Transport = p.Client.Transport
	return b.get("/console/login/oidc")
}

func iam(groups ...string) map[string]any {
	return map[string]any{"email": "IAM@example.com", "email_verified": true, "groups": groups}
}

// TestOIDCLogin logs in at a provider; what is decided then is the person's.
func TestOIDCLogin(t *testing.T) {
	t.Parallel()
	w, p := atProvider(t)
	w.full()
	p.Comes(iam("staff", "approvers"))
	b := w.opens()
	if status, text := b.logsIn(p); status != http.StatusOK || !strings.Contains(text, "iam@example.com") || !strings.Contains(text, ">approver<") {
		t.Fatalf("logging in: %d\n%s", status, text)
	}
	w.as("operator").sends("/console/requests", "/console/requests", "role", "editor", "identity", "ada@example.com", "reason", "release notes")
	inbox := b.shows("/console/inbox", "ada@example.com asks for editor")
	_, rest, _ := strings.Cut(inbox, `action="/console/requests/`)
	id, _, _ := strings.Cut(rest, "/")
	b.sends("/console/requests/"+id+"/approve", "/console/inbox", "reason", "she is right")
	w.as("auditor").shows("/console/requests/"+id, `>iam@example.com</a>`, "she is right", "everybody agreed")
	var role string
	p.Comes(iam("staff"))
	c := w.opens()
	if _, role = c.logsIn(p); !strings.Contains(role, ">viewer<") {
		t.Error("who is in another group has another role")
	}
}

// TestOIDCRefuses is of logins that look right and are not.
func TestOIDCRefuses(t *testing.T) {
	t.Parallel()
	w, p := atProvider(t)
	w.full()
	other := issuertest.New(t)
	for name, c := range map[string]struct {
		person map[string]any
		spoil  func(map[string]any)
		refuse string
		tells  string
	}{
		"no group that counts":    {person: iam("guests"), tells: "none of the groups"},
		"no groups at all":        {person: map[string]any{"email": "iam@example.com", "email_verified": true}, tells: "none of the groups"},
		"groups that are none":    {person: map[string]any{"email": "iam@example.com", "email_verified": true, "groups": map[string]any{"staff": true}}, tells: "none of the groups"},
		"an address not checked":  {person: map[string]any{"email": "iam@example.com", "email_verified": false, "groups": []string{"staff"}}, tells: "verified your email"},
		"nothing said of it":      {person: map[string]any{"email": "iam@example.com", "groups": []string{"staff"}}, tells: "verified your email"},
		"a name that is no text":  {person: map[string]any{"email": 7, "email_verified": true, "groups": []string{"staff"}}, tells: "does not say email"},
		"nobody we know":          {person: map[string]any{"email": "eve@example.com", "email_verified": true, "groups": []string{"staff"}}, tells: "no source of this bridge vouches"},
		"a machine":               {person: map[string]any{"email": "robot" + evil, "email_verified": true, "groups": []string{"staff"}}, tells: "no source of this bridge vouches"},
		"another audience":        {person: iam("staff"), spoil: func(c map[string]any) { c["aud"] = "other" }, tells: "not to be believed"},
		"several audiences":       {person: iam("staff"), spoil: func(c map[string]any) { c["aud"] = []string{"drawbridge", "other"} }, tells: "another client"},
		"another party":           {person: iam("staff"), spoil: func(c map[string]any) { c["azp"] = "other" }, tells: "another client"},
		"another issuer":          {person: iam("staff"), spoil: func(c map[string]any) { c["iss"] = other.URL }, tells: "not to be believed"},
		"another login":           {person: iam("staff"), spoil: func(c map[string]any) { c["nonce"] = "other" }, tells: "another login"},
		"no nonce":                {person: iam("staff"), spoil: func(c map[string]any) { delete(c, "nonce") }, tells: "another login"},
		"an expired token":        {person: iam("staff"), spoil: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, tells: "not to be believed"},
		"another access token":    {person: iam("staff"), spoil: func(c map[string]any) { c["at_hash"] = base64.RawURLEncoding.EncodeToString(make([]byte, 16)) }, tells: "do not belong together"},
		"somebody who said no":    {person: iam("staff"), refuse: "access_denied", tells: "access_denied"},
		"an error that is markup": {person: iam("staff"), refuse: evil, tells: "for a reason of its own"},
	} {
		p.Comes(c.person)
		p.Spoil(c.spoil)
		p.Refuse(c.refuse)
		b := w.opens()
		status, text := b.logsIn(p)
		if status < 400 || !strings.Contains(text, c.tells) || strings.Contains(text, "<script>alert") {
			t.Errorf("%s: %d, and it does not tell %q\n%s", name, status, c.tells, text)
		}
		if _, text := b.get("/console/"); !strings.Contains(text, "Continue with single sign-on") {
			t.Errorf("%s: is let in", name)
		}
	}
}

// TestOIDCKeysOfOthers is of a token that somebody else signed.
func TestOIDCKeysOfOthers(t *testing.T) {
	t.Parallel()
	w, p := atProvider(t)
	w.full()
	p.Comes(iam("staff"))
	if status, _ := w.opens().logsIn(p); status != http.StatusOK {
		t.Fatalf("logging in: %d", status)
	}
	p.Rotate() // a key that was not there when its keys were read
	if status, _ := w.opens().logsIn(p); status != http.StatusOK {
		t.Errorf("after its keys changed: %d", status)
	}
	stranger := issuertest.New(t)
	_, key := stranger.Key()
	p.Publish(jose.JSONWebKey{Key: key.Public(), KeyID: "stranger", Algorithm: "ES256", Use: "sig"})
	p.Spoil(func(map[string]any) {})
	p.Rotate()
	p.Publish(jose.JSONWebKey{Key: key.Public(), KeyID: "key-3", Algorithm: "ES256", Use: "sig"})
	if status, text := w.opens().logsIn(p); status != http.StatusBadRequest || !strings.Contains(text, "not to be believed") {
		t.Errorf("a token whose key the provider does not publish: %d", status)
	}
}

// TestOIDCCallback is of those who come back without having been sent, or twice, or in
// another browser.
func TestOIDCCallback(t *testing.T) {
	t.Parallel()
	w, p := atProvider(t)
	w.full()
	p.Comes(iam("staff"))
	b := w.opens()
	b.http.Transport = p.Client.Transport
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	away, _ := b.do(b.request(http.MethodGet, "/console/login/oidc?to=/console/roles", nil))
	at, err := url.Parse(away.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 26 {
			t.Errorf("%s is %q: too short to be a secret", name, q.Get(name))
		}
	}
	back, err := b.http.Get(at.String())
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	to := strings.TrimPrefix(back.Header.Get("Location"), w.url)
	for name, path := range map[string]string{
		"another state":  strings.Replace(to, "state=", "state=x", 1),
		"no state":       strings.Replace(to, "state=", "stage=", 1),
		"another issuer": strings.Replace(to, "iss=", "iss=https%3A%2F%2Fevil.example&was=", 1),
	} {
		other := w.opens()
		other.http.CheckRedirect = b.http.CheckRedirect
		away, _ := other.do(other.request(http.MethodGet, "/console/login/oidc", nil))
		if name == "another issuer" {
			again, err := url.Parse(away.Header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			path = strings.Replace(path, "state="+q.Get("state"), "state="+again.Query().Get("state"), 1)
		}
		if status, _ := other.get(path); status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, status)
		}
	}
	if status, _ := w.opens().get(to); status != http.StatusBadRequest {
		t.Errorf("in a browser that was not sent: %d, want 400", status)
	}
	res, _ := b.do(b.request(http.MethodGet, to, nil))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/console/roles" {
		t.Errorf("in the browser that was sent: %d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	res, _ = b.do(b.request(http.MethodGet, to, nil))
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/console/" || slices.ContainsFunc(res.Cookies, func(c *http.Cookie) bool { return c.Value != "" }) {
		t.Errorf("once more, by who is in: %d to %s with %v", res.StatusCode, res.Header.Get("Location"), res.Cookies)
	}
	b.http.Jar = nil
	if status, _ := b.get(to); status != http.StatusBadRequest {
		t.Errorf("once more, by who is not: %d, want 400", status)
	}
}

// TestOIDCSessionEndsWhenTheyLeave has a source say that somebody left: from then on
// their browser shows nothing.
func TestOIDCSessionEndsWhenTheyLeave(t *testing.T) {
	t.Parallel()
	w, p := atProvider(t)
	w.full()
	ada := w.person("grace@example.com")
	p.Comes(map[string]any{"email": "grace@example.com", "email_verified": true, "groups": "staff"})
	b := w.opens()
	if status, text := b.logsIn(p); status != http.StatusOK || !strings.Contains(text, "grace@example.com") {
		t.Fatalf("logging in: %d", status)
	}
	w.leaves(ada)
	if _, text := b.get("/console/roles"); !strings.Contains(text, "Continue with single sign-on") {
		t.Error("who left is shown pages")
	}
	if status, text := b.logsIn(p); status != http.StatusForbidden || !strings.Contains(text, "no source of this bridge vouches") {
		t.Errorf("who left logs in again: %d", status)
	}
}

// TestOIDCProviderIsDown tells so, and the bridge works without it.
func TestOIDCProviderIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(at string, o *server.Options) {
		o.Pages.Provider = oidc.New(oidc.Options{Issuer: "https://127.0.0.1:1", ClientID: "x", Redirect: at + console.Callback, Person: "email", Groups: "groups"})
	})
	if status, text := w.opens().get("/console/login/oidc"); status != http.StatusServiceUnavailable || !strings.Contains(text, "try again later") || !strings.Contains(text, "API token") {
		t.Errorf("a provider that is down: %d\n%s", status, text)
	}
}

// TestOIDCRightsAreLookedAtAgain has somebody leave the approvers while they are logged in:
// soon they may decide nothing more, without logging in anew; what a form had in it is not
// lost, and nothing of it was done.
func TestOIDCRightsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	var p *issuertest.Provider
	w := newWorld(t, func(at string, o *server.Options) {
		p = issuertest.NewProvider(t, at+console.Callback)
		o.Pages.Recheck = time.Nanosecond
		o.Pages.Provider = oidc.New(oidc.Options{
			Issuer: p.URL, ClientID: p.ClientID, ClientSecret: "a secret with : and %", Redirect: at + console.Callback,
			Scopes: []string{"profile", "email"}, Person: "email", Groups: "groups", Client: p.Client,
			Roles: []oidc.Role{{Group: "staff", Role: schema.Viewer}, {Group: "approvers", Role: schema.Approver}},
		})
	})
	w.full()
	p.Comes(iam("staff", "approvers"))
	b := w.opens()
	b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.http.Transport = p.Client.Transport
	follow := func(res answer) answer { // to the provider and back, and no further
		t.Helper()
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.at(res.Header.Get("Location")), nil)
			if err != nil {
				t.Fatal(err)
			}
			res, _ = b.do(req)
		}
		return res
	}
	away, _ := b.do(b.request(http.MethodGet, "/console/login/oidc?to=/console/roles", nil))
	if res := follow(away); res.Header.Get("Location") != "/console/roles" {
		t.Fatalf("logging in leads to %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	p.Comes(iam("staff"))
	form := url.Values{"form": {"x"}, "back": {"/console/held"}, "reason": {"typed with care"}, "plan": {"5f0c"}}
	res, _ := b.do(b.request(http.MethodPost, "/console/holds/source:hr/release", form))
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/console/login/oidc?to=%2Fconsole%2Fheld") {
		t.Fatalf("a form is answered %d, to %s", res.StatusCode, to)
	}
	away, _ = b.do(b.request(http.MethodGet, res.Header.Get("Location"), nil))
	if res = follow(away); res.Header.Get("Location") != "/console/held" {
		t.Fatalf("it leads back to %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	one, _ := b.do(b.request(http.MethodGet, "/console/login/oidc?to=/console/roles", nil))
	two, _ := b.do(b.request(http.MethodGet, "/console/login/oidc?to=/console/held", nil))
	if res = follow(one); res.StatusCode != http.StatusSeeOther {
		t.Errorf("of two pages at once, the first one back is answered %d", res.StatusCode)
	}
	if res = follow(two); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/console/" {
		t.Errorf("the other one is answered %d, to %s", res.StatusCode, res.Header.Get("Location"))
	}
	if status, _ := b.get("/console/login/callback?state=x"); status != http.StatusSeeOther {
		t.Errorf("who is in, and comes back from nowhere, is answered %d", status)
	}
	part := b.request(http.MethodGet, "/console/now", nil)
	part.Header.Set("HX-Request", "true")
	part.Header.Set("HX-Current-URL", w.url+"/console/?x=1")
	if res, _ := b.do(part); res.Header.Get("HX-Redirect") != "/console/login/oidc?to=%2Fconsole%2F%3Fx%3D1" {
		t.Errorf("a part of a page is answered %d, to %s", res.StatusCode, res.Header.Get("HX-Redirect"))
	}
}

// TestStrangersBeginFewLogins counts by address who begins to log in and does not come
// back; who is in is not counted.
func TestStrangersBeginFewLogins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(at string, o *server.Options) {
		p := issuertest.NewProvider(t, at+console.Callback)
		o.Limits.Discovery = 3
		o.Pages.Provider = oidc.New(oidc.Options{Issuer: p.URL, ClientID: p.ClientID, Redirect: at + console.Callback, Person: "email", Groups: "groups", Client: p.Client})
	})
	in := w.as("viewer")
	last := 0
	for range 5 {
		b := w.opens()
		b.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		last, _ = b.get("/console/login/oidc")
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the fifth login is answered %d, want 429", last)
	}
	in.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if status, _ := in.get("/console/login/oidc"); status != http.StatusSeeOther {
		t.Errorf("who is in is answered %d", status)
	}
}
