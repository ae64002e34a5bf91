package server_test

import (
	"net/http"
	"strings"
	"testing"

	library "github.com/elimity-com/scim/schema"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/server"
	"drawbridge/server/scim"
	"drawbridge/store"
)

const (
	configPath  = "/scim/v2/ServiceProviderConfig"
	schemasPath = "/scim/v2/Schemas"
	typesPath   = "/scim/v2/ResourceTypes"
)

// TestDiscoveryWithoutACredential reads what a sender reads before it has one: how
// to show one (RFC 7643, section 5). Nothing of any source is in it, and nothing
// else is open.
func TestDiscoveryWithoutACredential(t *testing.T) {
	extension, err := wire.ParseSchema([]byte(`{"id":"urn:example:secret:2.0:User","attributes":[{"name":"badge","type":"string"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		open scim.Discovery
		told map[string]int
	}{
		{"", map[string]int{configPath: 200, schemasPath: 401, typesPath: 401}},
		{scim.TellConfig, map[string]int{configPath: 200, configPath + "/": 200, schemasPath: 401, typesPath: 401, schemasPath + "/x": 401}},
		{scim.TellNothing, map[string]int{configPath: 401, schemasPath: 401, typesPath: 401}},
		{scim.TellAll, map[string]int{configPath: 200, schemasPath: 200, typesPath: 200, schemasPath + "/" + userURN: 200, typesPath + "/User": 200, schemasPath + "/none": 404}},
	} {
		w := newWorld(t, func(o *server.Options) {
			o.Discovery, o.Extensions = test.open, []library.Schema{extension}
			o.Credentials = append(o.Credentials, server.Credential{Name: "x", Source: "hidden-source", Certificate: server.ClientCertificate{DNS: "hidden.example.com"}})
		})
		for path, want := range test.told {
			for _, method := range []string{"GET", "HEAD"} {
				res, body := w.do(t, method, path, "", "")
				if res.StatusCode != want {
					t.Errorf("%q: %s %s without a credential: %d, want %d: %s", test.open, method, path, res.StatusCode, want, body)
				}
				if strings.Contains(body, "hidden") || test.open != scim.TellAll && strings.Contains(body, "urn:example") {
					t.Errorf("%q: %s tells a stranger of a source: %s", test.open, path, body)
				}
				if want == 401 && method == "GET" {
					checkSCIMError(t, res, body)
				}
			}
			if want != 200 {
				continue
			}
			_, stranger := w.do(t, "GET", path, "", "")
			if _, known := w.do(t, "GET", path, sourceSecret, ""); known != stranger {
				t.Errorf("%q: %s says to a stranger\n%s and to a source\n%s", test.open, path, stranger, known)
			}
		}
		for _, other := range []string{"/scim/v2", "/scim/v2/Users", "/scim/v2/Users/x", "/scim/v2/Me", "/scim/v2/Nothing", "/scim/v2/Roles", configPath + "/x", configPath + "x", "/scim/v2//ServiceProviderConfig", "/scim/v2/Users/../ServiceProviderConfig"} {
			if res, body := w.do(t, "GET", other, "", ""); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%q: %s without a credential: %d: %s", test.open, other, res.StatusCode, body)
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} {
			if res, body := w.do(t, method, configPath, "", ""); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%q: %s without a credential: %d: %s", test.open, method, res.StatusCode, body)
			}
		}
	}
}

// TestDiscoveryWithAWrongCredential is answered as everything is: who has one to
// show finds out here that it is wrong.
func TestDiscoveryWithAWrongCredential(t *testing.T) {
	w := newWorld(t)
	for authorization, want := range map[string]int{
		"Bearer wrong-secret-0123456789": 401, "Bearer ": 401, "Bearer": 401, "Basic aHI6aHI=": 401, " ": 401,
		"Bearer " + viewerSecret: 403, "Bearer " + sourceSecret: 200,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+configPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = []string{authorization}
		res, err := w.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("Authorization %q: %d, want %d", authorization, res.StatusCode, want)
		}
	}
	secret, tok := w.issue(t, schema.Token{Source: "hr"})
	if err := w.store.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) }); err != nil {
		t.Fatal(err)
	}
	if res, _ := w.do(t, "GET", configPath, secret, ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: %d", res.StatusCode)
	}
}

// TestDiscoveryIsLimited counts strangers by address, and nobody else.
func TestDiscoveryIsLimited(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits.Discovery = 3 })
	for range 3 {
		if res, body := w.do(t, "GET", configPath, "", ""); res.StatusCode != http.StatusOK {
			t.Fatalf("%d: %s", res.StatusCode, body)
		}
	}
	res, body := w.do(t, "GET", configPath, "", "")
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("the fourth: %d, Retry-After %q: %s", res.StatusCode, res.Header.Get("Retry-After"), body)
	}
	checkSCIMError(t, res, body)
	if res, _ := w.do(t, "GET", configPath, sourceSecret, ""); res.StatusCode != http.StatusOK {
		t.Errorf("a source from the same address: %d", res.StatusCode)
	}
	if res, _ := w.do(t, "GET", configPath, "wrong-secret-0123456789", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong credential from the same address: %d", res.StatusCode)
	}
}
