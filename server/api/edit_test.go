package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestNothingEditsAPolicy looks through every operation there is: what a policy says
// changes by no other way than that another folder of documents is put in force, as a
// whole. R-PUB-4.
func TestNothingEditsAPolicy(t *testing.T) {
	var changes []string
	for operation := range operations {
		method, path, _ := strings.Cut(operation, " ")
		kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
		if method != http.MethodGet && slices.Contains([]string{"policy", "publications", "roles", "constraints", "flows", "triggers"}, kind) {
			changes = append(changes, operation)
		}
	}
	slices.Sort(changes)
	want := []string{
		"POST /api/v1/policy/plan", // which touches nothing
		"POST /api/v1/policy/publish",
		"POST /api/v1/publications",
		"POST /api/v1/publications/{id}/approve",
		"POST /api/v1/publications/{id}/deny",
		"POST /api/v1/publications/{id}/publish",
		"POST /api/v1/publications/{id}/withdraw",
	}
	if !slices.Equal(changes, want) {
		t.Errorf("what changes a policy is %q, want %q", changes, want)
	}
}
