package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

const secret = "the-client's-secret"

// A service wants a token that its own endpoint gave out last.
type service struct {
	*httptest.Server
	fetched atomic.Int64
	refuse  func(w http.ResponseWriter) bool // answers for a token instead
	life    int
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{life: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if s.refuse != nil && s.refuse(w) {
			return
		}
		id, password, basic := r.BasicAuth()
		if !basic {
			id, password = r.FormValue("client_id"), r.FormValue("client_secret")
		}
		w.Header().Set("Content-Type", "application/json")
		if id != "bridge" || password != secret && password != "the-client%27s-secret" || r.FormValue("scope") != "read write" {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "you sent " + password})
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": %d}`, s.fetched.Add(1), s.life)
	})
	mux.HandleFunc("GET /api/thing", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", s.fetched.Load()) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *service) client(t *testing.T, change ...func(*connectors.Options)) *web.Client {
	t.Helper()
	p := connectors.DefaultProfile()
	p.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: s.URL + "/token", Scopes: []string{"read", "write"}}
	o := connectors.Options{Config: connectors.Config{BaseURL: s.URL + "/api/", Profile: p, Auth: connectors.Auth{User: "bridge", Secret: secret}}}.Defaults()
	for _, c := range change {
		c(&o)
	}
	c, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(ctx context.Context, c *web.Client) (int, error) {
	a, err := c.Do(ctx, web.Request{Method: http.MethodGet, Path: "/thing"})
	return a.Status, err
}

func TestATokenIsFetchedOnceAndKept(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if status, err := get(t.Context(), c); status != 200 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
		})
	}
	group.Wait()
	if n := s.fetched.Load(); n != 1 {
		t.Errorf("%d tokens were fetched for twenty at once, want 1", n)
	}
	s.fetched.Add(1) // the one that is kept is revoked
	if status, err := get(t.Context(), c); status != 200 || err != nil {
		t.Errorf("after the token was revoked: %d, %v, want another fetched", status, err)
	}
}

func TestATokenThatExpiresIsFetchedAnew(t *testing.T) {
	s := newService(t)
	s.life = 1 // less than what is kept for the way there
	c := s.client(t)
	for range 3 {
		if status, err := get(t.Context(), c); status != 200 || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
	}
	if n := s.fetched.Load(); n < 3 {
		t.Errorf("%d tokens were fetched, want one each time", n)
	}
}

// TestATokenThatCannotBeHad says so, as what passes, and not what is secret.
func TestATokenThatCannotBeHad(t *testing.T) {
	for name, refuse := range map[string]func(http.ResponseWriter) bool{
		"a refusal": func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "you sent %s"}`, secret)
			return true
		},
		"no JSON":   func(w http.ResponseWriter) bool { _, _ = fmt.Fprint(w, "<html>"+secret); return true },
		"no token":  func(w http.ResponseWriter) bool { _, _ = fmt.Fprint(w, "{}"); return true },
		"an error":  func(w http.ResponseWriter) bool { http.Error(w, secret, http.StatusBadGateway); return true },
		"no answer": func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) },
		"a redirect": func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
	} {
		s := newService(t)
		s.refuse = refuse
		_, err := get(t.Context(), s.client(t))
		if err == nil || connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) == 0 || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, kind %d after %v, want it transient, known not to have been sent, and without the secret",
				name, err, connectors.KindOf(err), connectors.RetryAfter(err))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(ctx, newService(t).client(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestWhatIsRefusedBeforeAnythingIsSent(t *testing.T) {
	s := newService(t)
	for name, c := range map[string]struct {
		change func(*connectors.Options)
		want   string
	}{
		"a token's address that is none": {func(o *connectors.Options) { o.Profile.Auth.TokenURL = "token" }, "auth.tokenURL"},
		"a token's address without TLS":  {func(o *connectors.Options) { o.Profile.Auth.TokenURL = "http://id.example/token" }, "unencrypted"},
		"a target's address without TLS": {func(o *connectors.Options) { o.BaseURL = "http://api.example" }, "unencrypted"},
		"a password in the address":      {func(o *connectors.Options) { o.BaseURL = "https://a:b@api.example" }, "neither user"},
		"a service account that is none": {func(o *connectors.Options) { o.Profile.Auth.Scheme = connectors.AuthJWT }, "auth.serviceAccount"},
		"a service account without its key": {func(o *connectors.Options) {
			o.Profile.Auth.Scheme = connectors.AuthJWT
			o.Auth.Secret = `{"client_email": "a", "private_key": "b"}`
		}, "no key in PEM"},
	} {
		p := connectors.DefaultProfile()
		p.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: s.URL + "/token"}
		o := connectors.Options{Config: connectors.Config{BaseURL: s.URL, Profile: p, Auth: connectors.Auth{User: "bridge", Secret: secret}}}
		c.change(&o)
		if _, err := web.New(o); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLinks(t *testing.T) {
	c := newService(t).client(t, func(o *connectors.Options) { o.BaseURL = "https://api.example/v1"; o.Transport = echo{} })
	for link, want := range map[string]string{
		"https://api.example/v1/people?page=2": "/v1/people?page=2",
		"/v1/people?page=2":                    "/v1/people?page=2",
		"https://api.example:8443/v1/people":   "",
		"http://api.example/v1/people":         "",
		"//elsewhere.example/v1/people":        "",
		"https://a@api.example/v1/people":      "",
	} {
		r, err := c.Follow(link)
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", link, err)
		}
		if err == nil && r.String() != "GET /v1/people" {
			t.Errorf("%s reads %s", link, r)
		}
	}
}

// echo answers nothing.
type echo struct{}

func (echo) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "": 0, "soon": 0, "99999999999999999": 24 * time.Hour,
		"Thu, 26 Nov 2026 12:01:00 GMT": time.Minute, "Thu, 26 Nov 2026 11:00:00 GMT": 0, "Fri, 26 Nov 2027 12:00:00 GMT": 24 * time.Hour,
	} {
		if got := web.RetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for name, c := range map[string]struct {
		after, date string
		want        time.Duration
	}{
		"an hour ahead":  {"Thu, 26 Nov 2026 13:01:00 GMT", "Thu, 26 Nov 2026 13:00:00 GMT", time.Minute},
		"an hour behind": {"Thu, 26 Nov 2026 11:01:00 GMT", "Thu, 26 Nov 2026 11:00:00 GMT", time.Minute},
		"seconds":        {"7", "Thu, 26 Nov 2026 13:00:00 GMT", 7 * time.Second},
		"no clock":       {"Thu, 26 Nov 2026 12:01:00 GMT", "now", time.Minute},
		"nothing":        {"", "Thu, 26 Nov 2026 13:00:00 GMT", 0},
	} {
		h := http.Header{"Retry-After": {c.after}, "Date": {c.date}}
		if got := web.Wait(h, now); got != c.want {
			t.Errorf("the target's clock is %s: %v, want %v", name, got, c.want)
		}
	}
}
