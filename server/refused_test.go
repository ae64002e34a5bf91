package server_test

import (
	"net/http"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/store"
)

// TestAWrongCredentialIsAFinding tries a source's door with credentials that are nobody's:
// there is one finding for the address, whatever is tried, and none of who shows nothing,
// is let in, or knocks elsewhere. R-SRC-1.
func TestAWrongCredentialIsAFinding(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits = server.Limits{Failed: -1} })
	try := func(path, token string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := w.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != want {
			t.Errorf("%s is answered %d, want %d", path, res.StatusCode, want)
		}
	}
	found := func() (all []schema.Finding) {
		t.Helper()
		err := w.store.View(t.Context(), func(r store.Reader) error {
			all = nil
			for f, err := range store.Findings.All(r, "credential-refused") {
				if err != nil {
					return err
				}
				all = append(all, f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	try("/scim/v2/Users", "", 401)
	try("/scim/v2/Users", sourceSecret, 200)
	try("/api/v1/sources", "nobodys-token", 401)
	if all := found(); len(all) != 0 {
		t.Errorf("before anybody tried there are %+v", all)
	}
	for range 5 {
		try("/scim/v2/Users", "nobodys-token", 401)
	}
	try("/signals/v1/tickets", "another", 401)
	all := found()
	if len(all) != 1 || all[0].Subject != "address/127.0.0.1" || strings.Contains(all[0].Reason, "token") && strings.Contains(all[0].Reason, "nobodys") {
		t.Errorf("there are %+v, want one of the address, without the token", all)
	}
}
