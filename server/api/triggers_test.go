package api_test

import (
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func TestAnswersToTriggers(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.person("ada@example.com"), w.person("bob@example.com")
	now := time.Now()
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, f := range []schema.Firing{
			{Identity: ada.ID, Role: "engineer", Trigger: "mover/moved", Action: "reapprove", Since: now, Due: now.Add(time.Hour)},
			{Identity: bob.ID, Role: "engineer", Trigger: "mover/moved", Action: "reapprove", Since: now},
			{Identity: bob.ID, Role: "engineer", Trigger: "risky/risky", Action: "suspend", Since: now, Due: now.Add(time.Hour)},
		} {
			if err := store.Firings.Put(tx, f); err != nil {
				return err
			}
		}
		return store.Risks.Put(tx, schema.Risk{Identity: ada.ID, Source: "idp", Kind: "session-revoked", Open: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := pages[schema.Firing](w, "/api/v1/firings"); len(got) != 3 {
		t.Errorf("got %+v", got)
	}
	if got, _ := pages[schema.Firing](w, "/api/v1/firings?identity=ada@example.com"); len(got) != 1 || got[0].Identity != ada.ID {
		t.Errorf("of one: %+v", got)
	}
	const body = `{"identity":"ada@example.com","role":"engineer","reason":"still needed"}`
	w.want(403, "viewer", "POST", "/api/v1/reapprovals", body, nil)
	w.want(200, "approver", "POST", "/api/v1/reapprovals?dryRun=true", body, nil)
	w.want(200, "approver", "POST", "/api/v1/reapprovals", body, nil)
	w.want(404, "approver", "POST", "/api/v1/reapprovals", body, nil)
	if got, _ := pages[schema.Firing](w, "/api/v1/firings?identity=ada@example.com"); len(got) != 1 || got[0].By != "token/approver" || got[0].Settled.IsZero() {
		t.Errorf("answered: %+v", got)
	}
	w.want(404, "approver", "POST", "/api/v1/reapprovals", `{"identity":"bob@example.com","role":"engineer","trigger":"risky/risky","reason":"x"}`, nil)

	w.want(403, "approver", "POST", "/api/v1/risks/close", `{"identity":"ada@example.com","reason":"spoke to her"}`, nil)
	var closed api.RiskClosed
	w.want(200, "operator", "POST", "/api/v1/risks/close", `{"identity":"ada@example.com","reason":"spoke to her"}`, &closed)
	var risks api.List[schema.Risk]
	w.want(200, "viewer", "GET", "/api/v1/risks?identity=ada@example.com", "", &risks)
	if closed.Closed != 1 || len(risks.Items) != 1 || risks.Items[0].Open || risks.Items[0].Closed != "token/operator" {
		t.Errorf("closed %+v, and then %+v", closed, risks)
	}
}
