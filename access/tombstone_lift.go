package access

import (
	"encoding/json"
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Lifting takes away what stands against a role coming back to an identity: who
// decided, and why.
type Lifting struct {
	Identity, Role string
	By, Reason     string
}

// Lift takes the tombstone of a role from an identity, so that its rule gives it back
// where it matches. Whoever put it there does not take it away alone in silence: it
// is a decision, with a reason. Where there is none it is ErrNotFound.
func Lift(tx store.Tx, book *policy.Book, l Lifting) error {
	if l.By == "" || l.Reason == "" {
		return fmt.Errorf("lifting of role %s: say who decided and why: %w", l.Role, schema.ErrInvalid)
	}
	stone, err := store.Tombstones.Get(tx, l.Identity, l.Role)
	if schema.IsNotFound(err) {
		return fmt.Errorf("nothing stands against role %s of identity %s: %w", l.Role, l.Identity, schema.ErrNotFound)
	}
	if err != nil {
		return err
	}
	if err := store.Tombstones.Delete(tx, l.Identity, l.Role); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]string{"reason": l.Reason})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: l.By, Verb: schema.Lifted, Subject: l.Identity, Object: "role/" + l.Role, Policy: book.Digest(), Detail: detail,
		Reason: "what " + stone.By + " decided stands against it no more, by a person",
	})
	if err != nil {
		return err
	}
	return tx.Wake(LaneIdentity, l.Identity, tx.Now())
}
