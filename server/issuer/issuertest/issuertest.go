// Package issuertest is a small issuer of signed tokens, for tests: it publishes
// its document and its keys over HTTP, and misbehaves as it is told.
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An Issuer signs tokens and publishes what they are verified with.
type Issuer struct {
	URL     string
	Fetches atomic.Int64 // of its keys

	tb testing.TB

	mu      sync.Mutex
	kid     string
	key     crypto.Signer
	publish []jose.JSONWebKey
	answer  http.HandlerFunc // instead of its own, for its keys
	next    int
}

// New returns an issuer that listens until the test ends.
func New(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb}
	i.Rotate()
	server := httptest.NewServer(i.mux(func() map[string]any { return nil }))
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// mux answers for its document, with what more is in it, and for its keys.
func (i *Issuer) mux(more func() map[string]any) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		document := map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"}
		maps.Copy(document, more())
		write(w, document)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		i.Fetches.Add(1)
		i.mu.Lock()
		answer, set := i.answer, jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, i.publish...)}
		i.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		write(w, set)
	})
	return mux
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a test that left misses nothing
}

// Rotate has it sign with a new key, and publish that one only.
func (i *Issuer) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next++
	i.kid, i.key = fmt.Sprintf("key-%d", i.next), key
	i.publish = []jose.JSONWebKey{{Key: key.Public(), KeyID: i.kid, Algorithm: string(jose.ES256), Use: "sig"}}
}

// Publish has it publish other keys than its own.
func (i *Issuer) Publish(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.publish = keys
}

// Answer has something else answer for its keys; nil: itself again.
func (i *Issuer) Answer(with http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = with
}

// Claims are those of a token of this issuer for an audience, valid for an hour.
func (i *Issuer) Claims(audience string, more map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "aud": audience, "sub": "client-1", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range more {
		if value == nil {
			delete(claims, name)
			continue
		}
		claims[name] = value
	}
	return claims
}

// Sign returns a token with the claims, signed with its key.
func (i *Issuer) Sign(claims map[string]any) string {
	i.tb.Helper()
	i.mu.Lock()
	kid, key := i.kid, i.key
	i.mu.Unlock()
	return Sign(i.tb, jose.ES256, jose.JSONWebKey{Key: key, KeyID: kid}, claims, nil)
}

// Key returns the key that it signs with.
func (i *Issuer) Key() (kid string, key crypto.Signer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kid, i.key
}

// Sign returns a token that is signed with any key, with headers beside the usual
// ones.
func Sign(tb testing.TB, alg jose.SignatureAlgorithm, key any, claims any, headers map[jose.HeaderKey]any) string {
	tb.Helper()
	payload, ok := claims.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(claims); err != nil {
			tb.Fatal(err)
		}
	}
	o := &jose.SignerOptions{ExtraHeaders: headers}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		tb.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
