package api_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/access/unmapped"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func TestSources(t *testing.T) {
	w := newWorld(t)
	p := access.Provenance{Source: "hr", Received: time.Now().UTC(), Book: w.rules.Book(), Request: "r1"}
	var user, group string
	w.update(func(tx store.Tx) error {
		id, err := access.Admit(tx, p, schema.Identity{UserName: "ada", Active: true, Resource: []byte(`{"userName":"ada"}`)})
		if err != nil {
			return err
		}
		g, err := access.AdmitGroup(tx, p, schema.Group{DisplayName: "Staff", Resource: []byte(`{"displayName":"Staff"}`)})
		if err != nil {
			return err
		}
		user, group = id.ID, g.ID
		for _, member := range []string{"e1", "e2"} {
			if _, err := access.Park(tx, p, g.ID, member); err != nil {
				return err
			}
		}
		return access.KeepRaw(tx, p, schema.RawCopy{Resource: id.ID, Method: "POST", Attributes: []string{"hat"}, Body: []byte(`{"hat":"red"}`)})
	})
	seen := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var u unmapped.Counter
	u.Saw("hr", "hat", "Users/"+user, seen)
	if err := u.Keep(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}

	var sources api.List[api.SourceView]
	w.want(200, "viewer", "GET", "/api/v1/sources", "", &sources)
	want := api.SourceView{Name: "hr", Approved: true, Trust: "authoritative", Identities: 1, Groups: 1, Unmapped: 1, Parked: 2}
	if len(sources.Items) != 1 || sources.Items[0] != want {
		t.Errorf("sources are %+v, want %+v", sources.Items, want)
	}
	var unmapped api.List[api.UnmappedView]
	w.want(200, "viewer", "GET", "/api/v1/sources/hr/unmapped", "", &unmapped)
	if len(unmapped.Items) != 1 || unmapped.Items[0] != (api.UnmappedView{Attribute: "hat", Count: 1, First: seen, Last: seen, Example: "Users/" + user}) {
		t.Errorf("unmapped are %+v", unmapped.Items)
	}
	var first, second api.List[api.ParkedView]
	w.want(200, "viewer", "GET", "/api/v1/sources/hr/parked?limit=1", "", &first)
	w.want(200, "viewer", "GET", "/api/v1/sources/hr/parked?limit=1&cursor="+first.Next, "", &second)
	if len(first.Items) != 1 || first.Items[0].Member != "e1" || first.Items[0].Group != group ||
		len(second.Items) != 1 || second.Items[0].Member != "e2" || second.Next != "" {
		t.Errorf("parked are %+v, then %+v", first, second)
	}
	var raw schema.RawCopy
	w.want(200, "auditor", "GET", "/api/v1/raw/"+user, "", &raw)
	if string(raw.Body) != `{"hat":"red"}` || raw.Source != "hr" || raw.Request != "r1" {
		t.Errorf("the raw copy is %+v", raw)
	}
	w.want(403, "viewer", "GET", "/api/v1/raw/"+user, "", nil)
	w.want(404, "auditor", "GET", "/api/v1/raw/"+group, "", nil)
	w.want(404, "viewer", "GET", "/api/v1/sources/payroll/unmapped", "", nil)
	w.want(404, "viewer", "GET", "/api/v1/sources/payroll/parked", "", nil)
}
