// Package audit proves what was decided. It is pure.
//
// A decision is a leaf: its canonical JSON, byte for byte as it is hashed into a
// Merkle tree (RFC 6962, as golang.org/x/mod/sumdb/tlog builds it). The tree's
// head is signed as a checkpoint, a note that anyone with the public key can
// check. A log that was cut, edited, reordered or rolled back does not come to
// the head that was signed.
//
// Logs are walked, never held: nothing here grows with their length but a few
// hashes with its logarithm.
package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"drawbridge/schema"
)

// Encode returns the leaf of a decision. Fields are in the order of the type and
// the time is in UTC, so that one decision has one leaf. The detail is not in
// it, only its hash.
func Encode(d schema.Decision) ([]byte, error) {
	d.Time = d.Time.UTC()
	leaf, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("decision %s: %w: %w", d.ID, schema.ErrInvalid, err)
	}
	return leaf, nil
}

// Decode returns the decision of a leaf, without its detail, which the log does
// not have. Fields it does not know are passed over, so that a log outlives the
// version that wrote it.
func Decode(leaf []byte) (schema.Decision, error) {
	var d schema.Decision
	if err := json.Unmarshal(leaf, &d); err != nil {
		return d, fmt.Errorf("leaf: %w: %w", schema.ErrInvalid, err)
	}
	return d, nil
}

// HashDetail returns what the log keeps of a detail: HMAC-SHA256 under a secret
// salt, in hex. Without the salt even a detail that is easily guessed cannot be
// confirmed, so that forgetting salt and detail forgets all.
func HashDetail(salt, detail []byte) string {
	h := hmac.New(sha256.New, salt)
	h.Write(detail)
	return hex.EncodeToString(h.Sum(nil))
}
