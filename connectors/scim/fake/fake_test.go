package fake_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

const (
	user  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	patch = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
)

// send makes one request as a well-behaved client and returns the answer.
func send(p *fake.Provider, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("User-Agent", "test")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// TestRefuses holds the fake to its word: what the profile says the target
// refuses, it refuses, and nothing is changed by it.
func TestRefuses(t *testing.T) {
	op := func(op string) string { return `{` + patch + `,"Operations":[` + op + `]}` }
	for _, row := range []struct {
		name               string
		change             func(*connectors.Profile)
		method, path, body string
		status             int
		says               string
	}{
		{"no schemas", nil, "POST", "/Users", `{"userName":"x"}`, 400, "schemas"},
		{"no name", nil, "POST", "/Users", `{` + user + `}`, 400, "userName"},
		{"name taken, in another case", nil, "POST", "/Users", `{` + user + `,"userName":"ANN"}`, 409, "uniqueness"},
		{"no JSON", nil, "POST", "/Users", `{`, 400, "invalidSyntax"},
		{"wrong type", nil, "POST", "/Users", `{` + user + `,"userName":"x","title":7}`, 400, "title"},
		{"one value for several", nil, "POST", "/Users", `{` + user + `,"userName":"x","emails":{"value":"y"}}`, 400, "emails"},
		{"boolean in words", nil, "PATCH", "/Users/u1", op(`{"op":"replace","path":"active","value":"False"}`), 400, "active"},
		{"boolean not in words", func(p *connectors.Profile) { p.BooleanText = true }, "PATCH", "/Users/u1", op(`{"op":"replace","path":"active","value":false}`), 400, "active"},
		{"required", func(p *connectors.Profile) { p.Attributes.Required = []string{"name.familyName"} }, "POST", "/Users", `{` + user + `,"userName":"x"}`, 400, "name.familyName"},
		{"required cleared", func(p *connectors.Profile) { p.Attributes.Required = []string{"title"} }, "PATCH", "/Users/u1", op(`{"op":"remove","path":"title"}`), 400, "title"},
		{"omitted", func(p *connectors.Profile) { p.Attributes.Omit = []string{"department"} }, "PATCH", "/Users/u1",
			op(`{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"x"}`), 400, "department"},
		{"uncleared", func(p *connectors.Profile) { p.Attributes.Uncleared = []string{"title"} }, "PATCH", "/Users/u1", op(`{"op":"remove","path":"title"}`), 400, "title"},
		{"single", func(p *connectors.Profile) { p.Attributes.SingleValued = []string{"emails"} }, "POST", "/Users", `{` + user + `,"userName":"x","emails":[{"value":"a"},{"value":"b"}]}`, 400, "emails"},
		{"forbidden", func(p *connectors.Profile) { p.Attributes.Forbidden = map[string]string{"externalId": ":"} }, "POST", "/Users", `{` + user + `,"userName":"x","externalId":"a:b"}`, 400, "externalId"},
		{"too long", func(p *connectors.Profile) { p.Attributes.MaxLength = map[string]int{"userName": 3} }, "POST", "/Users", `{` + user + `,"userName":"xxxx"}`, 400, "userName"},
		{"PATCH", func(p *connectors.Profile) { p.Update = connectors.UpdatePut }, "PATCH", "/Users/u1", op(`{"op":"remove","path":"title"}`), 405, "PUT"},
		{"PATCH of a group", func(p *connectors.Profile) { p.Groups.Update = connectors.UpdatePut }, "PATCH", "/Groups/g1", op(`{"op":"add","path":"members","value":[{"value":"u1"}]}`), 405, "PUT"},
		{"DELETE", nil, "DELETE", "/Users/u1", "", 405, "active"},
		{"active, where users are deleted", func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete }, "PATCH", "/Users/u1", op(`{"op":"replace","path":"active","value":false}`), 400, "DELETE"},
		{"read only", nil, "PATCH", "/Users/u1", op(`{"op":"replace","path":"groups","value":[]}`), 400, "mutability"},
		{"nothing to do", nil, "PATCH", "/Users/u1", `{` + patch + `,"Operations":[]}`, 400, "Operations"},
		{"unknown operation", nil, "PATCH", "/Users/u1", op(`{"op":"move","path":"title"}`), 400, "move"},
		{"member by value", nil, "PATCH", "/Groups/g1", op(`{"op":"remove","path":"members","value":[{"value":"u1"}]}`), 400, "filter"},
		{"member by path", func(p *connectors.Profile) { p.Groups.MemberRemove = connectors.RemoveByValue }, "PATCH", "/Groups/g1", op(`{"op":"remove","path":"members[value eq \"u1\"]"}`), 400, "value"},
		{"all members", nil, "PATCH", "/Groups/g1", op(`{"op":"replace","path":"members","value":[]}`), 400, "all members"},
		{"nobody", nil, "PATCH", "/Groups/g1", op(`{"op":"add","path":"members","value":[{"value":"u99"}]}`), 400, "u99"},
		{"too many members", func(p *connectors.Profile) { p.Groups.MaxMembers = 1 }, "PATCH", "/Groups/g1", op(`{"op":"add","path":"members","value":[{"value":"u1"},{"value":"u1"}]}`), 400, "at most 1"},
		{"too many bytes", func(p *connectors.Profile) { p.Groups.MaxBytes = 40 }, "PATCH", "/Groups/g1", op(`{"op":"add","path":"members","value":[{"value":"u1"}]}`), 413, "bytes"},
		{"rename", nil, "PUT", "/Groups/g1", `{"displayName":"other"}`, 400, "renamed"},
		{"unknown user", nil, "GET", "/Users/u99", "", 404, "u99"},
		{"unknown path", nil, "GET", "/Roles", "", 404, "/Roles"},
		{"operator", nil, "GET", "/Users?filter=userName+sw+%22a%22", "", 400, "invalidFilter"},
		{"attribute", func(p *connectors.Profile) { p.Filter.Attributes = []string{"id"} }, "GET", "/Users?filter=userName+eq+%22a%22", "", 400, "invalidFilter"},
		{"and", func(p *connectors.Profile) { p.Filter.Operators = []string{"eq"} }, "GET", "/Users?filter=userName+eq+%22a%22+and+id+eq+%22b%22", "", 400, "invalidFilter"},
		{"index, where there are cursors", func(p *connectors.Profile) { p.Paging.Style = connectors.PagingCursor }, "GET", "/Users?startIndex=2", "", 400, "cursor"},
		{"another's cursor", func(p *connectors.Profile) { p.Paging.Style = connectors.PagingCursor }, "GET", "/Users?cursor=xyz", "", 400, "invalidCursor"},
		{"members alone", func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfPair }, "GET", "/Groups?filter=members+eq+%22u1%22", "", 400, "invalidFilter"},
		{"groups", func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfNone }, "GET", "/Groups", "", 404, "no groups"},
	} {
		t.Run(row.name, func(t *testing.T) {
			profile := connectors.DefaultProfile()
			if row.change != nil {
				row.change(&profile)
			}
			p := fake.New(fake.Options{Profile: profile, Groups: []string{"readers"}})
			ann, err := p.Put(t.Context(), schema.Account{Active: true, Attributes: map[string]string{"userName": "ann", "title": "Engineer"}})
			if err != nil {
				t.Fatal(err)
			}
			ids := strings.NewReplacer("u1", ann.RemoteID, "g1", "g00000001")
			before := fmt.Sprint(p.Users(), p.Members("readers"))
			got := send(p, row.method, ids.Replace(row.path), ids.Replace(row.body))
			if got.Code != row.status || !strings.Contains(got.Body.String(), row.says) {
				t.Errorf("answered %d %s, want %d and in it %q", got.Code, got.Body, row.status, row.says)
			}
			if after := fmt.Sprint(p.Users(), p.Members("readers")); after != before {
				t.Errorf("it has now %s, want what it had: %s", after, before)
			}
		})
	}
}

func TestAdmitsByTheProfile(t *testing.T) {
	for _, row := range []struct {
		scheme connectors.AuthScheme
		right  []string
		wrong  []string
	}{
		{connectors.AuthScheme{Scheme: connectors.AuthBearer}, []string{"Authorization", "Bearer s"}, []string{"Authorization", "Bearer t"}},
		{connectors.AuthScheme{Scheme: connectors.AuthHeader, Header: "Authorization", Prefix: "Token token="}, []string{"Authorization", "Token token=s"}, []string{"Authorization", "Bearer s"}},
		{connectors.AuthScheme{Scheme: connectors.AuthBasic}, []string{"Authorization", "Basic dTpz"}, nil},
	} {
		profile := connectors.DefaultProfile()
		profile.Auth = row.scheme
		p := fake.New(fake.Options{Profile: profile, Token: "s", User: "u"})
		if got := send(p, "GET", "/scim/v2/Users", "", row.right...); got.Code != 200 {
			t.Errorf("%s: answered %d to the right credential", row.scheme.Scheme, got.Code)
		}
		if got := send(p, "GET", "/scim/v2/Users", "", row.wrong...); got.Code != 401 {
			t.Errorf("%s: answered %d to a wrong credential, want 401", row.scheme.Scheme, got.Code)
		}
	}
}

func TestLimitsRates(t *testing.T) {
	now := time.Now()
	profile := connectors.DefaultProfile()
	profile.Rate = connectors.RateLimit{PerHour: 3, Methods: map[string]connectors.MethodRate{"POST": {PerSecond: 1, Burst: 1}}}
	p := fake.New(fake.Options{Profile: profile, Now: func() time.Time { return now }})
	for i, want := range []struct {
		method string
		status int
	}{{"POST", 400}, {"POST", 429}, {"GET", 200}, {"GET", 429}} {
		got := send(p, want.method, "/Users", "")
		if got.Code != want.status {
			t.Errorf("request %d, %s: answered %d, want %d", i, want.method, got.Code, want.status)
		}
		if got.Code == http.StatusTooManyRequests && got.Header().Get("Retry-After") == "" {
			t.Errorf("request %d: 429 without Retry-After", i)
		}
	}
	now = now.Add(time.Hour)
	if got := send(p, "GET", "/Users", ""); got.Code != 200 {
		t.Errorf("an hour later: answered %d, want 200", got.Code)
	}
}

func TestFaultsAndLatency(t *testing.T) {
	waits := 0
	p := fake.New(fake.Options{Latency: func() time.Duration { waits++; return 0 }})
	body := func(name string) string { return `{` + user + `,"userName":"` + name + `"}` }
	p.Fail(2, false)
	for i, want := range []int{201, 500, 201} {
		if got := send(p, "POST", "/Users", body(fmt.Sprint("a", i))); got.Code != want {
			t.Errorf("request %d: answered %d, want %d", i, got.Code, want)
		}
	}
	if !p.Spent() || len(p.Users()) != 2 {
		t.Errorf("spent %v with %d users, want the fault before its effect", p.Spent(), len(p.Users()))
	}
	p.Fail(1, true)
	if got := send(p, "POST", "/Users", body("b")); got.Code != 500 || len(p.Users()) != 3 {
		t.Errorf("answered %d with %d users, want 500 after the effect", got.Code, len(p.Users()))
	}
	p.Fail(5, true)
	if p.Spent() {
		t.Error("a fault that did not come is spent")
	}
	if got := send(p, "POST", "/Users", body("c")); got.Code != 201 {
		t.Errorf("answered %d after the fault was disarmed", got.Code)
	}
	if waits != 5 || p.Writes() != 5 {
		t.Errorf("asked for latency %d times and counted %d writes, want 5 and 5", waits, p.Writes())
	}
}
