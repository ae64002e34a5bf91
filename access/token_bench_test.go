package access_test

import (
	"testing"
	"time"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
)

// BenchmarkTokenOpens is what comparing the hash of an issued token costs a
// request.
func BenchmarkTokenOpens(b *testing.B) {
	key := tokens.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	s := tokenStore(b)
	var secret string
	var t schema.Token
	err := s.Update(b.Context(), func(tx store.Tx) (err error) {
		secret, t, err = key.Issue(tx, "token/root", schema.Token{Source: "hr"})
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	_, secret, _ = tokens.Parse(secret)
	b.ReportAllocs()
	for b.Loop() {
		if err := key.Opens(t, secret, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
