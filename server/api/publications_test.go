package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// asked is a body of an operation that publishes.
func asked(t *testing.T, fields map[string]any) string {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// R-PUB-2, R-PUB-3: over HTTP a policy is proposed, agreed to as the person behind the
// credential, published as its plan, listed, shown and gone back from.
func TestPublications(t *testing.T) {
	w := newWorld(t)
	sound, _, _ := strings.Cut(documents, "\n---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: unowned }")
	governed := strings.Replace(sound, "  mode: enforce\n  identity:", "  mode: enforce\n  publication: { approvers: { group: Board, min: 1 }, require: [lint, plan] }\n  identity:", 1)
	w.rules.Use(compile(t, governed))
	w.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, w.rules.Book(), "bridge", map[string]string{"policy.yaml": governed})
		return err
	})
	first := w.rules.Book().Digest()
	w.person("ada@example.com")
	next := map[string]string{"policy.yaml": strings.Replace(sound, "grants: [{ connector: wiki, entitlement: readers }]", "grants: [{ connector: wiki, entitlement: editors }]", 1)}

	var plan api.PlanReply
	w.want(200, "operator", "POST", "/api/v1/policy/plan", asked(t, map[string]any{"files": next}), &plan)
	body := asked(t, map[string]any{"files": next, "seen": plan.SavedPlan, "reason": "editors"})
	if text := w.want(403, "ada", "POST", "/api/v1/publications", body, nil); !strings.Contains(text, "1 of the group Board must agree, and 0 could") {
		t.Errorf("with an empty board: %s", text)
	}
	w.update(func(tx store.Tx) error {
		p := access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}
		iam, err := access.Admit(tx, p, schema.Identity{UserName: "iam@example.com", Email: "iam@example.com", Active: true, Resource: json.RawMessage(`{"userName":"iam@example.com"}`)})
		if err != nil {
			return err
		}
		board, err := access.AdmitGroup(tx, p, schema.Group{DisplayName: "Board"})
		if err != nil {
			return err
		}
		_, err = access.Join(tx, p, schema.Member{Group: board.ID, Member: iam.ID})
		return err
	})
	w.want(403, "approver", "POST", "/api/v1/publications", body, nil)
	if text := w.want(409, "ada", "POST", "/api/v1/policy/publish", body, nil); !strings.Contains(text, "must agree to it first") {
		t.Errorf("published before anybody agreed: %s", text)
	}
	w.want(403, "operator", "POST", "/api/v1/policy/publish", strings.Replace(body, `"reason"`, `"alone":true,"reason"`, 1), nil)
	var q api.PublicationView
	w.want(201, "ada", "POST", "/api/v1/publications", body, &q)
	if q.State != schema.PublicationProposed || q.Awaits != 1 || len(q.Deciders) != 1 || q.ProposerName != "ada@example.com" {
		t.Errorf("proposed: %+v", q)
	}
	path := "/api/v1/publications/" + q.ID
	w.want(403, "ada", "POST", path+"/approve", `{"reason":"mine"}`, nil)
	w.want(403, "approver", "POST", path+"/approve", `{"reason":"a program's"}`, nil)
	w.want(200, "iam", "POST", path+"/approve?dryRun=true", `{"reason":"they write"}`, nil)
	w.want(200, "iam", "POST", path+"/approve", `{"reason":"they write"}`, &q)
	for as, sees := range map[string]bool{"viewer": false, "auditor": true} {
		if text := w.want(200, as, "GET", path, "", &q); strings.Contains(text, "they write") != sees || q.SavedPlan == nil || q.SavedPlan.Plan.Hash != plan.Plan.Hash {
			t.Errorf("as %s people's words are seen: %v, want %v; plan %v", as, !sees, sees, q.SavedPlan)
		}
	}
	w.want(200, "operator", "POST", path+"/publish?dryRun=true", "", nil)
	if w.rules.Book().Digest() != first {
		t.Error("a dry run put it in force")
	}
	w.want(200, "operator", "POST", path+"/publish", "", &q)
	if q.State != schema.PublicationPublished || w.rules.Book().Digest() != q.Digest {
		t.Errorf("published: %+v", q)
	}
	w.want(409, "operator", "POST", path+"/publish", "", nil)
	var list api.List[api.PublicationView]
	w.want(200, "viewer", "GET", "/api/v1/publications?state=published", "", &list)
	if len(list.Items) != 2 || list.Items[0].InForce || !list.Items[1].InForce {
		t.Errorf("came into force: %+v", list.Items)
	}
	var v api.VersionView
	w.want(200, "viewer", "GET", "/api/v1/policy/versions/"+first[:12], "", &v)
	if v.Digest != first || v.Files["policy.yaml"] != governed || len(v.Publications) != 1 {
		t.Errorf("the first version: %+v", v)
	}
	w.want(404, "viewer", "GET", "/api/v1/policy/versions/none", "", nil)
	w.want(200, "operator", "POST", "/api/v1/policy/publish", asked(t, map[string]any{"version": first[:12], "reason": "readers again"}), &q)
	if !q.Back || w.rules.Book().Digest() != first {
		t.Errorf("gone back: %+v", q)
	}
}
