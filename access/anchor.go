package access

import (
	"crypto/sha256"
	"encoding/hex"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// ReportAnchor reports what is wrong with where the log's heads are kept besides; nothing
// ends the finding.
func ReportAnchor(tx store.Tx, book *policy.Book, anchor, wrong string) error {
	f := schema.Finding{Kind: findingAnchor, Subject: "anchor/" + anchor, Reason: wrong}
	if wrong == "" {
		return mended(tx, book, "bridge", f)
	}
	return Report(tx, book, "bridge", f)
}

// AnchorReported reports whether something is said to be wrong with an anchor.
func AnchorReported(r store.Reader, anchor string) (bool, error) {
	return store.Findings.Has(r, findingAnchor, "", "anchor/"+anchor, "")
}

// AnchoredHead returns the newest head that an anchor took which can not tell itself, nil
// if it took none.
func AnchoredHead(r store.Reader, anchor string) ([]byte, error) {
	kept, err := store.Settings.Get(r, anchorSetting(anchor))
	if schema.IsNotFound(err) {
		return nil, nil
	}
	return []byte(kept.Value), err
}

// KeepAnchoredHead keeps which head an anchor took.
func KeepAnchoredHead(tx store.Tx, anchor string, signed []byte) error {
	return store.Settings.Put(tx, store.Setting{Name: anchorSetting(anchor), Value: string(signed)})
}

// anchorSetting names an anchor by a hash: a URL may have a secret in it.
func anchorSetting(anchor string) string {
	hash := sha256.Sum256([]byte(anchor))
	return "anchor/" + hex.EncodeToString(hash[:16])
}
