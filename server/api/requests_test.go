package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/server/api"
)

// R-POL-3, R-OWN-3: who may decide is whom the credential stands for.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	w.person("ada@example.com")
	w.person("iam@example.com")
	body := `{"role":"editor","reason":"the handbook is due","lasts":"2h"}`
	var q api.RequestView
	w.want(201, "ada", "POST", "/api/v1/requests?dryRun=true", body, &q)
	if !q.DryRun || q.UserName != "ada@example.com" || !slices.Equal(q.Deciders, []string{"iam@example.com"}) {
		t.Errorf("dry run: %+v", q)
	}
	if text := w.want(403, "viewer", "POST", "/api/v1/requests", body, nil); !strings.Contains(text, "stands for no person") {
		t.Errorf("a program asks for itself: %s", text)
	}
	w.want(201, "ada", "POST", "/api/v1/requests", body, &q)
	w.want(409, "ada", "POST", "/api/v1/requests", body, nil)
	path := "/api/v1/requests/" + q.ID
	for as, sees := range map[string]bool{"viewer": false, "auditor": true, "ada": true} {
		for _, list := range []string{path, "/api/v1/requests?identity=ada@example.com", "/api/v1/requests?role=editor", "/api/v1/requests?state=open", "/api/v1/requests"} {
			text := w.want(200, as, "GET", list, "", nil)
			if strings.Contains(text, "the handbook is due") != sees || !strings.Contains(text, q.ID) {
				t.Errorf("%s as %s: people's own words are there: %v, want %v: %s", list, as, !sees, sees, text)
			}
		}
	}
	yes := `{"reason":"it is due"}`
	w.want(403, "viewer", "POST", path+"/approve", yes, nil)
	w.want(403, "ada", "POST", path+"/approve", yes, nil)
	if text := w.want(403, "approver", "POST", path+"/approve", yes, nil); !strings.Contains(text, "stands for no person") {
		t.Errorf("a program decides: %s", text)
	}
	w.want(422, "iam", "POST", path+"/approve", `{}`, nil)
	var inbox api.List[api.RequestView]
	if w.want(200, "iam", "GET", "/api/v1/requests?approver=me", "", &inbox); len(inbox.Items) != 1 || inbox.Items[0].ID != q.ID {
		t.Errorf("the inbox: %+v", inbox)
	}
	if w.want(200, "viewer", "GET", "/api/v1/requests?approver=ada@example.com", "", &inbox); len(inbox.Items) != 0 {
		t.Errorf("the inbox of who asked: %+v", inbox)
	}
	w.want(200, "iam", "POST", path+"/approve?dryRun=true", yes, &q)
	if q.State != schema.RequestFulfilled || !q.DryRun {
		t.Errorf("dry run: %+v", q)
	}
	w.want(200, "iam", "POST", path+"/approve", yes, &q)
	w.reconcile()
	if got, _ := pages[schema.Assignment](w, "/api/v1/assignments?entitlement=wiki/editors"); len(got) != 1 {
		t.Errorf("who holds it now: %+v", got)
	}
	w.want(409, "iam", "POST", path+"/deny", yes, nil)
	w.want(404, "iam", "POST", "/api/v1/requests/none/deny", yes, nil)
}

func TestRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"nobody decides": {`{"role":"editor","reason":"x"}`, 403}, // iam is not known
		"no such role":   {`{"role":"nothing","reason":"x"}`, 404},
		"by rule":        {`{"role":"engineer","reason":"x"}`, 403},
		"no reason":      {`{"role":"editor","reason":""}`, 422},
		"how long":       {`{"role":"editor","reason":"x","lasts":"soon"}`, 422},
		"nobody":         {`{"role":"editor","reason":"x","identity":"eve"}`, 404},
	} {
		t.Run(name, func(t *testing.T) { w.want(test.status, "ada", "POST", "/api/v1/requests", test.body, nil) })
	}
	denied := 0
	for _, d := range w.about(ada.ID) {
		if d.Verb == schema.Denied {
			denied++
		}
	}
	if denied != 2 {
		t.Errorf("%d denials in the log, want those of the two that a rule refused", denied)
	}
}

// An inbox, and lists by every index, come in pages that lose nothing.
func TestRequestsInPages(t *testing.T) {
	w := newWorld(t)
	w.person("iam@example.com")
	want := 7
	for i := range want {
		name := fmt.Sprintf("p%d@example.com", i)
		w.person(name)
		w.want(201, "viewer", "POST", "/api/v1/requests", `{"role":"editor","reason":"x","identity":"`+name+`"}`, nil)
	}
	for _, path := range []string{"/api/v1/requests?limit=3", "/api/v1/requests?limit=3&role=editor", "/api/v1/requests?limit=3&state=open", "/api/v1/requests?approver=iam@example.com"} {
		if got, _ := pages[api.RequestView](w, path); len(got) != want {
			t.Errorf("%s: %d, want %d", path, len(got), want)
		}
	}
}
