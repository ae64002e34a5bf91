package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// digest returns a hash of what the documents say, by which a policy is known:
// comments, layout, file names and the order of documents do not count, nor do
// the tests, which decide nothing.
func digest(s *Set) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, d := range s.documents() {
		if err := enc.Encode(d); err != nil {
			return "" // the documents are plain structs: encoding them cannot fail, nor can a hash
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
