package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/server/issuer/issuertest"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// BenchmarkGate is what a request costs that finds nothing, by the kind of
// credential it shows: their differences are what the credentials cost.
func BenchmarkGate(b *testing.B) {
	i := issuertest.New(b)
	e, err := bolt.Open(filepath.Join(b.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	book, _ := policy.Compile(&policy.Set{}) // refusing a credential is a finding, by the policy in force
	o := server.Options{
		Store: s, Rules: access.NewRules(book, nil), TokenKey: tokenKey, Limits: server.Limits{Source: -1}, Uses: &tokens.Uses{},
		Credentials: []server.Credential{{Name: "hr", Source: "hr", Secret: sourceSecret}},
	}
	trusting(b, i)(&o)
	h, err := server.New(o)
	if err != nil {
		b.Fatal(err)
	}
	var issued string
	err = s.Update(b.Context(), func(tx store.Tx) (err error) {
		issued, _, err = tokenKey.Issue(tx, "token/root", schema.Token{Source: "hr"})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	signed := i.Sign(i.Claims("bridge", nil))
	for _, kind := range []struct {
		name, token string
		want        int
	}{
		{"configured", sourceSecret, 404}, {"issued", issued, 404}, {"signed", signed, 404}, {"forged", signed[:len(signed)-4] + "AAAA", 401},
	} {
		b.Run(kind.name, func(b *testing.B) {
			if kind.want == 401 {
				o.Limits.Failed = -1
				if h, err = server.New(o); err != nil {
					b.Fatal(err)
				}
			}
			req := httptest.NewRequest(http.MethodGet, "/scim/v2/Nothing", nil)
			req.Header.Set("Authorization", "Bearer "+kind.token)
			b.ReportAllocs()
			for b.Loop() {
				res := &discarded{header: http.Header{}}
				h.ServeHTTP(res, req)
				if res.status != kind.want {
					b.Fatalf("answered with %d, want %d", res.status, kind.want)
				}
			}
		})
	}
}

// discarded is an answer that nobody reads.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(p []byte) (int, error) { return io.Discard.Write(p) }
