package connectors

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"time"
)

// End returns when the credential ends, as far as that is known: as it was declared,
// or as it says itself, which a JWT does, and a certificate. Zero is unknown.
func (a Auth) End() time.Time {
	if !a.Expires.IsZero() {
		return a.Expires
	}
	if end := ofToken(a.Secret.Reveal()); !end.IsZero() {
		return end
	}
	return ofCertificate([]byte(a.Secret.Reveal()))
}

// ofToken reads the end of a JWT. Nobody verifies it: it is ours.
func ofToken(secret string) time.Time {
	parts := strings.Split(secret, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp json.Number `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return time.Time{}
	}
	seconds, err := claims.Exp.Float64()
	if err != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// ofCertificate reads the end of a certificate that comes with its key, in PEM; of a
// chain, that of its first.
func ofCertificate(secret []byte) time.Time {
	for {
		block, rest := pem.Decode(secret)
		if block == nil {
			return time.Time{}
		}
		if block.Type == "CERTIFICATE" {
			if c, err := x509.ParseCertificate(block.Bytes); err == nil {
				return c.NotAfter.UTC()
			}
		}
		secret = rest
	}
}
