package connectors_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"drawbridge/connectors"
)

// TestEndOfACredential reads when credentials end that say so, and of no other.
func TestEndOfACredential(t *testing.T) {
	end := time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)
	jwt := func(claims string) connectors.Secret {
		return connectors.Secret("eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln")
	}
	for _, row := range []struct {
		name string
		auth connectors.Auth
		want time.Time
	}{
		{"declared", connectors.Auth{Secret: "opaque", Expires: end}, end},
		{"declared before what it says itself", connectors.Auth{Secret: jwt(`{"exp":1}`), Expires: end}, end},
		{"a JWT", connectors.Auth{Secret: jwt(`{"sub":"bridge","exp":1935403200}`)}, end},
		{"a JWT with a fraction", connectors.Auth{Secret: jwt(`{"exp":1935403200.25}`)}, end},
		{"a JWT without an end", connectors.Auth{Secret: jwt(`{"sub":"bridge"}`)}, time.Time{}},
		{"a JWT whose end is no time", connectors.Auth{Secret: jwt(`{"exp":1e300}`)}, time.Time{}},
		{"three parts that are no JWT", connectors.Auth{Secret: "xoxb.12.34"}, time.Time{}},
		{"a certificate and its key", connectors.Auth{Secret: certificate(t, end)}, end},
		{"nothing", connectors.Auth{}, time.Time{}},
	} {
		if got := row.auth.End(); !got.Equal(row.want) {
			t.Errorf("%s: ends %v, want %v", row.name, got, row.want)
		}
	}
}

func certificate(t *testing.T, end time.Time) connectors.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return connectors.Secret(both)
}
