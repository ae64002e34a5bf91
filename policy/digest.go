package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// digest returns a hash of what the documents say, by which a policy is known:
// comments, layout, file names and the order of documents do not count, nor do
// the tests, which decide nothing. A document that says more than could be read
// of it is not the one that says only that.
func digest(s *Set) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, d := range s.documents() {
		if err := enc.Encode(d); err != nil {
			return "" // the documents are plain structs: encoding them cannot fail, nor can a hash
		}
	}
	var wrong []string
	for _, f := range s.found.decisive() {
		wrong = append(wrong, f.Object+" "+string(f.Code)+"\n")
	}
	slices.Sort(wrong)
	for _, w := range wrong {
		h.Write([]byte(w))
	}
	return hex.EncodeToString(h.Sum(nil))
}
