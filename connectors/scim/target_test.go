package scim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/schema"
)

// A script is a target that answers as it is told, and notes what it was asked.
type script struct {
	mu      sync.Mutex
	asked   []*http.Request
	bodies  []string
	answers map[string]http.HandlerFunc // by "METHOD /path"
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
	s.mu.Unlock()
	if answer, ok := s.answers[r.Method+" "+r.URL.Path]; ok {
		answer(w, r)
		return
	}
	http.Error(w, `{"detail":"nothing here"}`, http.StatusNotFound)
}

func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// to returns a connector to the script.
func (s *script) connector(t *testing.T, p connectors.Profile, change ...func(*connectors.Options)) *scim.Connector {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o := connectors.Options{Config: connectors.Config{
		Name: "wiki", Kind: "scim", BaseURL: server.URL, Profile: p, Auth: connectors.Auth{Secret: token},
	}}
	for _, c := range change {
		c(&o)
	}
	c, err := connectors.Kinds{"scim": scim.Open}.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*scim.Connector)
}

const nobody = `{"totalResults":0,"Resources":[]}`

// there is an account that the bridge knows well.
func there() schema.Account {
	return schema.Account{
		RemoteID: "7", Active: true, Attributes: connectortest.Person(1),
		Entitlements: []string{"readers"}, Managed: []string{"readers"},
	}
}

func TestErrorsSayWhatMayBeDone(t *testing.T) {
	date := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		kind   connectors.Kind
		after  time.Duration
		text   string
	}{
		{"refused", says(400, `{"scimType":"invalidValue","detail":"title is odd"}`), connectors.Permanent, 0, "400: PATCH /Users/7: invalidValue: title is odd"},
		{"forbidden", says(403, `{"message":"not yours"}`), connectors.Permanent, 0, "not yours"},
		{"credential", says(401, `no`), connectors.Transient, 0, "401"},
		{"conflict", says(409, `{"detail":"taken"}`), connectors.Exists, 0, "taken"},
		{"not implemented", says(501, ``), connectors.Permanent, 0, "501"},
		{"broken", says(500, `<html>oh</html>`), connectors.Transient, 0, "500"},
		{"seconds", says(429, `slow`, "Retry-After", "30"), connectors.Transient, 30 * time.Second, "429"},
		{"date", says(503, `later`, "Retry-After", date.Add(90*time.Second).Format(http.TimeFormat), "Date", date.Format(http.TimeFormat)), connectors.Transient, 90 * time.Second, "503"},
		{"past date", says(503, `later`, "Retry-After", date.Add(-time.Hour).Format(http.TimeFormat), "Date", date.Format(http.TimeFormat)), connectors.Transient, 0, "503"},
		{"throttled in words", says(403, `{"detail":"userRateLimitExceeded"}`, "Retry-After", "5"), connectors.Transient, 5 * time.Second, "userRateLimitExceeded"},
		{"throttled with 500", says(500, `{"detail":"userRateLimitExceeded"}`), connectors.Transient, 0, "userRateLimitExceeded"},
		{"throttled with success", says(200, `{"error":"userRateLimitExceeded"}`), connectors.Transient, 0, "userRateLimitExceeded"},
		{"redirect", says(302, ``, "Location", "http://elsewhere.example/"), connectors.Permanent, 0, "redirects elsewhere"},
		{"too long", says(400, `{"detail":"`+strings.Repeat("x", 1000)+`"}`), connectors.Permanent, 0, "x…"},
		{"secret", says(400, `{"detail":"bad token `+token+`"}`), connectors.Permanent, 0, "bad token •••"},
		{"many lines", says(400, "a\nb\x00c"), connectors.Permanent, 0, "a bc"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &script{answers: map[string]http.HandlerFunc{"PATCH /Users/7": row.answer}}
			p := connectors.DefaultProfile()
			p.Throttled = []string{"userRateLimitExceeded"}
			c := s.connector(t, p, func(o *connectors.Options) { o.Now = func() time.Time { return date } })
			want := there()
			want.Attributes = connectortest.Person(1)
			want.Attributes["title"] = "Engineer"
			_, err := c.Apply(t.Context(), there(), want)
			if err == nil {
				t.Fatal("Apply succeeded")
			}
			if got := connectors.KindOf(err); got != row.kind {
				t.Errorf("kind %d, want %d: %v", got, row.kind, err)
			}
			if got := connectors.RetryAfter(err); got != row.after {
				t.Errorf("after %v, want %v", got, row.after)
			}
			if !strings.Contains(err.Error(), row.text) {
				t.Errorf("error %q, want in it %q", err, row.text)
			}
			if strings.Contains(err.Error(), token) || len(err.Error()) > 400 {
				t.Errorf("error tells the secret, or too much: %q", err)
			}
		})
	}
}

func TestTooManyRequestsHoldTheNextOneBack(t *testing.T) {
	s := &script{answers: map[string]http.HandlerFunc{"GET /Users": says(429, "", "Retry-After", "60")}}
	c := s.connector(t, connectors.DefaultProfile())
	for range 2 {
		if err := c.Probe(t.Context()); connectors.RetryAfter(err) < 59*time.Second {
			t.Errorf("Probe: %v, after %v, want about a minute", err, connectors.RetryAfter(err))
		}
	}
	if len(s.asked) != 1 {
		t.Errorf("%d requests were made, want 1: the target asked for quiet", len(s.asked))
	}
}

func TestRedirectsDoNotCarryTheCredential(t *testing.T) {
	elsewhere := &script{}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	s := &script{}
	s.answers = map[string]http.HandlerFunc{
		"GET /Users": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/Users", http.StatusTemporaryRedirect)
		},
		"GET /Users/7": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/Users/8", http.StatusPermanentRedirect)
		},
		"GET /Users/8": says(200, `{"id":"8","userName":"moved"}`),
	}
	c := s.connector(t, connectors.DefaultProfile())
	if err := c.Probe(t.Context()); err == nil || connectors.KindOf(err) != connectors.Permanent {
		t.Errorf("Probe: %v, want a permanent error", err)
	}
	if len(elsewhere.asked) > 0 {
		t.Error("a redirect to another host was followed")
	}
	if got, err := c.Read(t.Context(), "7"); err != nil || got.RemoteID != "8" {
		t.Errorf("Read: %v, %v, want the redirect on the same host followed", got, err)
	}
}

func TestSecretsStayOnThisMachineInClear(t *testing.T) {
	for _, row := range []struct {
		url      string
		insecure bool
		want     string // in the error
	}{
		{"http://wiki.example.com/scim", false, "unencrypted"},
		{"http://wiki.example.com/scim", true, ""},
		{"https://wiki.example.com/scim", false, ""},
		{"http://127.0.0.1:9/scim", false, ""},
		{"http://[::1]:9/scim", false, ""},
		{"http://localhost/scim", false, ""},
		{"http://localhost.example.com/scim", false, "unencrypted"},
		{"ftp://wiki.example.com", false, "http"},
		{"https://user:pw@wiki.example.com", false, "user"},
		{"https://wiki.example.com?x=1", false, "query"},
		{"::", false, "baseURL"},
	} {
		_, err := scim.Open(connectors.Options{Config: connectors.Config{
			BaseURL: row.url, Auth: connectors.Auth{Secret: token, Insecure: row.insecure},
		}})
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("Open %s, insecure %v: %v, want %q", row.url, row.insecure, err, row.want)
		}
	}
	_, err := scim.Open(connectors.Options{Config: connectors.Config{
		BaseURL: "https://x.example", Options: map[string]string{"timeout": "soon", "colour": "red"},
	}})
	if err == nil || !strings.Contains(err.Error(), "timeout") || !strings.Contains(err.Error(), "colour") {
		t.Errorf("Open with wrong options: %v, want both named", err)
	}
}

func TestAmbiguousIsNotAdopted(t *testing.T) {
	two := `{"totalResults":2,"Resources":[{"id":"1","userName":"p0001@example.com"},{"id":"2","userName":"P0001@example.com"}]}`
	s := &script{answers: map[string]http.HandlerFunc{"GET /Users": says(200, two)}}
	c := s.connector(t, connectors.DefaultProfile())
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
	if err == nil || connectors.KindOf(err) != connectors.Exists || got.Exists() {
		t.Errorf("Apply: %+v, %v, want no account and an error that is Exists", got, err)
	}
}

// A target that ignores filters answers with everybody: whoever is first must
// not become somebody else.
func TestIgnoredFilterIsNoMatch(t *testing.T) {
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Users": says(200, `{"totalResults":1,"Resources":[{"id":"1","userName":"ceo@example.com"}]}`),
	}}
	c := s.connector(t, connectors.DefaultProfile())
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
	if err == nil || connectors.KindOf(err) != connectors.Permanent || got.Exists() {
		t.Errorf("Apply: %+v, %v, want no account and a permanent error", got, err)
	}
}

func TestMatchesInOrder(t *testing.T) {
	s := &script{}
	s.answers = map[string]http.HandlerFunc{
		"GET /Users": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Query().Get("filter"), "emails.value") {
				says(200, `{"totalResults":1,"Resources":[{"id":"9","userName":"old","active":true,"emails":[{"value":"p0001@example.com"}]}]}`)(w, r)
				return
			}
			says(200, nobody)(w, r)
		},
		"PATCH /Users/9": says(204, ""),
		"GET /Users/9":   says(200, `{"id":"9","emails":[{"value":"p0001@example.com"}]}`),
	}
	p := connectors.DefaultProfile()
	p.Match = []string{"externalId", "userName", "emails.value"}
	c := s.connector(t, p)
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
	if err != nil || got.RemoteID != "9" || !got.Adopted {
		t.Fatalf("Apply: %+v, %v, want account 9 adopted", got, err)
	}
	var filters []string
	for _, r := range s.asked[:3] {
		filters = append(filters, r.URL.Query().Get("filter"))
	}
	want := []string{`externalId eq "ext-0001"`, `userName eq "p0001@example.com"`, `emails.value eq "p0001@example.com"`}
	if diff := cmp.Diff(want, filters); diff != "" {
		t.Error(diff)
	}
}

// TestIncompleteListsAreErrors proves R-DRIFT-1: of what was not listed to its end nothing is concluded.
func TestIncompleteListsAreErrors(t *testing.T) {
	page := func(total int, ids ...string) string {
		var users []map[string]string
		for _, id := range ids {
			users = append(users, map[string]string{"id": id, "userName": "user-" + id})
		}
		text, _ := json.Marshal(map[string]any{"totalResults": total, "Resources": users})
		return string(text)
	}
	for _, row := range []struct {
		name  string
		pages []string
		want  string // in the error; empty: complete
	}{
		{"complete", []string{page(3, "a", "b"), page(3, "c")}, ""},
		{"grew at its end", []string{page(3, "a", "b"), page(4, "c", "d")}, ""},
		{"repeats", []string{page(4, "a", "b"), page(4, "a", "b")}, "listed twice"},
		{"shrinks", []string{page(4, "a", "b"), page(3, "c")}, "shrank"},
		{"skips", []string{page(4, "a", "b"), page(4, "d"), page(4)}, "after 3 of 4"},
		{"repeats what it skipped", []string{page(4, "a", "b"), page(4, "b", "d")}, "listed twice"},
		{"ends early", []string{page(4, "a", "b"), page(4)}, "after 2 of 4"},
		{"says fewer", []string{page(1, "a", "b")}, "says 1"},
		{"no total", []string{`{"Resources":[{"id":"a"}]}`}, "how many"},
		{"no id", []string{`{"totalResults":1,"Resources":[{"userName":"a"}]}`}, "no id"},
		{"no list", []string{`{"hello":"world"}`}, "baseURL"},
		{"no JSON", []string{`<html>`}, "web page"},
		{"an error half way", []string{page(3, "a", "b")}, "broken"},
		{"empty", []string{page(0)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := 0
			s := &script{answers: map[string]http.HandlerFunc{"GET /Users": func(w http.ResponseWriter, r *http.Request) {
				if n++; n > len(row.pages) {
					says(500, "broken")(w, r)
					return
				}
				says(200, row.pages[n-1])(w, r)
			}}}
			var err error
			for _, each := range s.connector(t, connectors.DefaultProfile()).List(t.Context()) {
				err = each
			}
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("List: %v, want %q", err, row.want)
			}
		})
	}
}

func TestNotFoundIsBelievedOnlyWhereUsersAreFound(t *testing.T) {
	s := &script{}
	c := s.connector(t, connectors.DefaultProfile())
	have := there()
	have.Entitlements, have.Managed = nil, nil
	got, err := c.Apply(t.Context(), have, schema.Account{})
	if err == nil || connectors.KindOf(err) != connectors.Transient || !got.Active {
		t.Errorf("Apply while nothing is found: %+v, %v, want the account as it was and a transient error", got, err)
	}
	s.answers = map[string]http.HandlerFunc{"GET /Users": says(200, nobody)}
	got, err = c.Apply(t.Context(), have, schema.Account{})
	if err != nil || got.Exists() {
		t.Errorf("Apply of an account that is gone: %+v, %v, want none", got, err)
	}
}

// A leaver whose group cannot be written is disabled all the same.
func TestRevocationThatFailsDoesNotKeepTheAccountEnabled(t *testing.T) {
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Groups":      says(200, `{"totalResults":1,"Resources":[{"id":"g1","displayName":"readers"}]}`),
		"PATCH /Groups/g1": says(403, `{"detail":"not this group"}`),
		"GET /Users/7":     says(200, `{"id":"7","userName":"p0001@example.com","active":false,"groups":[{"value":"g1","display":"readers"}]}`), // it is disabled by then
		"PATCH /Users/7":   says(204, ""),
	}}
	got, err := s.connector(t, connectors.DefaultProfile()).Apply(t.Context(), there(), schema.Account{})
	if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), `"readers"`) {
		t.Errorf("Apply: %v, want a permanent error that names the group", err)
	}
	if got.Active || !got.Holds("readers") {
		t.Errorf("Apply returned %+v, want it disabled and still in the group", got)
	}
}

// Where the answer is lost and the target then cannot be asked, the next Apply
// must not believe what is remembered.
func TestDoubtIsCarriedToTheNextApply(t *testing.T) {
	flaky := &outage{next: http.DefaultTransport}
	c, target := open(t, connectors.DefaultProfile(), func(o *connectors.Options) { o.Transport = flaky })
	person := connectortest.Person(1)
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: person})
	if err != nil {
		t.Fatal(err)
	}
	flaky.after = 1 // the look for the group passes; the grant is lost, and the look at what came of it
	flaky.answersLost(2)
	have.Managed = []string{"readers"}
	got, err := c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: person, Entitlements: []string{"readers"}})
	if err == nil || connectors.KindOf(err) != connectors.Transient {
		t.Fatalf("Apply without answers: %v, want a transient error", err)
	}
	if is, _ := target.User(person["userName"]); !slices.Equal(is.Entitlements, []string{"readers"}) {
		t.Fatalf("the target has %q, want the grant done: the test is wrong", is.Entitlements)
	}
	for _, want := range []schema.Account{
		{}, {Active: true, Attributes: person}, {Active: true, Attributes: person, Entitlements: []string{"readers"}},
	} {
		if len(connectors.Plan(got, want)) == 0 {
			t.Errorf("from %+v to %+v there is nothing to do: nobody would look", got, want)
		}
	}
	got.Managed = []string{"readers"}
	if _, err := c.Apply(t.Context(), got, schema.Account{Active: true, Attributes: person}); err != nil {
		t.Fatal(err)
	}
	if is, _ := target.User(person["userName"]); len(is.Entitlements) > 0 {
		t.Errorf("the target has %q after it was taken away, want nothing", is.Entitlements)
	}
}

// The answer to a create that is lost, with the target out of reach after it,
// must not leave an account that nobody knows of.
func TestLostCreateIsFoundAgain(t *testing.T) {
	flaky := &outage{next: http.DefaultTransport}
	c, target := open(t, connectors.DefaultProfile(), func(o *connectors.Options) { o.Transport = flaky })
	person := connectortest.Person(1)
	flaky.after = 1 // the look before the create passes
	flaky.answersLost(2)
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: person})
	if err == nil {
		t.Fatal("Apply without answers succeeded")
	}
	got, err = c.Apply(t.Context(), got, schema.Account{})
	if err != nil {
		t.Fatalf("Apply that disables: %v", err)
	}
	if is, _ := target.User(person["userName"]); !is.Exists() || is.Active || got.RemoteID != is.RemoteID {
		t.Errorf("the target has %+v and %+v was returned, want it found and disabled", is, got)
	}
}

// An outage loses answers on their way.
type outage struct {
	next http.RoundTripper

	mu    sync.Mutex
	after int // answers that pass before
	lost  int
}

func (o *outage) answersLost(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = n
}

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(r)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || o.lost == 0 {
		return resp, err
	}
	if o.after > 0 {
		o.after--
		return resp, nil
	}
	o.lost--
	_ = resp.Body.Close()
	return nil, errors.New("the answer was lost")
}

func TestIrreversibleIsRefused(t *testing.T) {
	for _, deactivate := range []connectors.Deactivate{connectors.DeactivateActive, connectors.DeactivateDelete} {
		p := connectors.DefaultProfile()
		p.Deactivate, p.Irreversible = deactivate, true
		c, target := open(t, p, func(o *connectors.Options) { o.AllowIrreversible = false })
		have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{
			Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"},
		})
		if err != nil {
			t.Fatal(err)
		}
		have.Managed = have.Entitlements
		got, err := c.Apply(t.Context(), have, schema.Account{})
		if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "allowIrreversible") {
			t.Errorf("%s: Apply: %v, want a permanent error that names allowIrreversible", deactivate, err)
		}
		is, _ := target.User(connectortest.Person(1)["userName"])
		if !is.Active || len(is.Entitlements) > 0 || !got.Active || len(got.Entitlements) > 0 {
			t.Errorf("%s: the target has %+v and %+v was returned, want it active and without groups", deactivate, is, got)
		}
	}
}

func TestAttributesAsTheTargetWantsThem(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Attributes = connectors.Attributes{
		Required:  []string{"userName", "name.familyName"},
		Omit:      []string{"department"},
		Uncleared: []string{"title"},
		Forbidden: map[string]string{"displayName": "@:", "externalId": ":"},
		MaxLength: map[string]int{"displayName": 8, "userName": 20},
	}
	c, target := open(t, p)
	person := connectortest.Person(1)
	person["displayName"], person["department"], person["title"] = "P@erson: Numberless", "R&D", "Engineer"
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: person})
	if err != nil {
		t.Fatal(err)
	}
	is, _ := target.User(person["userName"])
	if is.Attributes["displayName"] != "Person N" || is.Attributes["department"] != "" {
		t.Errorf("the target has displayName %q and department %q, want it cut and left out", is.Attributes["displayName"], is.Attributes["department"])
	}
	writes := target.Writes()
	person["title"] = ""
	if _, err := c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: person}); err != nil || target.Writes() != writes {
		t.Errorf("Apply that would clear title: %v, with %d writes, want none", err, target.Writes()-writes)
	}
	for name, value := range map[string]string{
		"name.familyName": "", "externalId": "a:b", "userName": "somebody.with.a.long.name@example.com",
	} {
		bad := connectortest.Person(2)
		bad[name] = value
		got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: bad})
		if err == nil || connectors.KindOf(err) != connectors.Permanent || got.Exists() || !strings.Contains(err.Error(), name) {
			t.Errorf("Apply with %s %q: %v, want a permanent error that names it", name, value, err)
		}
	}
}

// What the bridge does not manage of a user stays: other emails, other
// attributes, and what somebody else writes at the same time.
func TestOthersWorkStays(t *testing.T) {
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		t.Run(string(update), func(t *testing.T) {
			was := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"7","userName":"p0001@example.com","nickName":"pp",
				"emails":[{"value":"home@example.com","type":"home"},{"value":"old@example.com","type":"work"}],"active":true,"meta":{"version":"x"},"groups":[]}`
			tag := 0
			s := &script{}
			s.answers = map[string]http.HandlerFunc{
				"GET /Users/7": func(w http.ResponseWriter, r *http.Request) { says(200, was, "ETag", fmt.Sprint(tag))(w, r) },
			}
			write := func(w http.ResponseWriter, r *http.Request) {
				if tag++; tag < 3 {
					says(412, `{"detail":"changed meanwhile"}`)(w, r)
					return
				}
				if r.Header.Get("If-Match") != fmt.Sprint(tag-1) {
					t.Errorf("If-Match is %q, want what was read last, %d", r.Header.Get("If-Match"), tag-1)
				}
				says(200, was)(w, r)
			}
			s.answers["PATCH /Users/7"], s.answers["PUT /Users/7"] = write, write
			p := connectors.DefaultProfile()
			p.Update = update
			have, want := there(), there()
			want.Attributes = connectortest.Person(1)
			want.Attributes["emails.value"] = "new@example.com"
			if _, err := s.connector(t, p).Apply(t.Context(), have, want); err != nil {
				t.Fatal(err)
			}
			sent := s.bodies[len(s.bodies)-1]
			for _, part := range []string{"home@example.com", "new@example.com"} {
				if !strings.Contains(sent, part) {
					t.Errorf("sent %s, want in it %s", sent, part)
				}
			}
			if strings.Contains(sent, "old@example.com") || strings.Contains(sent, `"meta"`) {
				t.Errorf("sent %s, want neither the old address nor meta in it", sent)
			}
			if put := update == connectors.UpdatePut; strings.Contains(sent, "nickName") != put {
				t.Errorf("sent %s, want nickName in it: %v", sent, put)
			}
		})
	}
}

// What is remembered of an attribute may be wrong: then it is looked at before
// the target's refusal counts.
func TestAttributeThatIsGoneIsNoFailure(t *testing.T) {
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Users/7":   says(200, `{"id":"7","userName":"p0001@example.com","active":true}`),
		"PATCH /Users/7": says(400, `{"scimType":"noTarget","detail":"there is no title"}`),
		"PUT /Users/7":   says(200, `{"id":"7"}`),
	}}
	have := schema.Account{RemoteID: "7", Active: true, Attributes: map[string]string{
		"userName": "p0001@example.com", "title": "Engineer", "emails.value": "p@example.com", "department": "R&D", "name.givenName": "Ann",
	}}
	want := have
	want.Attributes = map[string]string{"userName": "p0001@example.com", "title": "", "emails.value": "", "department": "", "name.givenName": ""}
	if _, err := s.connector(t, connectors.DefaultProfile()).Apply(t.Context(), have, want); err != nil {
		t.Errorf("Apply that clears what is not there: %v", err)
	}
	p := connectors.DefaultProfile()
	p.Update = connectors.UpdatePut
	if _, err := s.connector(t, p).Apply(t.Context(), have, want); err != nil {
		t.Errorf("Apply that clears what is not there: %v", err)
	}
	if sent := s.bodies[len(s.bodies)-1]; sent != `{"active":true,"id":"7","userName":"p0001@example.com"}` {
		t.Errorf("sent %s, want the user as it was", sent)
	}
}

// The client's pace and the target's limit come from one profile: keeping to it,
// nobody is ever told to slow down.
func TestKeepsToTheRate(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Rate = connectors.RateLimit{PerSecond: 100, Burst: 10, Methods: map[string]connectors.MethodRate{"POST": {PerSecond: 50, Burst: 5}}}
	slowed := 0
	c, target := open(t, p, func(o *connectors.Options) {
		o.Observe = func(_ string, status int, _ time.Duration) {
			if status == http.StatusTooManyRequests {
				slowed++
			}
		}
	})
	for i := range 30 {
		if _, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(target.Users()); got != 30 || slowed > 1 { // one, for the two clocks are not the same
		t.Errorf("%d users were made and the target said %d times that it is too fast, want 30 and none", got, slowed)
	}
}

func TestTimesOut(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := &script{answers: map[string]http.HandlerFunc{"GET /Users": func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}}}
	c := s.connector(t, connectors.DefaultProfile(), func(o *connectors.Options) { o.Options = map[string]string{"timeout": "20ms"} })
	err := c.Probe(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || connectors.KindOf(err) != connectors.Transient {
		t.Errorf("Probe of a target that hangs: %v, want a transient error, deadline exceeded", err)
	}
	if err != nil && strings.Contains(err.Error(), "count=") {
		t.Errorf("the error tells the query: %v", err)
	}
}

func TestObservesEveryRequest(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	c, _ := open(t, connectors.DefaultProfile(), func(o *connectors.Options) {
		o.Observe = func(method string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprint(method, " ", status))
		}
	})
	if _, err := c.Apply(t.Context(), schema.Account{}, schema.Account{
		Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"},
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET 200", "POST 201", "GET 200", "PATCH 204"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests of a joiner with one group: %s", diff)
	}
}

func TestProbeSaysWhetherItIsLetIn(t *testing.T) {
	c, _ := open(t, connectors.DefaultProfile())
	if err := c.(connectors.Prober).Probe(t.Context()); err != nil {
		t.Errorf("Probe: %v", err)
	}
	c, _ = open(t, connectors.DefaultProfile(), func(o *connectors.Options) { o.Auth.Secret = "wrong" })
	if err := c.(connectors.Prober).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("Probe with a wrong secret: %v, want 401", err)
	}
}
