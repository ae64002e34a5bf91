package server_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"drawbridge/server"
	"drawbridge/server/issuer"
)

// TestSchemesThatAreAdvertised are those that a source can use, and no others: also
// after other credentials took the place of those at the start.
func TestSchemesThatAreAdvertised(t *testing.T) {
	trusting := func(c issuer.Config) func(*server.Options) {
		return func(o *server.Options) {
			c.Name, c.Issuer, c.Audience, c.Algorithms = "idp", "https://idp.example.com", []string{"bridge"}, []string{"RS256"}
			set, err := issuer.New([]issuer.Config{c}, issuer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			o.Issuers = set
		}
	}
	hr := server.Credential{Name: "hr", Source: "hr", Secret: sourceSecret}
	byCertificate := server.Credential{Name: "ldap", Source: "ldap", Certificate: server.ClientCertificate{DNS: "ldap.example.com"}}
	ofAPI := server.Credential{Name: "robot", Role: "viewer", Certificate: server.ClientCertificate{DNS: "robot.example.com"}}
	for _, test := range []struct {
		name        string
		issuers     func(*server.Options)
		credentials []server.Credential
		want        string
	}{
		{"a token alone", nil, []server.Credential{hr}, "oauthbearertoken oauth2 "},
		{"a certificate of the API's", nil, []server.Credential{hr, ofAPI}, "oauthbearertoken oauth2 "},
		{"a source's certificate", nil, []server.Credential{hr, byCertificate}, "oauthbearertoken oauth2 mutualtls "},
		{"an issuer of roles", trusting(issuer.Config{Roles: []issuer.Role{{Role: "viewer", Claims: map[string]string{"a": "b"}}}}), []server.Credential{hr}, "oauthbearertoken oauth2 "},
		{"an issuer of sources", trusting(issuer.Config{Sources: []issuer.Source{{Name: "hr", Claims: map[string]string{"a": "b"}}}}), []server.Credential{hr, byCertificate}, "oauthbearertoken oauth2 oauth2 mutualtls "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s *server.Server
			newWorld(t, func(o *server.Options) {
				if test.issuers != nil {
					test.issuers(o)
				}
				var err error
				if s, err = server.New(*o); err != nil {
					t.Fatal(err)
				}
			})
			if err := s.Use(test.credentials); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/scim/v2/ServiceProviderConfig", nil)
			r.Header.Set("Authorization", "Bearer "+sourceSecret)
			answer := httptest.NewRecorder()
			s.ServeHTTP(answer, r)
			var config struct {
				AuthenticationSchemes []struct {
					Type, Name, Description, SpecURI string
					Primary                          bool
				}
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &config); err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, scheme := range config.AuthenticationSchemes {
				got += scheme.Type + " "
				if scheme.Name == "" || scheme.Description == "" || scheme.SpecURI == "" || scheme.Primary != (i == 0) {
					t.Errorf("%+v", scheme)
				}
			}
			if got != test.want {
				t.Errorf("advertised are %s, want %s", got, test.want)
			}
		})
	}
}
