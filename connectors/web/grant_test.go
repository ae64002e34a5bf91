package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

// TestAnotherGrant fetches a token where the grant has a name of the service's own, and
// the account stands in the address, as at Zoom.
func TestAnotherGrant(t *testing.T) {
	t.Parallel()
	var grant, account string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			grant, account = r.PostFormValue("grant_type"), r.URL.Query().Get("account_id")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"t","token_type":"bearer","expires_in":3600}`))
		}
	}))
	defer server.Close()
	p := connectors.DefaultProfile()
	p.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: server.URL + "/token?account_id=abc", Grant: "account_credentials"}
	c, err := web.New(connectors.Options{Config: connectors.Config{BaseURL: server.URL, Profile: p, Auth: connectors.Auth{User: "bridge", Secret: secret}}}.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(t.Context(), web.Request{Method: http.MethodGet, Path: "/thing"}); err != nil || grant != "account_credentials" || account != "abc" {
		t.Errorf("%v: grant %q of account %q, want account_credentials of abc", err, grant, account)
	}
}
