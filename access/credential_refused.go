package access

import (
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Bounds on these findings: how long one stands after its last sight, and how many do.
const (
	refusedFor  = 30 * 24 * time.Hour
	mostRefused = 500
)

// Refused tells of a credential that was refused at a source's door, and why. Findings of
// which nothing was seen for a month go. Where very many stand, another one says nothing.
func Refused(tx store.Tx, book *policy.Book, address, why string) error {
	open, err := findings(tx, findingRefused)
	if err != nil {
		return err
	}
	subject := "address/" + address
	for about, f := range open {
		if about == subject || tx.Now().Sub(f.Last) < refusedFor {
			continue
		}
		if err := resolve(tx, f); err != nil {
			return err
		}
		delete(open, about)
	}
	if _, known := open[subject]; !known && len(open) >= mostRefused {
		return nil
	}
	return Report(tx, book, "gate", schema.Finding{
		Kind: findingRefused, Subject: subject, Reason: "a credential was shown at a source's door that lets nobody in: " + why,
	})
}
