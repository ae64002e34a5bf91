package scheduler

import (
	"context"
	"fmt"
	"slices"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// A listing is read once, from its first page to its last, and of what it has only
// that is kept which is to be decided about: 100,000 accounts that are as they should
// be are a few bytes each. Nothing of it counts before its end.

// listChunk is how many accounts of a listing are looked up in one snapshot.
const listChunk = 500

// list reads a listing some accounts at a time, and returns which ids it had. What is told
// to each in one snapshot is over when then is called, which may write.
func list(
	ctx context.Context, s *store.Store, name string, lister connectors.Lister,
	each func(store.Reader, schema.Account) error, then func() error,
) (*connectors.Seen, error) {
	seen := connectors.NewSeen()
	var some []schema.Account
	look := func() error {
		err := s.View(ctx, func(r store.Reader) error {
			for _, account := range some {
				if err := each(r, account); err != nil {
					return err
				}
			}
			return nil
		})
		some = some[:0]
		if err != nil {
			return err
		}
		return then()
	}
	for account, err := range lister.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("connector %s: list: %w", name, err)
		}
		account.Connector = name
		account.Entitlements = schema.Sorted(account.Entitlements...)
		seen.Add(account.RemoteID)
		if some = append(some, account); len(some) == listChunk {
			if err := look(); err != nil {
				return nil, err
			}
		}
	}
	return seen, look()
}

// differing reads a listing, and returns those of its accounts that are known and
// otherwise than is remembered, by their ids. What it says of their use is kept on the way.
func differing(ctx context.Context, s *store.Store, name string, lister connectors.Lister, used *usage) (*connectors.Seen, map[string]schema.Account, error) {
	others := map[string]schema.Account{}
	seen, err := list(ctx, s, name, lister, func(r store.Reader, account schema.Account) error {
		delete(others, account.RemoteID) // of one that is listed twice the last counts
		for known, err := range store.Accounts.By(r, store.AccountRemote, name, account.RemoteID) {
			if err != nil {
				return err
			}
			if err := used.see(r, known, account); err != nil {
				return err
			}
			if len(access.Differences(known, account)) > 0 {
				others[account.RemoteID] = account
			}
		}
		return nil
	}, func() error { return used.keep(ctx) })
	return seen, others, err
}

// unexplained reads a listing, and returns the ids of those of its accounts that
// nobody is known to have, sorted.
func unexplained(ctx context.Context, s *store.Store, name string, lister connectors.Lister) (seen *connectors.Seen, orphans []string, err error) {
	unknown := func(r store.Reader, id string) (bool, error) {
		for _, err := range store.Accounts.By(r, store.AccountRemote, name, id) {
			return false, err
		}
		return true, nil
	}
	seen, err = list(ctx, s, name, lister, func(r store.Reader, account schema.Account) error {
		is, err := unknown(r, account.RemoteID)
		if is {
			orphans = append(orphans, account.RemoteID)
		}
		return err
	}, func() error { return nil })
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(orphans)
	var still []string
	err = s.View(ctx, func(r store.Reader) error {
		still = nil
		for _, id := range slices.Compact(orphans) { // one that was made a moment ago is written down by now
			is, err := unknown(r, id)
			if err != nil {
				return err
			}
			if is {
				still = append(still, id)
			}
		}
		return nil
	})
	return seen, still, err
}
