package scim_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
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
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: other, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [nickName] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: watcher, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: observed }
`

const baseURL = "https://bridge.example/scim/v2"

// A world is an endpoint on a store of its own. Who speaks is said by a header,
// as the credential says it elsewhere.
type world struct {
	t       testing.TB
	store   *store.Store
	handler http.Handler
	dropped []string
}

func book(t testing.TB) *policy.Book {
	t.Helper()
	set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(documents)}})
	b, more := policy.Compile(set)
	for _, f := range append(findings, more...) {
		if f.Code[0] == 'E' {
			t.Fatal(f)
		}
	}
	return b
}

// newWorld has an engine whose every other commit is run again.
func newWorld(t testing.TB, o scim.Options) *world {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return worldOn(t, enginetest.Again(e), o)
}

func worldOn(t testing.TB, e store.Engine, o scim.Options) *world {
	t.Helper()
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Store, o.Rules, o.BaseURL = s, access.NewRules(book(t), nil), baseURL
	if o.Source == nil {
		o.Source = func(c echo.Context) string { return c.Request().Header.Get("From") }
	}
	o.Dropped = func(source, attribute, _ string) { w.dropped = append(w.dropped, source+" "+attribute) }
	h, err := scim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	router := echo.New()
	h.Mount(router.Group("/scim/v2"))
	w.handler = router
	return w
}

// A reply is what came back.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// send speaks as hr, or as who is named before a colon in the method.
func (w *world) send(method, path, body string, headers ...string) reply {
	w.t.Helper()
	source := "hr"
	if who, verb, ok := strings.Cut(method, ":"); ok {
		source, method = who, verb
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, "/scim/v2"+path, strings.NewReader(body))
	r.Header.Set("From", source)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.do(r)
}

// request makes a request of hr's, if it can be one.
func request(t testing.TB, method, path, body string) (*http.Request, bool) {
	t.Helper()
	u, err := url.ParseRequestURI("/scim/v2" + path)
	if err != nil {
		return nil, false
	}
	r, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, false
	}
	r.Header.Set("From", "hr")
	return r, true
}

func (w *world) do(r *http.Request) reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	got, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{w.t, rec.Code, rec.Header(), string(got)}
}

// is checks the status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// refuses checks that it is a SCIM error.
func (r reply) refuses(status int, scimType, detail string) {
	r.t.Helper()
	r.is(status)
	if got := r.text("scimType"); got != scimType {
		r.t.Errorf("scimType %q, want %q: %s", got, scimType, r.body)
	}
	if got := r.text("detail"); !strings.Contains(got, detail) {
		r.t.Errorf("detail %q, want %q in it", got, detail)
	}
	if !strings.Contains(r.body, "urn:ietf:params:scim:api:messages:2.0:Error") {
		r.t.Errorf("not a SCIM error: %s", r.body)
	}
}

// at returns what is at a path of keys, nil if nothing is.
func (r reply) at(keys ...any) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func (r reply) text(keys ...any) string {
	r.t.Helper()
	s, _ := r.at(keys...).(string)
	return s
}

// has checks what is at a path of keys.
func (r reply) has(want any, keys ...any) reply {
	r.t.Helper()
	if got := r.at(keys...); got != want {
		r.t.Errorf("%v is %v, want %v: %s", keys, got, want, r.body)
	}
	return r
}

func (r reply) members() []string {
	r.t.Helper()
	list, _ := r.at("members").([]any)
	var ids []string
	for _, m := range list {
		o, _ := m.(map[string]any)
		id, _ := o["value"].(string)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *world) user(name string) string {
	w.t.Helper()
	return w.send("POST", "/Users", `{"userName":"`+name+`"}`).is(201).text("id")
}

func (w *world) group(name string, members ...string) string {
	w.t.Helper()
	var list []string
	for _, m := range members {
		list = append(list, `{"value":"`+m+`"}`)
	}
	return w.send("POST", "/Groups", `{"displayName":"`+name+`","members":[`+strings.Join(list, ",")+`]}`).is(201).text("id")
}

func patch(operations string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + operations + `]}`
}

func TestUserFromCreateToDelete(t *testing.T) {
	w := newWorld(t, scim.Options{})
	made := w.send("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Ada","externalId":"e1",
		"emails":[{"value":"ada@x.example","type":"work","primary":true}],"shoeSize":36,"password":"secret",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"}}`).is(201)
	id := made.text("id")
	made.has("Ada", "userName").has(true, "active").has("User", "meta", "resourceType").has(`W/"1"`, "meta", "version").
		has(baseURL+"/Users/"+id, "meta", "location").
		has("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "schemas", 1)
	if made.header.Get("Location") != baseURL+"/Users/"+id || made.header.Get("ETag") != `W/"1"` || made.header.Get("Content-Type") != "application/scim+json" {
		t.Errorf("headers %v", made.header)
	}
	if strings.Contains(made.body, "secret") {
		t.Error("the password came back")
	}
	if want := []string{"hr shoeSize"}; !slices.Equal(w.dropped, want) {
		t.Errorf("told of %v, want %v", w.dropped, want)
	}
	read := w.send("GET", "/Users/"+id, "").is(200)
	if read.body != made.body {
		t.Errorf("reads %s, was made %s", read.body, made.body)
	}

	w.send("POST", "/Users", `{"userName":"ADA"}`).refuses(409, "uniqueness", `userName: "ADA" is taken by user `+id)
	w.send("POST", "/Users", `{"userName":"b","externalId":"e1"}`).refuses(409, "uniqueness", `externalId: "e1" is taken`)

	w.send("PATCH", "/Users/"+id, patch(`{"op":"Replace","path":"active","value":"False"}`)).is(200).has(false, "active").has(`W/"2"`, "meta", "version")
	w.send("PUT", "/Users/"+id, `{"userName":"ada.l","name":{"givenName":"Ada"}}`).is(200).has("Ada", "name", "givenName").has(nil, "emails").
		has(false, "active") // a PUT that says nothing of it must not bring someone back
	w.send("PUT", "/Users/"+id, `{"userName":"ada.l","name":{"givenName":"Ada"}}`).is(200).has(`W/"3"`, "meta", "version")

	other := w.user("b")
	w.send("PATCH", "/Users/"+other, patch(`{"op":"replace","path":"userName","value":"ada.l"}`)).refuses(409, "uniqueness", "ada.l")
	w.send("DELETE", "/Users/"+id, "").is(204)
	w.send("GET", "/Users/"+id, "").refuses(404, "", "there is no user")
	w.send("DELETE", "/Users/"+id, "").refuses(404, "", "there is no user")
	if again := w.user("ada.l"); again == id {
		t.Error("a deleted user's id came back")
	}
}

func TestIdentityAsPolicySeesIt(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.send("POST", "/Users", `{"userName":"bot","active":false,"meta":{"lastModified":"2026-01-02T03:04:05Z"},
		"emails":[{"value":"h@x","type":"home"},{"value":"w@x","primary":true}],
		"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"Workload","repo":"git/x"}}`).is(201).text("id")
	var got schema.Identity
	err := w.store.View(t.Context(), func(r store.Reader) (err error) {
		got, err = store.Identities.Get(r, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != schema.Workload || got.Active || got.Email != "w@x" || !slices.Equal(got.OtherEmails, []string{"h@x"}) || got.Source != "hr" {
		t.Errorf("stored %+v", got)
	}
	if want := "2026-01-02T03:04:05Z"; got.Occurred.Format("2006-01-02T15:04:05Z07:00") != want {
		t.Errorf("it happened at %v, want %s", got.Occurred, want)
	}
	if want := `{"userName":"bot","active":false,"emails":[{"value":"h@x","type":"home"},{"value":"w@x","primary":true}],` +
		`"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload","repo":"git/x"}}`; string(got.Resource) != want {
		t.Errorf("stored %s", got.Resource)
	}
}

// TestWhenItHappened sends the source's own time in each way there is, and in
// those that are not one.
func TestWhenItHappened(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.user("a")
	occurred := func() string {
		t.Helper()
		var got schema.Identity
		err := w.store.View(t.Context(), func(r store.Reader) (err error) {
			got, err = store.Identities.Get(r, id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Occurred.IsZero() {
			return ""
		}
		return got.Occurred.Format("2006")
	}
	echoed := w.send("GET", "/Users/"+id, "").is(200).text("meta", "lastModified")
	const ours = "urn:drawbridge:scim:schemas:extension:2.0:User"
	for _, step := range []struct{ method, body, want string }{
		{"PUT", `{"userName":"a","title":"1","meta":{"lastModified":"` + echoed + `"}}`, ""}, // an echo of ours
		{"PUT", `{"userName":"a","title":"2","meta":{"lastModified":"2999-01-01T00:00:00Z"}}`, ""},
		{"PUT", `{"userName":"a","title":"3","` + ours + `":{"occurred":"2021-01-01T00:00:00Z"}}`, "2021"},
		{"PATCH", patch(`{"op":"add","path":"` + ours + `:occurred","value":"2022-01-01T00:00:00Z"},{"op":"add","path":"title","value":"4"}`), "2022"},
		{"PATCH", patch(`{"op":"replace","value":{"title":"5","` + ours + `":{"occurred":"2023-01-01T00:00:00Z"}}}`), "2023"},
		{"PATCH", patch(`{"op":"replace","value":{"title":"6"}}`), ""},
	} {
		r := w.send(step.method, "/Users/"+id, step.body).is(200)
		if got := occurred(); got != step.want {
			t.Errorf("%s %s happened at %q, want %q", step.method, step.body, got, step.want)
		}
		if strings.Contains(r.body, "occurred") {
			t.Errorf("the time of the request is in the record: %s", r.body)
		}
	}
}

func TestSourcesDoNotSeeEachOther(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id, group := w.user("ada"), w.group("g")
	for _, path := range []string{"/Users/" + id, "/Groups/" + group} {
		w.send("other:GET", path, "").refuses(404, "", "there is no")
		w.send("other:PUT", path, `{"userName":"x","displayName":"x"}`).refuses(404, "", "there is no")
		w.send("other:PATCH", path, patch(``)).refuses(404, "", "there is no")
		w.send("other:DELETE", path, "").refuses(404, "", "there is no")
	}
	w.send("other:GET", "/Users", "").is(200).has(0.0, "totalResults")
	w.send("other:GET", "/Groups", "").is(200).has(0.0, "totalResults")
	for _, filter := range []string{`userName+eq+"ada"`, `id+eq+"` + id + `"`, `groups.value+eq+"` + group + `"`} {
		w.send("other:GET", "/Users?filter="+strings.ReplaceAll(filter, `"`, "%22"), "").is(200).has(0.0, "totalResults")
	}
	theirs := w.send("other:POST", "/Users", `{"userName":"ada"}`).is(201).text("id")
	w.send("PATCH", "/Groups/"+group, patch(`{"op":"add","path":"members","value":[{"value":"`+theirs+`"}]}`)).is(204)
	if got := w.send("GET", "/Groups/"+group, "").is(200).members(); len(got) != 0 {
		t.Errorf("a stranger joined: %v", got)
	}
	w.send("watcher:POST", "/Users", `{"userName":"x"}`).is(201) // recorded, and counts for nothing
	w.send("nobody:POST", "/Users", `{"userName":"x"}`).refuses(403, "", "no Source document")
	w.send(":GET", "/Users", "").refuses(401, "", "names no source")
}

func TestGroupMembers(t *testing.T) {
	w := newWorld(t, scim.Options{})
	a, b, c := w.user("a"), w.user("b"), w.user("c")
	g := w.group("Staff", a, b, "nobody")
	want := func(members ...string) {
		t.Helper()
		slices.Sort(members)
		if got := w.send("GET", "/Groups/"+g, "").is(200).members(); !slices.Equal(got, members) {
			t.Errorf("members %v, want %v", got, members)
		}
	}
	edit := func(operations string) { t.Helper(); w.send("PATCH", "/Groups/"+g, patch(operations)).is(204) }
	want(a, b)
	edit(`{"op":"Add","path":"members","value":[{"value":"` + c + `"},{"value":"nobody"}]}`)
	want(a, b, c)
	edit(`{"op":"Remove","path":"members","value":[{"value":"` + a + `"}]}`)
	want(b, c)
	edit(`{"op":"remove","path":"members[value eq \"` + b + `\"]"},{"op":"remove","path":"members[value eq \"nobody\"]"}`)
	want(c)
	edit(`{"op":"replace","value":{"displayName":"Crew","members":[{"value":"` + a + `"},{"value":"` + b + `"}]}}`)
	want(a, b)
	w.send("GET", "/Users/"+a, "").is(200).has("Crew", "groups", 0, "display").has(baseURL+"/Groups/"+g, "groups", 0, "$ref")
	edit(`{"op":"replace","value":{"displayName":"Team"}}`)
	want(a, b)
	w.send("PUT", "/Groups/"+g, `{"displayName":"Team"}`).is(200)
	want(a, b)
	w.send("PUT", "/Groups/"+g, `{"displayName":"Team","members":["`+c+`"]}`).is(200)
	want(c)
	edit(`{"op":"add","value":{"members":{"value":"` + a + `"}}}`)
	want(a, c)
	edit(`{"op":"replace","path":"members","value":[]}`)
	want()
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"replace","path":"members","value":null}`)).refuses(400, "invalidValue", "members")
	edit(`{"op":"add","path":"members","value":[{"value":"` + a + `"}]}`)
	edit(`{"op":"remove","path":"members"}`)
	want()
	nested := w.group("Nested")
	edit(`{"op":"add","path":"members","value":[{"value":"` + nested + `"},{"value":"` + a + `"},{"value":"` + g + `"}]}`)
	want(nested, a)
	w.send("DELETE", "/Users/"+a, "").is(204)
	want(nested)
	w.send("DELETE", "/Groups/"+nested, "").is(204)
	want()
	w.send("DELETE", "/Groups/"+g, "").is(204)
	w.send("GET", "/Groups/"+g, "").refuses(404, "", "there is no group")
}

func TestGroupVersions(t *testing.T) {
	w := newWorld(t, scim.Options{})
	a, g := w.user("a"), w.group("Staff")
	add, version := patch(`{"op":"add","path":"members","value":[{"value":"`+a+`"}]}`), func() string {
		t.Helper()
		return w.send("GET", "/Groups/"+g+"?excludedAttributes=members", "").is(200).text("meta", "version")
	}
	for i, want := range []string{`W/"2"`, `W/"2"`} { // the second time nothing changes
		w.send("PATCH", "/Groups/"+g, add).is(204)
		if got := version(); got != want {
			t.Errorf("after %d: version %s, want %s", i+1, got, want)
		}
	}
	w.send("PATCH", "/Groups/"+g, add, "If-Match", `W/"1"`).refuses(412, "", "it is at version")
	w.send("PUT", "/Groups/"+g, `{"displayName":"x"}`, "If-Match", `W/"2"`).is(200)
	w.send("GET", "/Groups/"+g, "", "If-None-Match", version()).is(304)
	w.send("GET", "/Users/"+a+"?excludedAttributes=groups", "", "If-None-Match", `"1"`).is(304)
	w.send("DELETE", "/Users/"+a, "", "If-Match", `W/"7"`).refuses(412, "", "it is at version")
}

// TestNotModifiedIsTrue changes who is in what by every way there is: whoever asks
// whether what they have is still so is not told yes.
func TestNotModifiedIsTrue(t *testing.T) {
	w := newWorld(t, scim.Options{})
	a, b := w.user("a"), w.user("b")
	inner := w.group("Inner", b)
	g := w.group("Staff", a, inner)
	read := func(path string) string { return w.send("GET", path, "").is(200).text("meta", "version") }
	for _, step := range []struct{ name, see, method, path, body string }{
		{"a user is deleted", "/Groups/" + g, "DELETE", "/Users/" + a, ""},
		{"a group is deleted", "/Groups/" + g, "DELETE", "/Groups/" + inner, ""},
		{"a user joins", "/Users/" + b, "PATCH", "/Groups/" + g, patch(`{"op":"add","path":"members","value":["` + b + `"]}`)},
		{"its group is called otherwise", "/Users/" + b, "PATCH", "/Groups/" + g, patch(`{"op":"replace","path":"displayName","value":"All"}`)},
		{"it leaves", "/Users/" + b, "PUT", "/Groups/" + g, `{"displayName":"All","members":[]}`},
	} {
		had := read(step.see)
		if r := w.send(step.method, step.path, step.body); r.status >= 300 {
			t.Fatalf("%s: status %d: %s", step.name, r.status, r.body)
		}
		if r := w.send("GET", step.see, "", "If-None-Match", had); r.status != 200 {
			t.Errorf("%s: whoever has version %s is told %d", step.name, had, r.status)
		}
	}
}

func TestGroupsWithOneName(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.group("Staff")
	w.send("POST", "/Groups", `{"displayName":"staff"}`).refuses(409, "uniqueness", id)
	w.send("POST", "/Groups", `{"displayName":"Staff","externalId":"1"}`).is(201)
	w.send("POST", "/Groups", `{"displayName":"Staff","externalId":"2"}`).is(201)
	w.send("POST", "/Groups", `{"displayName":"Staff","externalId":"2"}`).refuses(409, "uniqueness", "externalId")
	w.send("POST", "/Groups", `{}`).refuses(400, "invalidValue", "displayName")
}

func TestLists(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 20}})
	ids := map[string]string{}
	for _, name := range []string{"d", "b", "a", "c", "e"} {
		ids[name] = w.send("POST", "/Users", `{"userName":"`+name+`","externalId":"x-`+name+`","title":"T `+name+`",
			"emails":[{"value":"`+name+`@home","primary":true},{"value":"`+name+`@Work","type":"work"}],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7`+name+`"}}`).is(201).text("id")
	}
	g := w.group("Staff", ids["a"], ids["b"])
	find := func(kind, filter string) []string {
		t.Helper()
		r := w.send("GET", "/"+kind+"?filter="+escape(filter), "").is(200)
		var names []string
		for i := range int(r.at("totalResults").(float64)) {
			names = append(names, r.text("Resources", i, map[string]string{"Users": "userName", "Groups": "displayName"}[kind]))
		}
		slices.Sort(names)
		return names
	}
	for filter, want := range map[string]string{
		`userName eq "A"`: "a", `userName Eq "nobody"`: "", `externalId eq "x-b"`: "b", `externalId eq "X-B"`: "",
		`id eq "` + ids["c"] + `"`: "c", `emails.value eq "d@work"`: "d", `emails eq "d@home"`: "d",
		`emails[type eq "work"].value eq "e@work"`: "e", `emails[type eq "work" and value eq "e@work"]`: "e", `emails[type eq "work"].value eq "e@home"`: "",
		`groups.value eq "` + g + `"`: "a b", `groups eq "` + g + `" and userName ne "a"`: "b",
		`userName eq "a" or externalId eq "x-b" or id eq "` + ids["a"] + `"`:                "a b",
		`title co "t" and (userName gt "c" or not (userName ge "b"))`:                       "a d e",
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "7c"`: "c", `employeeNumber sw "7" and title ew "A"`: "a",
		`active eq true and meta.lastModified gt "2020-01-01T00:00:00Z"`: "a b c d e", `active eq "False"`: "", `nickName pr`: "", `not (nickName pr)`: "a b c d e",
	} {
		if got := strings.Join(find("Users", filter), " "); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	for filter, want := range map[string]string{
		`displayName eq "staff"`: "Staff", `members eq "` + ids["a"] + `"`: "Staff", `members[value eq "` + ids["c"] + `"]`: "",
		`id eq "` + g + `" and members eq "` + ids["b"] + `"`: "Staff", `id eq "` + g + `" and members.value eq "` + ids["c"] + `"`: "",
		`displayName sw "st"`: "Staff",
	} {
		if got := strings.Join(find("Groups", filter), " "); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}

	page := w.send("GET", "/Users?startIndex=2&count=2&attributes=userName", "").is(200).
		has(5.0, "totalResults").has(2.0, "startIndex").has(2.0, "itemsPerPage").has("b", "Resources", 0, "userName").has("c", "Resources", 1, "userName").
		has(nil, "Resources", 0, "meta").has(nil, "Resources", 0, "emails")
	if page.text("Resources", 0, "id") != ids["b"] {
		t.Error("a projection without an id")
	}
	w.send("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName gt \"b\"","startIndex":2,"count":2,"attributes":["userName","emails.type"]}`).
		is(200).has(3.0, "totalResults").has("d", "Resources", 0, "userName").has("e", "Resources", 1, "userName").has("work", "Resources", 1, "emails", 0, "type")
	w.send("POST", "/Groups/.search", `{"filter":"displayName eq \"Staff\"","excludedAttributes":["members"],"count":null}`).is(200).has(1.0, "totalResults").has(nil, "Resources", 0, "members")
	w.send("GET", "/Users/.search", "").refuses(405, "", "POST")
	w.send("GET", "/Users?count=0", "").is(200).has(5.0, "totalResults").has(nil, "Resources", 0)
	w.send("GET", "/Users?startIndex=99", "").is(200).has(5.0, "totalResults").has(0.0, "itemsPerPage")
	w.send("GET", "/Users?count=many", "").refuses(400, "invalidValue", "count")
	w.send("GET", "/Groups?excludedAttributes=members", "").is(200).has(nil, "Resources", 0, "members").has("Staff", "Resources", 0, "displayName")
	w.send("GET", "/Groups", "").is(200).has("User", "Resources", 0, "members", 0, "type")
	w.send("GET", "/Users?filter="+escape(`shoeSize eq "1"`), "").refuses(400, "invalidFilter", "shoeSize")
	for i := range 20 {
		w.user("more" + string(rune('a'+i)))
	}
	w.send("GET", "/Users?filter="+escape(`title co "t"`), "").refuses(400, "tooMany", "userName")
	w.send("GET", "/Users?filter="+escape(`userName eq "a"`), "").is(200).has(1.0, "totalResults")
}

func escape(filter string) string {
	return strings.NewReplacer(" ", "+", `"`, "%22", "[", "%5B", "]", "%5D").Replace(filter)
}

func TestProtocol(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{UserBody: 1000, Operations: 3}})
	id := w.user("a")
	r := w.send("POST", "/Users/"+id, "{}")
	r.refuses(405, "", "GET")
	if got, want := r.header.Get("Allow"), "GET, HEAD, PUT, PATCH, DELETE"; got != want {
		t.Errorf("Allow %q, want %q", got, want)
	}
	w.send("DELETE", "/ServiceProviderConfig", "").refuses(405, "", "GET")
	w.send("GET", "/Nothing", "").refuses(404, "", "no such endpoint")
	w.send("TRACE", "/Nothing", "").refuses(404, "", "no such endpoint")
	for _, path := range []string{"/Users/" + id, "/Users/.search", "/Groups/", ""} {
		for _, verb := range []string{"TRACE", "PROPFIND", "get"} {
			if r := w.send(verb, path, ""); r.status != 405 || r.header.Get("Allow") == "" {
				t.Errorf("%s %s: status %d, Allow %q, want 405", verb, path, r.status, r.header.Get("Allow"))
			}
		}
	}
	w.send("PUT", "/", "{}").refuses(405, "", "GET")
	w.send("GET", "/Users/", "").is(200)
	w.send("HEAD", "/Users/"+id, "").is(200)
	w.send("GET", "/Users/"+id+"/", "").is(200).has(id, "id")
	w.send("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User/", "").is(200)
	w.send("GET", "/Users/"+id+"/x", "").refuses(404, "", "no user")
	w.send("POST", "/Me", "{}").refuses(501, "", "not supported")
	w.send("POST", "/Users", `{"userName":"b"}`, "Content-Type", "text/xml").refuses(415, "", "application/scim+json")
	w.send("POST", "/Users", `{"userName":"b"}`, "Content-Type", "application/json; charset=utf-8").is(201)
	w.send("POST", "/Users", "\x1f\x8b\x08", "Content-Encoding", "gzip").refuses(415, "", "Content-Encoding")
	w.send("POST", "/Users", `{"userName":"`+strings.Repeat("x", 2000)+`"}`).refuses(413, "", "larger than 1000 bytes")
	w.send("POST", "/Users", strings.Repeat("[", 500)).refuses(400, "invalidSyntax", "nested deeper")
	w.send("PATCH", "/Users/"+id, patch(`{"op":"remove","path":"title"},{"op":"remove","path":"title"},{"op":"remove","path":"title"},{"op":"remove","path":"title"}`)).
		refuses(413, "tooMany", "split")
	w.send("PATCH", "/Users/"+id, patch(``)).is(200)
	// A filter that is lost would find everybody.
	w.send("GET", "/Users?filter=userName+eq+%22a;b%22", "").is(200).has(0.0, "totalResults")
	w.send("GET", "/Users?filter=%zz", "").refuses(400, "invalidSyntax", "%25")
	w.send("GET", "/Users?filter="+strings.Repeat("(", 100_000), "").refuses(400, "invalidFilter", "longer than")
	w.send("GET", "/Users?filter="+strings.Repeat("(", 100), "").refuses(400, "invalidFilter", "nested deeper")
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t, scim.Options{})
	w.send("GET", "/ServiceProviderConfig", "").is(200).has(true, "patch", "supported").has(true, "bulk", "supported").
		has(true, "etag", "supported").has(baseURL+"/ServiceProviderConfig", "meta", "location")
	w.send("GET", "/ResourceTypes", "").is(200).has(6.0, "totalResults").has("User", "Resources", 0, "id")
	w.send("GET", "/ResourceTypes/Group", "").is(200).has("/Groups", "endpoint")
	w.send("GET", "/ResourceTypes/Robot", "").refuses(404, "", "Robot")
	schemas := w.send("GET", "/Schemas", "").is(200).has(11.0, "totalResults")
	if strings.Contains(schemas.body, `"password"`) {
		t.Error("a password is advertised, and none is kept")
	}
	w.send("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "").is(200).has("User", "name").has("Schema", "meta", "resourceType")
	w.send("GET", "/Schemas?filter="+escape(`id eq "x"`), "").refuses(403, "", "not filtered")
}

func TestAPanicIsAnAnswer(t *testing.T) {
	w := newWorld(t, scim.Options{Log: slog.New(slog.DiscardHandler), Source: func(c echo.Context) string {
		if c.Request().Header.Get("From") == "boom" {
			panic("boom")
		}
		return "hr"
	}})
	w.send("boom:GET", "/Users", "").refuses(500, "", "something is wrong inside")
	w.user("a")
}
