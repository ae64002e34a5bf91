package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/server"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// open are the paths that anyone gets an answer from.
var open = []string{"/healthz", "/readyz", "/api/openapi.json"}

// FuzzNobodyGetsIn tries paths and credentials that are not right: whatever they
// are, there is no answer but an error, and no crash.
func FuzzNobodyGetsIn(f *testing.F) {
	for _, path := range []string{
		"/scim/v2/Users", "/api/v1/roles", "/%73cim/v2/Users", "/scim//v2/Users", "//scim/v2/Users", "/SCIM/v2/Users", "/scim/v2/Users%2f",
		"/api/v1/../v1/roles", "/healthz/../api/v1/roles", "/api/v1/roles?x=%00", "/scim/v2/Users/%2e%2e/Groups", "/api%2fv1%2froles", "/scim", "/api/v1",
	} {
		for _, authorization := range []string{"", "Bearer ", "Bearer db_", "bearer db_01_x", "Basic YWRtaW46YWRtaW4=", "Bearer  " + sourceSecret[1:], sourceSecret} {
			f.Add(http.MethodGet, path, authorization)
			f.Add(http.MethodPost, path, authorization)
		}
	}
	e, err := bolt.Open(f.TempDir()+"/test.db", bolt.Options{NoSync: true})
	if err != nil {
		f.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	book, _ := policy.Compile(&policy.Set{})
	h, err := server.New(server.Options{
		Store: s, Rules: access.NewRules(book, nil), Limits: server.Limits{Failed: -1},
		Credentials: []server.Credential{{Name: "hr", Source: "hr", Secret: sourceSecret}, {Name: "root", Role: "admin", Secret: adminSecret}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, authorization string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || strings.Contains(authorization, sourceSecret) && strings.Contains(authorization, " ") || strings.Contains(authorization, adminSecret) {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, &http.Request{
			Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Host: "bridge.example.com",
			Header: http.Header{"Authorization": {authorization}}, RemoteAddr: "192.0.2.1:1234",
		})
		switch {
		case w.Code >= 500:
			t.Errorf("%s %q: %d %s", method, path, w.Code, w.Body)
		case w.Code < 400 && !slices.Contains(open, u.Path):
			t.Errorf("%s %q with %q got in: %d %s", method, path, authorization, w.Code, w.Body)
		}
	})
}
