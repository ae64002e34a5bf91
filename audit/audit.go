// Package audit proves what was decided. It is pure.
//
// A decision is a leaf: its canonical JSON, byte for byte as it is hashed into a
// Merkle tree (RFC 6962, as golang.org/x/mod/sumdb/tlog builds it). The tree's
// head is signed as a checkpoint, a note that anyone with the public key can
// check. A log that was cut, edited, reordered or rolled back does not come to
// the head that was signed.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"drawbridge/schema"
)

// Encode returns the leaf of a decision. Fields are in the order of the type,
// the time in UTC, so that one decision has one leaf.
func Encode(d schema.Decision) ([]byte, error) {
	d.Time = d.Time.UTC()
	return json.Marshal(d)
}

// Decode returns the decision of a leaf, without its detail, which the log does
// not have.
func Decode(leaf []byte) (schema.Decision, error) {
	var d schema.Decision
	if err := json.Unmarshal(leaf, &d); err != nil {
		return d, fmt.Errorf("leaf: %w: %w", schema.ErrInvalid, err)
	}
	return d, nil
}

// HashDetail returns what the log keeps of a detail: a hash that the salt keeps
// from being guessed, so that forgetting salt and detail forgets all.
func HashDetail(salt, detail []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(detail)
	return hex.EncodeToString(h.Sum(nil))
}
