package access

import (
	"fmt"

	"drawbridge/schema"
	"drawbridge/store"
)

// PassedOver tells that of the members that a source gave a group, some were passed over
// for want of room, or that none were of all there are: then an older finding goes.
func PassedOver(tx store.Tx, p Provenance, group string, n int) error {
	f := schema.Finding{Kind: findingPassedOver, Subject: "source/" + p.Source, Object: "group/" + group,
		Reason: fmt.Sprintf("%d members were passed over, of whom the source has told nothing, for more wait than may: have it tell of the people first, and of the group again", n)}
	if n == 0 {
		return resolve(tx, f)
	}
	return Report(tx, p.Book, p.actor(), f)
}

// IsPassedOver reports whether a finding says that members of a group were passed over.
func IsPassedOver(r store.Reader, source, group string) (bool, error) {
	return store.Findings.Has(r, findingPassedOver, "", "source/"+source, "group/"+group)
}
