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

// A listed is what of a listing is to be looked at.
type listed struct {
	seen   *connectors.Seen
	others map[string]schema.Account // those that are known, and otherwise than is remembered, by their ids
	back   map[string]schema.Account // those that nobody has, by the identity for whom they were made, and which has none
}

// differing reads a listing. What it says of the use of accounts is kept on the way.
func differing(ctx context.Context, s *store.Store, name string, lister connectors.Lister, used *usage) (listed, error) {
	l := listed{others: map[string]schema.Account{}, back: map[string]schema.Account{}}
	var err error
	l.seen, err = list(ctx, s, name, lister, func(r store.Reader, account schema.Account) error {
		delete(l.others, account.RemoteID) // of one that is listed twice the last counts
		nobodys := true
		for known, err := range store.Accounts.By(r, store.AccountRemote, name, account.RemoteID) {
			if err != nil {
				return err
			}
			nobodys = false
			if err := used.see(r, known, account); err != nil {
				return err
			}
			if len(access.Differences(known, account)) > 0 {
				l.others[account.RemoteID] = account
			}
		}
		if nobodys {
			return l.comeBack(r, account)
		}
		return nil
	}, func() error { return used.keep(ctx) })
	return l, err
}

// comeBack keeps an account that nobody is known to have, if it has the id that the bridge
// gives to those of an identity who has none: it was made, and taken for gone. Of several,
// one that is active.
func (l listed) comeBack(r store.Reader, account schema.Account) error {
	made, known, err := madeAs(r, account)
	if err != nil || !made || known.Exists() {
		return err
	}
	if other, several := l.back[known.Identity]; !several || account.Active && !other.Active {
		l.back[known.Identity] = account
	}
	return nil
}

// unexplained reads a listing, and returns how many accounts it has, the ids of those that
// nobody is known to have, sorted, and for whom the bridge made some of them.
func unexplained(ctx context.Context, s *store.Store, name string, lister connectors.Lister) (looked int, orphans []string, madeFor map[string]string, err error) {
	unknown := func(r store.Reader, id string) (bool, error) {
		for _, err := range store.Accounts.By(r, store.AccountRemote, name, id) {
			return false, err
		}
		return true, nil
	}
	madeFor = map[string]string{}
	seen, err := list(ctx, s, name, lister, func(r store.Reader, account schema.Account) error {
		is, err := unknown(r, account.RemoteID)
		if !is || err != nil {
			return err
		}
		orphans = append(orphans, account.RemoteID)
		made, _, err := madeAs(r, account)
		if made {
			madeFor[account.RemoteID] = account.Attributes["externalId"]
		}
		return err
	}, func() error { return nil })
	if err != nil {
		return 0, nil, nil, err
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
	return seen.Len(), still, madeFor, err
}

// madeAs reports whether an account that nobody is known to have has the id of an identity
// that was to have one there, which only the bridge gives, and what is known of theirs.
func madeAs(r store.Reader, account schema.Account) (made bool, known schema.Account, err error) {
	identity := account.Attributes["externalId"]
	if identity == "" {
		return false, known, nil
	}
	known, err = store.Accounts.Get(r, account.Connector, identity)
	if schema.IsNotFound(err) {
		return false, known, nil
	}
	return err == nil, known, err
}
