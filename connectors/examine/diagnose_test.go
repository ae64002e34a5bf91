package examine_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/examine"
	"drawbridge/connectors/scim"
)

// TestDiagnose has targets be unreachable in every way, and says where the way ends.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://login.example/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	plain := httptest.NewServer(answers(200, `{"totalResults":0,"Resources":[]}`))
	secure := httptest.NewUnstartedServer(answers(200, `{"totalResults":0,"Resources":[]}`))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(func() { plain.Close(); secure.Close() })
	closed := closedPort(t)
	for _, row := range []struct {
		name, url string
		handler   http.HandlerFunc
		where     string
	}{
		{"nobody of that name", "https://no-such-host.invalid/scim/v2", nil, "name"},
		{"nobody listens", "http://" + closed + "/scim/v2", nil, "connection"},
		{"an authority nobody knows", secure.URL, nil, "tls"},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), nil, "tls"},
		{"a wrong token", "", answers(401, `{"detail":"no"}`), "credential"},
		{"a token without rights", "", answers(403, `{"detail":"no"}`), "permission"},
		{"a wrong path", "", answers(404, `not here`), "address"},
		{"sent elsewhere", "", answers(302, ``), "address"},
		{"pages for people", "", answers(200, `<html>Log in</html>`), "language"},
		{"another API", "", answers(200, `{"users":[]}`), "language"},
		{"in trouble", "", answers(503, `later`), "target"},
		{"called too often", "", answers(429, ``), "limit"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			url := row.url
			if row.handler != nil {
				server := httptest.NewServer(row.handler)
				defer server.Close()
				url = server.URL
			}
			config := connectors.Config{Name: "wiki", Kind: "scim", BaseURL: url, Profile: connectors.DefaultProfile(), Auth: connectors.Auth{Secret: token}}
			opened, err := scim.Open(connectors.Options{Config: config, Transport: http.DefaultTransport.(*http.Transport).Clone()})
			if err != nil {
				t.Fatal(err)
			}
			err = opened.(connectors.Prober).Probe(t.Context())
			if err == nil {
				t.Fatal("the target is reached, want an error")
			}
			d := examine.Diagnose(config, err)
			if d.Where != row.where || d.What == "" || d.Do == "" {
				t.Errorf("%v: %+v, want it to end at %s", err, d, row.where)
			}
			if strings.Contains(fmt.Sprint(d), token) {
				t.Errorf("%+v has the secret in it", d)
			}
		})
	}
}

// TestDiagnoseTimeout says that nothing answered in time.
func TestDiagnoseTimeout(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("GET /Users: %w", context.DeadlineExceeded)
	if d := examine.Diagnose(connectors.Config{Kind: "scim"}, err); d.Where != "connection" {
		t.Errorf("%+v, want it to be the connection", d)
	}
}

// TestDiagnoseByCodeOfTheKind tells LDAP's and SQL's codes from those of HTTP.
func TestDiagnoseByCodeOfTheKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ kind, code, where string }{
		{"ldap", "49", "credential"}, {"ldap", "50", "permission"}, {"ldap", "32", "address"},
		{"sql", "28P01", "credential"}, {"sql", "1045", "credential"}, {"sql", "42P01", "language"},
		{"rest", "401", "credential"}, {"webhook", "404", "address"},
	} {
		err := &connectors.Error{Code: row.code, Err: fmt.Errorf("no")}
		if d := examine.Diagnose(connectors.Config{Kind: row.kind}, err); d.Where != row.where {
			t.Errorf("%s of %s: %+v, want %s", row.code, row.kind, d, row.where)
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
