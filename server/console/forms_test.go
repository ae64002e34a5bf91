package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/console"
	"drawbridge/store"
)

var (
	forms  = regexp.MustCompile(`(?s)<form[^>]*method="post".*?</form>`)
	sentTo = regexp.MustCompile(`(?:form)?action="([^"]*)"`)
	named  = regexp.MustCompile(`\sname="([^"]*)"`)
)

// TestFormsAreCalls walks the pages as everybody, and holds each form there is to being
// one call of the API: what is sent is what the API takes, under the same names, by who
// may; and everything that can be done is offered on some page to somebody.
func TestFormsAreCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.offering()
	takes := w.bodies()
	all := console.Actions()
	for path, a := range all {
		for _, field := range a.Fields {
			if !slices.Contains(takes["/api/v1"+a.API], field) {
				t.Errorf("%s sends %s, and %s takes %v", path, field, a.API, takes["/api/v1"+a.API])
			}
		}
	}
	offered := map[string]bool{}
	look := func(at, text string) {
		for _, form := range forms.FindAllString(text, -1) {
			for _, path := range w.heldTo(at, form, all) {
				offered[path] = true
			}
		}
	}
	for _, who := range append(names(schema.APIRoles()), "iam@example.com") {
		pages, _ := w.as(who).crawl()
		for at, text := range pages {
			look(at, text)
		}
	}
	w.update(func(tx store.Tx) error { return store.Halts.Delete(tx, "*") })
	look("/console/halt", w.as("operator").shows("/console/halt"))
	for path := range all {
		if !offered[path] {
			t.Errorf("%s is on no page that anybody saw", path)
		}
	}
}

const glass = `
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: itsm, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [ticket] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: glass, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: break-glass
  mode: enforce
  intent: Restore service when the normal path is not there.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  bypass:
    when: ticket.kind == "incident"
    approval: after
    evidenceBefore: [incident, reason]
    evidenceAfter: [actions]
    evidenceWithin: 24h
    reviewers: { group: Security, min: 1, excludeSubject: true }
    reviewWithin: 72h
    notify: [iam@example.com]
    drillEvery: 90d
  grants: [{ connector: wiki, entitlement: editors }]
  duration: { default: 1h, max: 4h }
  onEnd: { verifyRemoved: true, within: 15m }
  triggers: [leaver]
  concurrent: { max: 2 }
  review: { every: 365d }
`

// offering is a world in which everything that can be done is there to be done.
func (w *world) offering() {
	w.t.Helper()
	set, problems := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(strings.Replace(documents, "spec:\n  mode: enforce\n", "spec:\n  mode: enforce\n  publication: { approvers: { group: Security, min: 1 } }\n", 1) + glass)}})
	book, more := policy.Compile(set)
	for _, f := range append(problems, more...) {
		if f.Severity == policy.Error && strings.Contains(f.Object, "glass") {
			w.t.Fatal(f)
		}
	}
	w.rules.Use(book)
	ada := w.full()
	w.update(func(tx store.Tx) error {
		hr, now := access.Provenance{Source: "hr", Received: tx.Now(), Book: book}, tx.Now()
		iam, err := access.FindIdentity(tx, "iam@example.com")
		if err != nil {
			return err
		}
		group, err := access.AdmitGroup(tx, hr, schema.Group{DisplayName: "Security"})
		if err == nil {
			_, err = access.Join(tx, hr, schema.Member{Group: group.ID, Member: iam.ID})
		}
		if err != nil {
			return err
		}
		return errors.Join(w.offered(tx, now, ada.ID, iam.ID)...)
	})
	w.reconcile()
	w.as("iam@example.com").sends("/console/requests", "/console/requests", "role", "editor", "identity", "iam@example.com", "reason", "I need it")
	w.as("operator").sends("/console/requests", "/console/requests", "role", "editor", "identity", "ada@example.com", "reason", "she needs it")
}

func (w *world) offered(tx store.Tx, now time.Time, ada, iam string) []error {
	id := func(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-0000000001%02d", n) }
	except := func(n int, state schema.ExceptionState) error {
		return store.Exceptions.Put(tx, schema.Exception{ID: id(n), Constraint: "x", Identity: ada, By: "token/x", Requester: ada, Made: now, Due: now.Add(time.Hour),
			Expires: now.Add(time.Hour), State: state, Compensating: []string{"y"}})
	}
	publish := func(n int, state schema.PublicationState, agreed ...schema.Approval) error {
		return store.Publications.Put(tx, schema.Publication{ID: id(n), Digest: "5f0c5f0c5f0c5f0c", State: state, By: "token/x", Plan: "77", Made: now, Approvals: agreed})
	}
	return []error{
		except(1, schema.ExceptionOpen), except(2, schema.ExceptionApproved), publish(3, schema.PublicationProposed), publish(4, schema.PublicationApproved, schema.Approval{By: "identity/" + iam, At: now}),
		store.Findings.Put(tx, schema.Finding{Kind: "unmanaged", Connector: "wiki", Subject: ada, Object: "Pins", Reason: "x", First: now, Last: now}),
		store.Tombstones.Put(tx, schema.Tombstone{Identity: ada, Role: "editor", At: now, By: "token/x", Reason: "y"}),
		store.Reviews.Put(tx, schema.Review{ID: id(5), Kind: schema.ReviewRole, Of: "engineer", By: "token/x", Opened: now, Due: now, State: schema.ReviewClosed, Items: 1}),
		store.ReviewItems.Put(tx, schema.ReviewItem{Review: "01900000-0000-7000-8000-0000000000aa", Identity: ada, Holding: "role/editor", Grants: []string{"g"},
			State: schema.ItemOpen, Awaits: []string{"identity/" + iam}}),
		store.Bypasses.Put(tx, schema.Bypass{ID: id(6), Role: "glass", Identity: ada, By: "token/x", Reason: "y", Taken: now, Until: now.Add(time.Hour), Grant: "g",
			State: schema.BypassOpen, Reviewers: "Security", Needs: 1, ReviewBy: now.Add(time.Hour), Owed: []string{"actions"}}),
		store.Machines.Put(tx, schema.Machine{Identity: "01900000-0000-7000-8000-000000000001", Stopped: now, StoppedBy: "token/x"}),
		store.Identities.Put(tx, schema.Identity{ID: "01900000-0000-7000-8000-000000000002", Source: "hr", Kind: schema.Workload, UserName: "robot2", Active: true,
			Resource: json.RawMessage("{}"), Version: 1, Created: now, Modified: now}),
		store.Machines.Put(tx, schema.Machine{Identity: "01900000-0000-7000-8000-000000000002"}),
	}
}

// heldTo says which actions a form is, and fails where it is none, or says more.
func (w *world) heldTo(at, form string, all map[string]console.Action) (paths []string) {
	w.t.Helper()
	var fields []string
	for _, to := range sentTo.FindAllStringSubmatch(form, -1) {
		to := strings.TrimPrefix(html.UnescapeString(to[1]), "/console/")
		if to == "logout" {
			return nil
		}
		found := ""
		for path := range all {
			if like(path, to) && (found == "" || strings.Count(path, "{") < strings.Count(found, "{")) {
				found = path
			}
		}
		if found == "" {
			w.t.Errorf("%s has a form that is sent to %s, where nothing is taken", at, to)
			continue
		}
		paths, fields = append(paths, found), append(fields, all[found].Fields...)
	}
	for _, name := range named.FindAllStringSubmatch(form, -1) {
		if name[1] != "form" && name[1] != "back" && !slices.Contains(fields, name[1]) {
			w.t.Errorf("%s has the field %s, which %v does not send", at, name[1], paths)
		}
	}
	return paths
}

// like reports whether a path is one of a pattern's.
func like(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return len(want) == len(got) && !slices.ContainsFunc(want, func(part string) bool {
		i := slices.Index(want, part)
		return !strings.HasPrefix(part, "{") && part != got[i]
	})
}

func names(roles []schema.APIRole) (all []string) {
	for _, r := range roles {
		all = append(all, string(r))
	}
	return all
}

// bodies returns what each operation takes, as the API's document has it.
func (w *world) bodies() map[string][]string {
	w.t.Helper()
	res, err := http.Get(w.url + "/api/openapi.json")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	type object struct {
		Ref        string         `json:"$ref"`
		Properties map[string]any `json:"properties"`
	}
	var document struct {
		Paths map[string]map[string]struct {
			Body struct {
				Content map[string]struct {
					Schema object `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]object `json:"schemas"`
		} `json:"components"`
	}
	if err := json.NewDecoder(res.Body).Decode(&document); err != nil {
		w.t.Fatal(err)
	}
	all := map[string][]string{}
	for path, methods := range document.Paths {
		body := methods["post"].Body.Content["application/json"].Schema
		if name, ok := strings.CutPrefix(body.Ref, "#/components/schemas/"); ok {
			body = document.Components.Schemas[name]
		}
		for field := range body.Properties {
			all[path] = append(all[path], field)
		}
	}
	return all
}
