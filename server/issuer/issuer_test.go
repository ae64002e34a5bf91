package issuer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"drawbridge/schema"
	"drawbridge/server/issuer/issuertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const audience = "https://bridge.example.com"

// config trusts an issuer: client-1 is the source hr, and whoever is in the group
// bridge-admins is an admin.
func config(i *issuertest.Issuer) Config {
	return Config{
		Name: "idp", Issuer: i.URL, Audience: []string{audience}, Algorithms: []string{"RS256", "ES256", "EdDSA"},
		Leeway: time.Minute, Refresh: 15 * time.Minute, Stale: 24 * time.Hour, MaxLife: 24 * time.Hour, Caller: "sub",
		Sources: []Source{{"hr", map[string]string{"sub": "client-1"}}, {"both", map[string]string{"sub": "client-1", "azp": "both"}}},
		Roles: []Role{
			{schema.Viewer, map[string]string{"groups": "bridge"}},
			{schema.Admin, map[string]string{"groups": "bridge-admins"}},
			{schema.Auditor, map[string]string{"realm_access.roles": "audit"}},
		},
	}
}

// running returns issuers whose keys are kept fresh until the test ends.
func running(t *testing.T, configs ...Config) *Set {
	t.Helper()
	transport := &http.Transport{}
	s, err := New(configs, Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; transport.CloseIdleConnections() })
	return s
}

func TestWhoseATokenIs(t *testing.T) {
	i := issuertest.New(t)
	s := running(t, config(i))
	for _, test := range []struct {
		name   string
		claims map[string]any
		want   Holder
	}{
		{"a source", nil, Holder{Source: "hr", Name: "client-1"}},
		{"of several audiences", map[string]any{"aud": []string{"other", audience}}, Holder{Source: "hr", Name: "client-1"}},
		{"a role", map[string]any{"sub": "ada", "groups": []string{"staff", "bridge"}}, Holder{Role: "viewer", Name: "ada"}},
		{"the greatest of its roles", map[string]any{"sub": "ada", "groups": []string{"bridge-admins", "bridge"}}, Holder{Role: "admin", Name: "ada"}},
		{"a role by a path", map[string]any{"sub": "ada", "realm_access": map[string]any{"roles": []string{"audit"}}}, Holder{Role: "auditor", Name: "ada"}},
		{"a source with a role", map[string]any{"groups": "bridge"}, Holder{Source: "hr", Role: "viewer", Name: "client-1"}},
		{"bound to a certificate", map[string]any{"cnf": map[string]any{"x5t#S256": "abc"}}, Holder{Source: "hr", Name: "client-1", Certificate: "abc"}},
		{"within the leeway", map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()}, Holder{Source: "hr", Name: "client-1"}},
	} {
		token := i.Sign(i.Claims(audience, test.claims))
		for range 2 { // the second time it is known
			got, err := s.Verify(t.Context(), token)
			test.want.Issuer, test.want.Expires, test.want.Signed = "idp", got.Expires, got.Signed
			test.want.Marks = map[string]string{"sub": test.want.Name}
			if err != nil || !cmp.Equal(got, test.want) || got.Expires.IsZero() || got.Signed.IsZero() {
				t.Errorf("%s: %+v, %v; want %+v", test.name, got, err, test.want)
			}
		}
	}
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("keys were fetched %d times, want once", n)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	i := issuertest.New(t)
	s := running(t, config(i))
	minutes := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Minute).Unix() }
	for _, test := range []struct {
		name   string
		claims map[string]any
		why    string
	}{
		{"expired", map[string]any{"exp": minutes(-2)}, "expired"},
		{"without an end", map[string]any{"exp": nil}, "no end"},
		{"an end that is no time", map[string]any{"exp": "soon"}, "no time"},
		{"a negative end", map[string]any{"exp": -1}, "no time"},
		{"not yet", map[string]any{"nbf": minutes(5)}, "not valid yet"},
		{"made in the future", map[string]any{"iat": minutes(5)}, "not valid yet"},
		{"for too long", map[string]any{"exp": minutes(60 * 48)}, "longer"},
		{"for too long, by when it was made", map[string]any{"iat": minutes(-60 * 48), "nbf": nil}, "longer"},
		{"another audience", map[string]any{"aud": "https://other.example.com"}, "audience"},
		{"no audience", map[string]any{"aud": nil}, "audience"},
		{"an audience that is like it", map[string]any{"aud": audience + "/"}, "audience"},
		{"proof of possession that is not looked at", map[string]any{"cnf": map[string]any{"jkt": "abc"}}, "bound"},
		{"bound twice", map[string]any{"cnf": map[string]any{"x5t#S256": "abc", "jkt": "abc"}}, "bound"},
	} {
		_, err := s.Verify(t.Context(), i.Sign(i.Claims(audience, test.claims)))
		r, ok := errors.AsType[*Refusal](err)
		if !ok || !r.Signed || !strings.Contains(r.Why, test.why) {
			t.Errorf("%s: %v, want it refused because of %q", test.name, err, test.why)
		}
	}
	for name, claims := range map[string]map[string]any{
		"nobody's":                {"sub": "stranger"},
		"of two sources":          {"azp": "both"},
		"a role, with no name":    {"sub": "a/b", "groups": "bridge"},
		"a role, name is a list":  {"sub": []string{"ada"}, "groups": "bridge"},
		"a role, control letters": {"sub": "ada\nroot", "groups": "bridge"},
		"a role, endless name":    {"sub": strings.Repeat("a", 201), "groups": "bridge"},
	} {
		if h, err := s.Verify(t.Context(), i.Sign(i.Claims(audience, claims))); !errors.Is(err, ErrNoRule) || !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("%s: %+v, %v; want no rule", name, h, err)
		}
	}
}

// TestForgedTokens are the attacks that JWT libraries are known for.
func TestForgedTokens(t *testing.T) {
	i := issuertest.New(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kid, own := i.Key()
	symmetric := []byte("0123456789abcdef0123456789abcdef")
	i.Publish(
		jose.JSONWebKey{Key: own.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "rsa"},
		jose.JSONWebKey{Key: &rsaKey.PublicKey, KeyID: "rsa-enc", Use: "enc"},
		jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "weak"},
		jose.JSONWebKey{Key: edKey, KeyID: "private"},
		jose.JSONWebKey{Key: symmetric, KeyID: "symmetric", Algorithm: "HS256"},
	)
	s := running(t, config(i))
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	claims := i.Claims(audience, nil)
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	sign := func(alg jose.SignatureAlgorithm, kid string, key any, headers map[jose.HeaderKey]any) string {
		return issuertest.Sign(t, alg, jose.JSONWebKey{Key: key, KeyID: kid}, claims, headers)
	}
	good := i.Sign(claims)
	parts := strings.Split(good, ".")
	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, token := range map[string]string{
		"alg none":                              b64(`{"alg":"none","kid":"`+kid+`"}`) + "." + parts[1] + ".",
		"alg None":                              b64(`{"alg":"None"}`) + "." + parts[1] + ".",
		"no alg":                                b64(`{"kid":"`+kid+`"}`) + "." + parts[1] + "." + parts[2],
		"no signature":                          parts[0] + "." + parts[1] + ".",
		"HMAC with the public key":              sign(jose.HS256, "rsa", pemText, nil),
		"HMAC with the DER of the key":          sign(jose.HS256, "rsa", der, nil),
		"HMAC with a published secret":          sign(jose.HS256, "symmetric", symmetric, nil),
		"a stranger's key under our kid":        sign(jose.RS256, "rsa", other, nil),
		"a stranger's key, no kid":              sign(jose.RS256, "", other, nil),
		"a kid that nobody has":                 sign(jose.RS256, "nobody", rsaKey, nil),
		"the kid of another key":                sign(jose.RS256, kid, rsaKey, nil),
		"a key that is for encryption":          sign(jose.RS256, "rsa-enc", rsaKey, nil),
		"an algorithm that is not allowed":      sign(jose.RS512, "rsa", rsaKey, nil),
		"PSS with a key of RS256":               sign(jose.PS256, "rsa", rsaKey, nil),
		"a weak key":                            sign(jose.RS256, "weak", weak, nil),
		"a key published with its private half": sign(jose.EdDSA, "private", edKey, nil),
		"an embedded key": issuertest.Sign(t, jose.RS256, other, claims, map[jose.HeaderKey]any{
			"jwk": jose.JSONWebKey{Key: &other.PublicKey}, "jku": i.URL + "/evil", "x5u": i.URL + "/evil",
		}),
		"an unknown crit":   sign(jose.RS256, "rsa", rsaKey, map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}),
		"another payload":   parts[0] + "." + b64(`{"iss":"`+i.URL+`","aud":"`+audience+`","exp":9999999999,"sub":"client-1"}`) + "." + parts[2],
		"a logout token":    sign(jose.RS256, "rsa", rsaKey, map[jose.HeaderKey]any{"typ": "logout+jwt"}),
		"another issuer":    issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, map[string]any{"iss": "https://evil.example.com"}, nil),
		"no issuer":         issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, map[string]any{"sub": "client-1"}, nil),
		"an issuer list":    issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, map[string]any{"iss": []string{i.URL}}, nil),
		"claims twice":      issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, []byte(`{"iss":"`+i.URL+`","aud":"x","aud":"`+audience+`","exp":9999999999,"sub":"client-1"}`), nil),
		"claims of no kind": issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, []byte(`[1]`), nil),
		"null claims":       issuertest.Sign(t, jose.RS256, jose.JSONWebKey{Key: rsaKey, KeyID: "rsa"}, []byte(`null`), nil),
		"a huge token":      good + strings.Repeat("A", mostTokenSize),
		"four parts":        good + ".x",
		"nothing":           "..",
	} {
		h, err := s.Verify(t.Context(), token)
		r, ok := errors.AsType[*Refusal](err)
		if !ok || r.Signed {
			t.Errorf("%s: %+v, %v; want it refused, and nothing told", name, h, err)
		}
	}
	for name, token := range map[string]string{
		"good":                             good,
		"RSA by its kid":                   sign(jose.RS256, "rsa", rsaKey, nil),
		"RSA, no kid":                      sign(jose.RS256, "", rsaKey, nil),
		"an access token by name":          sign(jose.RS256, "rsa", rsaKey, map[jose.HeaderKey]any{"typ": "at+JWT"}),
		"with a jku that is not looked at": sign(jose.RS256, "rsa", rsaKey, map[jose.HeaderKey]any{"jku": "http://127.0.0.1:1/keys"}),
	} {
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysThatRotate(t *testing.T) {
	i := issuertest.New(t)
	s := running(t, config(i))
	old := i.Sign(i.Claims(audience, nil))
	if _, err := s.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	s.byIssuer[i.URL].allowAsking()
	i.Rotate()
	if _, err := s.Verify(t.Context(), i.Sign(i.Claims(audience, nil))); err != nil {
		t.Errorf("a token signed with the new key: %v", err)
	}
	if h, err := s.Verify(t.Context(), old); err == nil {
		t.Errorf("a token of a key that is published no more, which was known: %+v", h)
	}
}

// allowAsking makes as if the keys had been fetched long ago.
func (t *trusted) allowAsking() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempted = time.Now().Add(-time.Hour)
}

// TestUnknownKeysAreAskedForSeldom has many show tokens that nobody signed.
func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	i := issuertest.New(t)
	s := running(t, config(i))
	if _, err := s.Verify(t.Context(), i.Sign(i.Claims(audience, nil))); err != nil {
		t.Fatal(err)
	}
	_, key := i.Key()
	for n := range 200 {
		token := issuertest.Sign(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: fmt.Sprint("made-up-", n)}, i.Claims(audience, nil), nil)
		if _, err := s.Verify(t.Context(), token); err == nil {
			t.Fatal("a key that is not published is believed")
		}
	}
	if n := i.Fetches.Load(); n != 1 {
		t.Errorf("keys were fetched %d times within a moment, want once", n)
	}
}

func TestIssuersThatMisbehave(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"keys too many": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{}` + strings.Repeat(",{}", 200) + `]}`))
		},
		"endless keys": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[`))
			for range 200 {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
					return
				}
			}
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/keys", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := issuertest.New(t)
			token := i.Sign(i.Claims(audience, nil))
			i.Answer(answer)
			s := running(t, config(i))
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, schema.ErrUnavailable) {
				t.Errorf("before there were keys: %v, want that they are unavailable", err)
			}
			i.Answer(nil)
			s.byIssuer[i.URL].allowAsking()
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Errorf("once it behaves: %v", err)
			}
			i.Answer(answer)
			s.byIssuer[i.URL].allowAsking()
			_, key := i.Key()
			unknown := issuertest.Sign(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: "new"}, i.Claims(audience, nil), nil)
			if _, err := s.Verify(t.Context(), unknown); err == nil {
				t.Error("a key that is not known is believed")
			}
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Errorf("a key that was known, after it misbehaved again: %v", err)
			}
		})
	}
}

func TestDocumentsOfOthers(t *testing.T) {
	i := issuertest.New(t)
	for name, change := range map[string]func(*Config){
		"another name for itself": func(c *Config) { c.Issuer += "/" },
		"nobody there":            func(c *Config) { c.Issuer = "http://127.0.0.1:1" },
	} {
		c := config(i)
		change(&c)
		s := running(t, c)
		claims := i.Claims(audience, map[string]any{"iss": c.Issuer})
		if _, err := s.Verify(t.Context(), i.Sign(claims)); !errors.Is(err, schema.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := config(i)
	c.JWKS = i.URL + "/keys"
	c.Issuer = "urn:example:issuer" // no URL: its document could not be found
	s := running(t, c)
	if _, err := s.Verify(t.Context(), i.Sign(i.Claims(audience, map[string]any{"iss": c.Issuer}))); err != nil {
		t.Errorf("with the URL of its keys configured: %v", err)
	}
}

func TestSafe(t *testing.T) {
	for _, test := range []struct {
		at, issuer string
		want       bool
	}{
		{"https://idp.example.com/keys", "https://idp.example.com", true},
		{"https://cdn.example.net/keys", "https://idp.example.com", true},
		{"http://idp.example.com/keys", "https://idp.example.com", false},
		{"http://127.0.0.1:1/keys", "https://idp.example.com", false},
		{"http://127.0.0.1:1/keys", "http://127.0.0.1:1", true},
		{"http://10.0.0.1/keys", "http://127.0.0.1:1", false},
		{"https://user@idp.example.com/keys", "https://idp.example.com", false},
		{"file:///etc/passwd", "https://idp.example.com", false},
		{"", "https://idp.example.com", false},
	} {
		if got := safe(test.at, test.issuer); got != test.want {
			t.Errorf("safe(%q, %q) = %v", test.at, test.issuer, got)
		}
	}
}

func TestWellKnown(t *testing.T) {
	got := wellKnown("https://idp.example.com/tenant/")
	want := []string{"https://idp.example.com/tenant/.well-known/openid-configuration", "https://idp.example.com/.well-known/oauth-authorization-server/tenant"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	i := &issuertest.Issuer{URL: "https://idp.example.com"}
	for name, change := range map[string]func(*Config){
		"HMAC":           func(c *Config) { c.Algorithms = []string{"HS256"} },
		"none":           func(c *Config) { c.Algorithms = []string{"none"} },
		"no algorithms":  func(c *Config) { c.Algorithms = nil },
		"no audience":    func(c *Config) { c.Audience = nil },
		"no issuer":      func(c *Config) { c.Issuer = "" },
		"an open source": func(c *Config) { c.Sources = []Source{{Name: "hr"}} },
		"a role for all": func(c *Config) { c.Roles = []Role{{Role: "admin"}} },
	} {
		c := config(i)
		change(&c)
		if _, err := New([]Config{c}, Options{}); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New([]Config{config(i), config(i)}, Options{}); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("one issuer twice: %v", err)
	}
	var nobody *Set
	if _, err := nobody.Verify(t.Context(), "ey.ey.x"); err == nil {
		t.Error("no issuers trust somebody")
	}
	nobody.Run(t.Context())
}

func TestKnownIsBounded(t *testing.T) {
	k := newKnown(3)
	for n := range byte(10) {
		k.put([32]byte{n}, entry{holder: Holder{Name: fmt.Sprint(n)}})
		k.get([32]byte{0})
	}
	if len(k.byHash) != 3 || k.recent.Len() != 3 {
		t.Errorf("%d and %d are kept, want 3", len(k.byHash), k.recent.Len())
	}
	if e, ok := k.get([32]byte{0}); !ok || e.holder.Name != "0" {
		t.Error("the one that was shown most often made room")
	}
}

func TestNoTokenIsLogged(t *testing.T) {
	i := issuertest.New(t)
	var log bytes.Buffer
	s, err := New([]Config{config(i)}, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	token := i.Sign(maps.Clone(i.Claims(audience, nil)))
	if _, err := s.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	cancel()
	<-ended
	for part := range strings.SplitSeq(token, ".") {
		if strings.Contains(log.String(), part) {
			t.Error("the log has a part of a token")
		}
	}
}
