package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// rules is a declaration whose target throttles in every way there is.
const rules = `
title: Rules
throttled: ["slow down please"]
rest:
  success: 'status / 100 == 2 && body.ok'
  errors:
    - { when: 'status == 200 && body.error == "ratelimited"', is: retry, after: 'headers["x-wait"]' }
    - { when: 'status == 403 && text.contains("secondary rate limit")', is: retry, after: 'int(headers["x-reset"]) - now' }
    - { when: 'status == 400 && body.error == "no_such_user"', is: gone }
    - { when: 'status == 400 && body.error == "name_taken"', is: exists }
    - { when: 'status == 400 && body.error == "already_suspended"', is: done }
    - { when: 'status == 500 && body.error == "nonsense"', is: permanent }
  account: { id: item.id, attributes: { userName: item.id } }
  probe: { get: /probe }
  accounts:
    list: { get: /people, items: body.people }
    read: { get: '/people/{id}', item: body.person }
    create: { post: /people, body: '{"id": attributes.userName}' }
    id: attributes.userName
    disable: { post: '/people/{id}/suspend', errors: [{ when: 'status == 418', is: done }] }
    enable: { post: '/people/{id}/resume' }
`

func TestWhatAnswersMean(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		kind   connectors.Kind
		after  time.Duration
		fine   bool
	}{
		"good":                            {200, "", `{"ok": true}`, 0, 0, true},
		"a success that is none":          {200, "", `{"ok": false, "error": "other"}`, connectors.Transient, 0, false},
		"a success that does not say":     {200, "", `{}`, connectors.Transient, 0, false},
		"a success that is no JSON":       {200, "", `<html>`, connectors.Transient, 0, false},
		"throttled with a success":        {200, "X-Wait: 30", `{"ok": false, "error": "ratelimited"}`, connectors.Transient, 30 * time.Second, false},
		"throttled with 403 until a time": {403, fmt.Sprintf("X-Reset: %d", now.Unix()+90), `{"error": "a secondary rate limit"}`, connectors.Transient, 90 * time.Second, false},
		"403 of another kind":             {403, "", `{"error": "no"}`, connectors.Permanent, 0, false},
		"throttled with 500 and text":     {500, "", `so please slow down please!`, connectors.Transient, 0, false},
		"429 with seconds":                {429, "Retry-After: 7", ``, connectors.Transient, 7 * time.Second, false},
		"503 with a date":                 {503, "Retry-After: Thu, 26 Nov 2026 12:01:00 GMT", ``, connectors.Transient, time.Minute, false},
		"a wait beyond reason":            {429, "Retry-After: 99999999999999", ``, connectors.Transient, 24 * time.Hour, false},
		"gone by a rule":                  {400, "", `{"error": "no_such_user"}`, connectors.Gone, 0, false},
		"exists by a rule":                {400, "", `{"error": "name_taken"}`, connectors.Exists, 0, false},
		"done by a rule":                  {400, "", `{"error": "already_suspended"}`, 0, 0, true},
		"permanent by a rule":             {500, "", `{"error": "nonsense"}`, connectors.Permanent, 0, false},
		"gone by its status":              {404, "", ``, connectors.Gone, 0, false},
		"exists by its status":            {409, "", ``, connectors.Exists, 0, false},
		"our credential":                  {401, "", ``, connectors.Transient, 0, false},
		"a redirect":                      {302, "Location: https://elsewhere.example/", ``, connectors.Permanent, 0, false},
		"not implemented":                 {501, "", ``, connectors.Permanent, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			target := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", now.Format(http.TimeFormat))
				if key, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(key, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			conn := open(t, profile(t, rules), target, func(o *connectors.Options) { o.Now = func() time.Time { return now } })
			err := conn.(connectors.Prober).Probe(t.Context())
			if (err == nil) != c.fine || err != nil && (connectors.KindOf(err) != c.kind || connectors.RetryAfter(err) != c.after) {
				t.Errorf("kind %d after %v: %v, want kind %d after %v", connectors.KindOf(err), connectors.RetryAfter(err), err, c.kind, c.after)
			}
		})
	}
}

func TestRulesOfOneRequest(t *testing.T) {
	target := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	conn := open(t, profile(t, rules), target)
	have := schema.Account{RemoteID: "ada", Active: true, Attributes: map[string]string{"userName": "ada"}}
	if got, err := conn.Apply(t.Context(), have, schema.Account{}); err != nil || got.Active {
		t.Errorf("disable: active %v, %v, want that 418 is done", got.Active, err)
	}
	if err := conn.(connectors.Prober).Probe(t.Context()); connectors.KindOf(err) != connectors.Permanent || err == nil {
		t.Errorf("probe: %v, want that 418 is what it is", err)
	}
}

// TestValuesNeverBecomeSyntax puts any text whatever into paths, queries and
// bodies, and wants it to arrive as it is.
func TestValuesNeverBecomeSyntax(t *testing.T) {
	const text = `
rest:
  options: { tenant: {} }
  account: { id: item.id, attributes: { userName: item.id } }
  accounts:
    list: { get: '/{options.tenant}/people', items: body }
    read: { get: '/{options.tenant}/people/x{id}y/card', query: { who: id, nothing: '""' } }
    create: { post: /people, body: '{"id": attributes.userName}' }
    disable: { delete: '/people/{id}' }
    enable: { post: '/people/{id}' }
`
	var got *http.Request
	target := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.WriteString(w, `{"id": "somebody"}`)
	})
	c := open(t, profile(t, text), target, func(o *connectors.Options) { o.Options = map[string]string{"tenant": "a/../b?c#d"} })
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.String().Filter(func(s string) bool { return connectors.Named(s) == nil }).Draw(rt, "id")
		if _, err := c.(connectors.Reader).Read(context.Background(), id); err != nil {
			rt.Fatal(err)
		}
		at := strings.Split(got.URL.EscapedPath(), "/")
		if len(at) != 6 {
			rt.Fatalf("path %q has %d parts, want 6", got.URL.EscapedPath(), len(at))
		}
		tenant, _ := url.PathUnescape(at[2])
		name, err := url.PathUnescape(at[4])
		if err != nil || tenant != "a/../b?c#d" || name != "x"+id+"y" || at[5] != "card" {
			rt.Fatalf("path %q, want %q in it: %v", got.URL.EscapedPath(), id, err)
		}
		if q := got.URL.Query(); q.Get("who") != id || len(q) != 1 || got.URL.Fragment != "" {
			rt.Fatalf("query %q, want %q alone", got.URL.RawQuery, id)
		}
	})
	for _, id := range []string{"", ".", ".."} {
		before := got
		err := open(t, profile(t, strings.ReplaceAll(text, "x{id}y", "{id}")), target, func(o *connectors.Options) { o.Options = map[string]string{"tenant": "a"} }).(connectors.Reader)
		if _, err := err.Read(t.Context(), id); err == nil || connectors.KindOf(err) != connectors.Permanent || got != before {
			t.Errorf("id %q: %v, want it refused and nothing sent", id, err)
		}
	}
}

// TestSecretsAndPeopleStayOutOfErrors lets a target repeat all that it was sent.
func TestSecretsAndPeopleStayOutOfErrors(t *testing.T) {
	for _, scheme := range []connectors.AuthScheme{
		{Scheme: connectors.AuthBearer}, {Scheme: connectors.AuthBasic}, {Scheme: connectors.AuthHeader, Header: "X-Key", Prefix: "key "}, {Scheme: connectors.AuthQuery, Header: "api_key"},
	} {
		shown := ""
		target := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			shown = r.Header.Get("Authorization") + r.Header.Get("X-Key") + r.URL.Query().Get("api_key") + user + password
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "%s %s you sent %s\x00\x1b[31m\n%s", r.URL, r.Header, shown, strings.Repeat("x", 1000))
		})
		p := profile(t, people)
		p.Auth = scheme
		c := open(t, p, target)
		_, err := c.(connectors.Reader).Read(t.Context(), "ada.lovelace")
		if err == nil || !strings.Contains(shown, token) {
			t.Fatalf("%s: %v, the target was shown %q", scheme.Scheme, err, shown)
		}
		for _, secret := range []string{token, "\x1b", "\x00", "\n"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %q is in the error: %v", scheme.Scheme, secret, err)
			}
		}
		if len(err.Error()) > 500 {
			t.Errorf("%s: the error has %d bytes", scheme.Scheme, len(err.Error()))
		}
	}
	c := open(t, profile(t, people), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	if _, err := c.(connectors.Reader).Read(t.Context(), "ada.lovelace"); err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("%v, want the path as it is declared", err)
	}
}

// TestTheCredentialGoesNowhereElse lets a target redirect and link to another.
func TestTheCredentialGoesNowhereElse(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	text := strings.Replace(people, `page: { style: token, next: 'body.?next.orValue("")' }`, "page: { style: link }", 1)
	redirects := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	links := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<"+elsewhere.URL+`/people?page=2>; rel="next"`)
		answer(w, 200, map[string]any{"entries": []any{}})
	})
	for name, target := range map[string]http.Handler{"redirects": redirects, "links": links} {
		c := open(t, profile(t, text), target)
		var err error
		for _, err = range c.(connectors.Lister).List(t.Context()) {
			if err != nil {
				break
			}
		}
		if err == nil || connectors.KindOf(err) != connectors.Permanent || asked > 0 {
			t.Errorf("%s: %v, and the other host was asked %d times", name, err, asked)
		}
	}
}

// TestEndlessAnswers lets a target answer for ever.
func TestEndlessAnswers(t *testing.T) {
	c := open(t, profile(t, people), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := strings.Repeat(" ", 1<<20); ; {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}))
	if _, err := c.(connectors.Reader).Read(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "32 MB") {
		t.Errorf("%v, want the answer refused for its length", err)
	}
}
