package scim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"drawbridge/connectors"
)

// TestNamesThatReadLikeAThrottle lets people call themselves what a target says
// when it has had too many requests: neither may their accounts stay unread for it,
// nor the list of everybody's.
func TestNamesThatReadLikeAThrottle(t *testing.T) {
	const user = `{"id":"7","userName":"eve","displayName":"ThrottlingException","active":true}`
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Users/7": says(200, user),
		"GET /Users":   says(200, `{"totalResults":1,"Resources":[`+user+`]}`),
	}}
	p := connectors.DefaultProfile()
	p.Throttled, p.Groups.Of = []string{"ThrottlingException"}, connectors.GroupsOfNone
	c := s.connector(t, p)
	if got, err := c.Read(t.Context(), "7"); err != nil || !got.Active {
		t.Errorf("Read: %+v, %v", got, err)
	}
	for _, err := range c.List(t.Context()) {
		if err != nil {
			t.Errorf("List: %v", err)
		}
	}
}

// TestATokenIsFetched shows a target a token that is fetched with a client's secret.
func TestATokenIsFetched(t *testing.T) {
	fetched := 0
	s := &script{answers: map[string]http.HandlerFunc{
		"POST /token": func(w http.ResponseWriter, r *http.Request) {
			fetched++
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"access_token":"fetched","token_type":"bearer","expires_in":3600}`)
		},
		"GET /Users/7": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer fetched" || !strings.Contains(r.Header.Get("Accept"), "scim+json") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			says(200, `{"id":"7","userName":"ada","active":true}`)(w, r)
		},
	}}
	c := s.connector(t, connectors.DefaultProfile(), func(o *connectors.Options) {
		o.Profile.Groups.Of = connectors.GroupsOfNone
		o.Profile.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: o.BaseURL + "/token"}
	})
	for range 2 {
		if got, err := c.Read(t.Context(), "7"); err != nil || got.RemoteID != "7" {
			t.Fatalf("Read: %+v, %v", got, err)
		}
	}
	if fetched != 1 {
		t.Errorf("%d tokens were fetched, want 1", fetched)
	}
}
