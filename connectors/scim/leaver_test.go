package scim_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestALeaverIsCutOffByTheFirstWrite proves R-REV-9 on the wire: one who leaves is
// disabled, and taken out of groups only then; where disabling deletes, nothing is left to
// take.
func TestALeaverIsCutOffByTheFirstWrite(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*connectors.Profile)
		want   []string
	}{
		"generic":       {func(*connectors.Profile) {}, []string{"PATCH Users", "PATCH Groups", "PATCH Groups"}},
		"deletes":       {func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete }, []string{"DELETE Users"}},
		"gone for good": {func(p *connectors.Profile) { p.Irreversible = true }, []string{"PATCH Users"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := connectors.DefaultProfile()
			c.change(&p)
			target := newFake(p)
			var writes []string
			seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					writes = append(writes, r.Method+" "+strings.Split(r.URL.Path, "/")[3])
				}
				target.ServeHTTP(w, r)
			})
			server := httptest.NewServer(seen)
			t.Cleanup(server.Close)
			connector, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
			want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"editors", "readers"}}
			have, err := connector.Apply(t.Context(), schema.Account{}, want)
			if err != nil {
				t.Fatal(err)
			}
			writes, have.Managed = nil, have.Entitlements
			got, err := connector.Apply(t.Context(), have, schema.Account{Attributes: want.Attributes})
			if err != nil || got.Active || len(got.Entitlements) > 0 {
				t.Errorf("Apply returns %+v, %v", got, err)
			}
			if !slices.Equal(writes, c.want) {
				t.Errorf("the target was told %q, want %q", writes, c.want)
			}
		})
	}
}
