package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/connectors/memory"
	"drawbridge/server/api"
)

// TestAdoptingWhatCannotBeRead has a target be away, or have the account no more, when a
// person says whose an account is that nobody explains: neither is the bridge's own fault.
func TestAdoptingWhatCannotBeRead(t *testing.T) {
	away := memory.New(memory.Hooks{Fail: func(memory.Call) (bool, error) {
		return false, &connectors.Error{Kind: connectors.Transient, Err: errors.New("connection refused")}
	}})
	for name, row := range map[string]struct {
		target connectors.Connector
		status int
		says   string
	}{
		"it is away":        {away, http.StatusServiceUnavailable, "connection refused"},
		"it has it no more": {memory.New(memory.Hooks{}), http.StatusNotFound, "has account stranger no more"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldAt(t, map[string]api.Target{"wiki": {Connector: row.target}})
			if err := access.ReportOrphans(t.Context(), w.store, w.rules.Book(), "wiki", []string{"stranger"}, nil); err != nil {
				t.Fatal(err)
			}
			var all struct {
				Items []struct {
					ID string `json:"id"`
				} `json:"items"`
			}
			if status, text := w.call("operator", "GET", "/api/v1/findings?kind=orphan", "", &all); status != http.StatusOK || len(all.Items) != 1 {
				t.Fatalf("%d %s, want one finding", status, text)
			}
			status, text := w.call("operator", "POST", "/api/v1/findings/"+all.Items[0].ID+"/adopt", `{"to": "ada@example.com", "reason": "hers"}`, nil)
			if status != row.status || !strings.Contains(text, row.says) {
				t.Errorf("%d %s, want %d and %q", status, text, row.status, row.says)
			}
		})
	}
}
