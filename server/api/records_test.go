package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// severally is the policy with a directory beside hr, which says departments where hr
// says none, and titles.
var severally = strings.NewReplacer(
	`department: { type: string, from: [hr] }`, `department: { type: string, from: [hr, okta] }
    title: { type: string, from: [okta] }`,
	`spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }`, `spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*", department] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: okta, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [title, department], correlateBy: [externalId, email], scope: 'identity.kind == "human"' }`,
).Replace(documents)

// A sender is a source that speaks SCIM over HTTP.
type sender struct {
	*world
	secret string
}

func (w *world) sender(source string) sender {
	w.t.Helper()
	var secret string
	w.update(func(tx store.Tx) (err error) {
		secret, _, err = tokenKey.Issue(tx, "token/test", schema.Token{Source: source})
		return err
	})
	return sender{w, secret}
}

// user is what of a SCIM user the tests look at.
type user struct {
	ID       string `json:"id"`
	UserName string `json:"userName"`
	Active   bool   `json:"active"`
	Title    string `json:"title"`
	Kind     struct {
		Kind string `json:"kind"`
	} `json:"urn:drawbridge:scim:schemas:extension:2.0:User"`
}

func (s sender) send(status int, method, path, body string) (u user) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.secret)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		s.t.Fatalf("%s %s: %d, want %d", method, path, res.StatusCode, status)
	}
	if status < 300 && status != http.StatusNoContent {
		if err := json.NewDecoder(res.Body).Decode(&u); err != nil {
			s.t.Fatal(err)
		}
	}
	return u
}

// countOf counts the decisions about a subject with a verb.
func (w *world) countOf(subject string, verb schema.Verb) (n int) {
	w.t.Helper()
	for _, v := range w.decided(subject) {
		if v == verb {
			n++
		}
	}
	return n
}

// TestTwoSenders has a directory and an HR system tell of one person, the directory
// first, and looks at what each of them reads back, and at what comes of it. R-SRC-3.
func TestTwoSenders(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, severally))
	hr, okta := w.sender("hr"), w.sender("okta")
	theirs := okta.send(201, "POST", "/Users", `{"userName":"ada@corp","active":true,"title":"Engineer","emails":[{"value":"Ada@Corp.Example"}],
		"displayName":"Not her name","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering"}}`)
	w.reconcile()
	var waiting api.List[api.RecordView]
	w.want(200, "viewer", "GET", "/api/v1/sources/okta/records?place=waiting", "", &waiting)
	if len(waiting.Items) != 1 || waiting.Items[0].ID != theirs.ID || !slices.Contains(waiting.Items[0].Ignored, "displayName") {
		t.Errorf("waiting are %+v", waiting.Items)
	}
	ours := hr.send(201, "POST", "/Users", `{"userName":"ada","active":true,"emails":[{"value":"ada@corp.example"}],"displayName":"Ada"}`)
	w.reconcile()
	person := w.whoIs(ours.ID)
	if person.ID != ours.ID || len(person.Records) != 2 || person.Resource == nil || len(person.Assignments) != 1 {
		t.Fatalf("she is %+v", person)
	}
	for name, from := range map[string]string{"identity.department": "okta", "identity.title": "okta", "identity.active": "hr"} {
		if got := person.Attributes[name].Sources; !slices.Equal(got, []string{from}) {
			t.Errorf("%s is from %v, want %s", name, got, from)
		}
	}
	if !strings.Contains(string(person.Resource), `"displayName":"Ada"`) {
		t.Errorf("targets are told %s", person.Resource)
	}
	hr.send(404, "GET", "/Users/"+theirs.ID, "")

	// What okta may not say is answered as it was sent, and ignored once for each change.
	off := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`
	for range 3 {
		if got := okta.send(200, "PATCH", "/Users/"+theirs.ID, off); got.Active {
			t.Error("it does not read back what it wrote")
		}
		if got := okta.send(200, "GET", "/Users/"+theirs.ID, ""); got.Active {
			t.Error("it does not read back what it wrote")
		}
	}
	w.reconcile()
	if n := w.countOf(ours.ID, schema.Ignored); n != 1 {
		t.Errorf("ignored %d times, want once", n)
	}
	if person := w.whoIs("ada"); !person.Active || len(person.Assignments) != 1 {
		t.Errorf("she is %+v", person)
	}

	// Its deletion ends its record and nothing else, and it may tell of her again.
	okta.send(204, "DELETE", "/Users/"+theirs.ID, "")
	okta.send(404, "GET", "/Users/"+theirs.ID, "")
	okta.send(404, "DELETE", "/Users/"+theirs.ID, "")
	w.reconcile()
	if person := w.whoIs("ada"); !person.Active || person.Gone() || len(person.Records) != 1 {
		t.Errorf("she is %+v", person)
	}
	okta.send(201, "POST", "/Users", `{"userName":"ada@corp","active":true,"title":"Chief","emails":[{"value":"ada@corp.example"}]}`)
	w.reconcile()
	if got := w.whoIs("ada@corp"); got.ID != ours.ID || got.Attributes["identity.title"].Value != "Chief" {
		t.Errorf("she is %+v", got)
	}

	// Beyond its scope it is recorded, and nothing comes of it.
	if got := okta.send(201, "POST", "/Users", `{"userName":"robot","urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload"}}`); got.Kind.Kind != "workload" {
		t.Errorf("it reads back %+v", got)
	}
	var sources api.List[api.SourceView]
	w.want(200, "viewer", "GET", "/api/v1/sources", "", &sources)
	if got := sources.Items[1]; got.Name != "okta" || got.OutOfScope != 1 || got.Waiting != 0 || got.Ambiguous != 0 {
		t.Errorf("okta is %+v", got)
	}
	hr.send(204, "DELETE", "/Users/"+ours.ID, "")
	w.reconcile()
	if person := w.whoIs(ours.ID); !person.Gone() || len(person.Assignments) != 0 {
		t.Errorf("she is %+v", person)
	}
}

// whoIs reads a person as an auditor does.
func (w *world) whoIs(name string) (p api.Person) {
	w.t.Helper()
	w.want(200, "auditor", "GET", "/api/v1/identities/"+name, "", &p)
	return p
}

// TestJoinAndSplit has a person say whose an ambiguous record is.
func TestJoinAndSplit(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, severally))
	hr, okta := w.sender("hr"), w.sender("okta")
	one := hr.send(201, "POST", "/Users", `{"userName":"a","emails":[{"value":"shared@x"}]}`)
	hr.send(201, "POST", "/Users", `{"userName":"b","emails":[{"value":"shared@x"}]}`)
	theirs := okta.send(201, "POST", "/Users", `{"userName":"c","emails":[{"value":"shared@x"}]}`)
	var list api.List[api.RecordView]
	w.want(200, "viewer", "GET", "/api/v1/sources/okta/records", "", &list)
	if len(list.Items) != 1 || list.Items[0].Place != schema.Ambiguous || !strings.Contains(list.Items[0].Why, one.ID) {
		t.Errorf("kept apart are %+v", list.Items)
	}
	join := "/api/v1/records/" + theirs.ID + "/join"
	w.want(403, "approver", "POST", join, `{"identity":"a","reason":"I know her"}`, nil)
	w.want(422, "operator", "POST", join, `{"identity":"a"}`, nil)
	w.want(409, "operator", "POST", "/api/v1/records/"+one.ID+"/join", `{"identity":"b","reason":"two of one source"}`, nil)
	w.want(404, "operator", "POST", "/api/v1/records/nothing/join", `{"identity":"b","reason":"nobody"}`, nil)
	var done api.Attached
	w.want(200, "operator", "POST", join+"?dryRun=true", `{"identity":"a","reason":"I know her"}`, &done)
	if !done.DryRun || done.Identity != one.ID {
		t.Errorf("it would be %+v", done)
	}
	w.want(200, "operator", "POST", join, `{"identity":"a","reason":"I know her"}`, &done)
	if !done.Bound || done.Identity != one.ID || done.Place != "" {
		t.Errorf("it is %+v", done)
	}
	if n := w.countOf(one.ID, schema.Correlated); n != 1 {
		t.Errorf("%d decisions, want one", n)
	}
	w.want(409, "operator", "POST", join, `{"identity":"a","reason":"again"}`, nil)
	split := "/api/v1/records/" + theirs.ID + "/split"
	w.want(200, "operator", "POST", split, `{"reason":"I was wrong"}`, &done)
	if !done.Apart || done.Identity != theirs.ID || done.Place != schema.Waiting {
		t.Errorf("it is %+v", done)
	}
	w.want(409, "operator", "POST", split, `{"reason":"again"}`, nil)
}

// TestLift takes away what a revocation put against a birthright.
func TestLift(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada")
	w.want(200, "operator", "POST", "/api/v1/revocations", `{"identity":"ada","role":"engineer","reason":"lab closed"}`, nil)
	w.reconcile()
	if got := w.whoIs("ada"); len(got.Assignments) != 0 || len(got.Tombstones) != 1 {
		t.Fatalf("she is %+v", got)
	}
	w.want(403, "auditor", "POST", "/api/v1/liftings", `{"identity":"ada","role":"engineer","reason":"it is open again"}`, nil)
	w.want(404, "approver", "POST", "/api/v1/liftings", `{"identity":"ada","role":"editor","reason":"nothing is there"}`, nil)
	var out api.Lifted
	w.want(200, "approver", "POST", "/api/v1/liftings", `{"identity":"ada","role":"engineer","reason":"it is open again"}`, &out)
	w.reconcile()
	if got := w.whoIs("ada"); len(got.Assignments) != 1 || len(got.Tombstones) != 0 || out.Identity != ada.ID {
		t.Errorf("she is %+v", got)
	}
	if n := w.countOf(ada.ID, schema.Lifted); n != 1 {
		t.Errorf("%d decisions, want one", n)
	}
}
