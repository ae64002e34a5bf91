package api_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/api"
)

const constrained = `
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: readers-do-not-edit, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: separation-of-duties
  risk: high
  rationale: Who reads does not edit.
  conflict: [[wiki/readers], [wiki/editors]]
  enforcement: prevent
`

// R-EXC-1, R-EXC-3: an exception is asked for, allowed by who answers for the
// constraint, and cited by what it lets through.
func TestExceptions(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, documents+constrained))
	w.person("ada@example.com")
	w.person("iam@example.com")
	ask := `{"role":"editor","reason":"the handbook is due"}`
	if text := w.want(403, "ada", "POST", "/api/v1/requests", ask, nil); !strings.Contains(text, "readers-do-not-edit") {
		t.Errorf("refused, but not for the constraint: %s", text)
	}
	body := `{"constraint":"readers-do-not-edit","reason":"nobody else is here","compensating":["Bob looks on"],"expires":"` + time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339) + `"}`
	w.want(422, "ada", "POST", "/api/v1/exceptions", strings.Replace(body, `["Bob looks on"]`, `[]`, 1), nil)
	var e api.ExceptionView
	w.want(201, "ada", "POST", "/api/v1/exceptions", body, &e)
	path := "/api/v1/exceptions/" + e.ID
	w.want(403, "ada", "POST", path+"/approve", `{"reason":"why not"}`, nil)
	w.want(403, "approver", "POST", path+"/approve", `{"reason":"why not"}`, nil)
	w.want(403, "viewer", "POST", path+"/approve", `{"reason":"why not"}`, nil)
	for as, waits := range map[string]int{"iam": 1, "ada": 0} { // ada may not decide about her own
		if got, _ := pages[api.ExceptionView](w, "/api/v1/exceptions?state=open&approver="+as+"@example.com"); len(got) != waits {
			t.Errorf("%d wait for %s, want %d", len(got), as, waits)
		}
	}
	w.want(200, "iam", "POST", path+"/approve", `{"reason":"until December"}`, &e)
	if e.State != schema.ExceptionApproved || e.UserName != "ada@example.com" {
		t.Errorf("allowed: %+v", e)
	}
	w.want(201, "ada", "POST", "/api/v1/requests", ask, nil)
	for as, sees := range map[string]bool{"viewer": false, "auditor": true} {
		for _, list := range []string{"/api/v1/exceptions", "/api/v1/exceptions?identity=ada@example.com&state=approved&constraint=readers-do-not-edit"} {
			text := w.want(200, as, "GET", list, "", nil)
			if !strings.Contains(text, e.ID) || strings.Contains(text, "nobody else is here") != sees || strings.Contains(text, "Bob looks on") != sees {
				t.Errorf("%s as %s: people's own words are there: %v, want %v", list, as, !sees, sees)
			}
		}
	}
	w.want(200, "iam", "POST", path+"/end", `{"reason":"somebody came"}`, &e)
	w.want(409, "iam", "POST", path+"/end", `{"reason":"again"}`, nil)
}
