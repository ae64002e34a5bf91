package access

import (
	"context"

	"drawbridge/schema"
	"drawbridge/store"
)

// Unpark has an account tried again that was given up. Whatever changes about its
// identity or the policy does so too, and so does every drift sweep. One that is not parked is left alone.
func Unpark(tx store.Tx, by, connector, identity string) error {
	a, err := store.Accounts.Get(tx, connector, identity)
	if err != nil || a.State != schema.Parked {
		return err
	}
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Released, Subject: identity, Object: connector, Because: a.Due.Because,
		Reason: "to be tried again", Policy: digest,
	})
	if err != nil {
		return err
	}
	a.State = schema.Pending
	if err := store.Accounts.Put(tx, a); err != nil {
		return err
	}
	return wakeTo(tx, a)
}

// Retry wakes an account that was given up, and leaves it parked until its target
// agrees: the decisions that it waits for stand, and that it fails as before is no
// news. It reports whether it was parked.
func Retry(tx store.Tx, connector, identity string) (bool, error) {
	a, err := store.Accounts.Get(tx, connector, identity)
	if schema.IsNotFound(err) || err == nil && a.State != schema.Parked {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, wakeTo(tx, a)
}

// wakeTo wakes an account, urgently where access is to end.
func wakeTo(tx store.Tx, a schema.Account) error {
	if a.Due.Ends {
		return tx.WakeUrgent(LaneAccount(a.Connector), a.Identity)
	}
	return tx.Wake(LaneAccount(a.Connector), a.Identity, tx.Now())
}

// UnparkAll is Unpark for every account of a connector, a chunk at a time: for a
// target, or its configuration, that was mended. It returns how many there were.
func UnparkAll(ctx context.Context, s *store.Store, by, connector string) (int, error) {
	for all := 0; ; {
		n := 0
		err := s.Update(store.Background(ctx), func(tx store.Tx) error {
			n = 0
			for a, err := range store.Accounts.By(tx, store.AccountState, connector, string(schema.Parked)) {
				if err != nil {
					return err
				}
				if err := Unpark(tx, by, connector, a.Identity); err != nil {
					return err
				}
				if n++; n == chunk {
					break
				}
			}
			return nil
		})
		all += n
		if err != nil || n < chunk {
			return all, err
		}
	}
}
