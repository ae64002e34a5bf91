package api_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// TestNobodyConfirmsTheirOwn has a person confirm what is asked about them, and
// somebody else. R-OWN-3.
func TestNobodyConfirmsTheirOwn(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	w.update(func(tx store.Tx) error {
		return store.WorkItems.Put(tx, schema.WorkItem{
			Connector: "wiki", Identity: ada.ID, UserName: "ada@example.com", Plan: "0123456789abcdef", What: "create",
			Want: schema.Account{Active: true}, Opened: time.Now(), Due: time.Now().Add(time.Hour),
		})
	})
	var list api.List[schema.WorkItem]
	w.want(200, "viewer", "GET", "/api/v1/work-items?connector=wiki", "", &list)
	if len(list.Items) != 1 {
		t.Errorf("%d work items, want one", len(list.Items))
	}
	const path, body = "/api/v1/work-items/wiki/ada@example.com/confirm", `{"plan":"0123456789ab","words":"seen"}`
	if text := w.want(403, "ada", "POST", path, body, nil); !strings.Contains(text, "themselves") {
		t.Errorf("she is told %s", text)
	}
	var out api.Said
	w.want(200, "operator", "POST", path, body, &out)
	w.want(404, "operator", "POST", path, body, nil)
	if out.Identity != ada.ID || out.What != "create" {
		t.Errorf("confirmed %+v", out)
	}
}
