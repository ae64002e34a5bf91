package access

import (
	"drawbridge/schema"
	"drawbridge/store"
)

// Stamp gives a group its next version, after edges of it came or went. What
// joined and left is in the log already.
func Stamp(tx store.Tx, p Provenance, group string) (schema.Group, error) {
	g, err := ownGroup(tx, p, group)
	if err != nil {
		return g, err
	}
	g.Version, g.Modified = g.Version+1, tx.Now()
	return g, store.Groups.Put(tx, g)
}
