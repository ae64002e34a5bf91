package access

import (
	"context"
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Replay has the target told again of one account as it is to be now, for a target
// that lost what it was told. It reports whether there is such an account.
//
// What is remembered of the account becomes a doubt (see connectors.Connector): so
// a target that can be looked at is looked at, and written to where it differs; one
// that cannot is told everything. Nothing new is decided, and who leaves meanwhile
// goes first.
func Replay(tx store.Tx, book *policy.Book, by, connector, identity string) (bool, error) {
	if book.Mode("", connector) != schema.Enforce {
		return false, fmt.Errorf("connector %s is not told anything: its mode is %s: %w", connector, book.Mode("", connector), schema.ErrHeld)
	}
	a, err := store.Accounts.Get(tx, connector, identity)
	if schema.IsNotFound(err) || err == nil && !a.Exists() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d, err := tx.Record(schema.Decision{
		Actor: by, Verb: schema.Replayed, Subject: identity, Object: connector, Because: a.Due.Because,
		Reason: "to be told again of what is decided", Policy: book.Digest(),
	})
	if err != nil {
		return false, err
	}
	a.Active, a.Attributes, a.State, a.Problem = true, nil, schema.Pending, ""
	a.Due = a.Due.Join(schema.Change{Received: tx.Now(), Decided: tx.Now(), Because: []string{d.ID}})
	if err := store.Accounts.Put(tx, a); err != nil {
		return false, err
	}
	return true, wakeTo(tx, a)
}

// ReplayAll is Replay for every account of a connector, a chunk at a time. It
// returns how many there were.
func ReplayAll(ctx context.Context, s *store.Store, book *policy.Book, by, connector string) (int, error) {
	after := []string{connector}
	for all := 0; ; {
		n, looked, last := 0, 0, ""
		err := s.Update(store.Background(ctx), func(tx store.Tx) error {
			n, looked, last = 0, 0, ""
			for a, err := range store.Accounts.From(tx, after...) {
				if err != nil {
					return err
				}
				if a.Connector != connector || looked == chunk {
					return nil
				}
				looked, last = looked+1, a.Identity
				told, err := Replay(tx, book, by, connector, a.Identity)
				if err != nil {
					return err
				}
				if told {
					n++
				}
			}
			return nil
		})
		all += n
		if err != nil || looked < chunk {
			return all, err
		}
		after = []string{connector, last}
	}
}
