package rest_test

import (
	"net/http"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestConflictNotShown creates again what a target has, and does not show for
// longer: that passes, and is no reason to give up.
func TestConflictNotShown(t *testing.T) {
	s, hidden := newStaff(teams...), true
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !hidden || r.Method != http.MethodGet || r.URL.Path != "/v1/people" {
			return false
		}
		answer(w, http.StatusOK, map[string]any{"entries": []any{}})
		return true
	}
	c := open(t, profile(t, people), s)
	want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}}
	s.Fail(1, true)
	got, err := c.Apply(t.Context(), schema.Account{}, want)
	if err == nil || !s.Spent() || !connectors.IsUnnamed(got.RemoteID) {
		t.Fatalf("the call without an answer: %+v, %v; want an account that may have been made", got, err)
	}
	got, err = c.Apply(t.Context(), got, want)
	if err == nil || connectors.KindOf(err) != connectors.Transient || !connectors.IsUnnamed(got.RemoteID) {
		t.Errorf("while it is not shown: %+v, %v; want it in doubt still, and an error that passes", got, err)
	}
	hidden = false
	if got, err = c.Apply(t.Context(), got, want); err != nil || s.people[got.RemoteID] == nil {
		t.Errorf("once it is shown: %+v, %v", got, err)
	}
	hidden = true
	got, err = c.Apply(t.Context(), schema.Account{}, want)
	if err == nil || connectors.KindOf(err) != connectors.Exists || got.Exists() {
		t.Errorf("a stranger's that no search shows: %+v, %v; want no account and an error that is Exists", got, err)
	}
}
