package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Bounds on what an issuer may publish.
const (
	mostKeys      = 100
	mostDocument  = 1 << 20 // bytes
	leastRSA      = 2048    // bits
	mostRSA       = 8192
	mostUnnamed   = 4 // keys that are tried for a token that names none
	mostTokenSize = 16 << 10
)

// keys are the keys that an issuer publishes to verify signatures with.
type keys struct {
	document string // as it was fetched
	all      []jose.JSONWebKey
}

// parseKeys reads a set of keys. What in it is not for verifying signatures, or
// cannot be used, is left out: an issuer may publish more than we know.
func parseKeys(document []byte) (*keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("its keys are no JSON Web Key Set: %w", err)
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("it publishes %d keys, and at most %d are read", len(set.Keys), mostKeys)
	}
	k := &keys{document: string(document)}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil || !usable(key) {
			continue
		}
		k.all = append(k.all, key)
	}
	if len(k.all) == 0 {
		return nil, errors.New("it publishes no key that signatures can be verified with")
	}
	return k, nil
}

// usable reports whether a key is a public one, for signatures, and no weaker
// than it should be. One that came with its private half is nobody's any more.
func usable(k jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || !k.IsPublic() || !k.Valid() {
		return false
	}
	if key, ok := k.Key.(*rsa.PublicKey); ok {
		return key.N.BitLen() >= leastRSA && key.N.BitLen() <= mostRSA && key.E >= 3
	}
	return true
}

// find returns the keys that may have made a signature: those of that name, or,
// where the token names none, the first few of the right kind.
func (k *keys) find(kid string, alg jose.SignatureAlgorithm) (found []jose.JSONWebKey) {
	if k == nil {
		return nil
	}
	for _, key := range k.all {
		if kid != "" && key.KeyID != kid || !fits(key, alg) {
			continue
		}
		if found = append(found, key); len(found) == mostUnnamed {
			break
		}
	}
	return found
}

// fits reports whether a key is for an algorithm. The kind of key decides, and
// never what the token would like it to be.
func fits(k jose.JSONWebKey, alg jose.SignatureAlgorithm) bool {
	if k.Algorithm != "" && k.Algorithm != string(alg) {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS")
	case *ecdsa.PublicKey:
		return map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[key.Curve.Params().BitSize] == alg
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}
