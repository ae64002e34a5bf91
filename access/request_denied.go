package access

import (
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Denial is a role that somebody asked for and a rule refused.
type Denial struct {
	Identity, Role string
	By             string // who asked
	Rule           string // what refused it, in the bridge's words
}

// Deny records that a role was asked for and refused. Nothing changes by it: that
// somebody tried is worth knowing.
func Deny(tx store.Tx, book *policy.Book, d Denial) error {
	if d.By == "" || d.Rule == "" {
		return fmt.Errorf("denial of role %s: say who asked and what refused it: %w", d.Role, schema.ErrInvalid)
	}
	_, err := tx.Record(schema.Decision{
		Actor: d.By, Verb: schema.Denied, Subject: d.Identity, Object: "role/" + d.Role, Reason: d.Rule, Policy: book.Digest(),
	})
	return err
}
