package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// Drift reads every target back and compares it with what is remembered. A
// listing that is not complete proves nothing, and nothing is done for it.
func Drift(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, Sweep, *schema.Run) error {
	return eachLister(targets, func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error {
		before := time.Now()
		seen, err := listAll(ctx, name, lister)
		if err != nil {
			return err
		}
		differing, looked, err := compare(ctx, s, name, seen, before)
		if err != nil {
			return err
		}
		run.Looked += looked
		run.Found += len(differing)
		if err := sweep.Limits.Check(len(differing), looked); err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		for some := range slices.Chunk(differing, 100) {
			woken := 0
			err := s.Update(store.Background(ctx), func(tx store.Tx) error {
				woken = 0
				for _, account := range some {
					acted, err := access.Drift(tx, rules, run.ID, account)
					if err != nil {
						return err
					}
					if acted {
						woken++
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			run.Done += woken
			run.Reported += len(some) - woken
		}
		return nil
	})
}

// Orphans reports the accounts that no identity explains. They are not touched:
// the bridge neither made nor adopted them.
func Orphans(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, Sweep, *schema.Run) error {
	return eachLister(targets, func(ctx context.Context, _ Sweep, run *schema.Run, name string, lister connectors.Lister) error {
		seen, err := listAll(ctx, name, lister)
		if err != nil {
			return err
		}
		orphans, err := unexplained(ctx, s, name, seen)
		if err != nil {
			return err
		}
		run.Looked += len(seen)
		run.Found += len(orphans)
		run.Reported += len(orphans)
		return access.ReportOrphans(ctx, s, rules.Book(), name, orphans)
	})
}

// eachLister runs one look for every target that can be listed. One that fails
// does not keep the others from being looked at.
func eachLister(
	targets map[string]connectors.Connector,
	look func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error,
) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		var problems []error
		for name, target := range targets {
			lister, ok := target.(connectors.Lister)
			if !ok {
				continue
			}
			if err := look(ctx, sweep, run, name, lister); err != nil {
				problems = append(problems, err)
			}
		}
		return errors.Join(problems...)
	}
}

func listAll(ctx context.Context, name string, lister connectors.Lister) (map[string]schema.Account, error) {
	seen := map[string]schema.Account{}
	for account, err := range lister.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("connector %s: list: %w", name, err)
		}
		account.Connector = name
		account.Entitlements = schema.Sorted(account.Entitlements...)
		seen[account.RemoteID] = account
	}
	return seen, nil
}

// compare returns how the target has those accounts that differ from what is
// remembered. Accounts written to since the listing began, or about to be, are
// passed over: the listing is older than what is known of them.
func compare(ctx context.Context, s *store.Store, name string, seen map[string]schema.Account, before time.Time) (differing []schema.Account, looked int, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		differing, looked = nil, 0
		for known, err := range store.Accounts.All(r, name) {
			if err != nil {
				return err
			}
			if !known.Exists() {
				continue
			}
			looked++
			if !known.Due.IsZero() || !known.Observed.Before(before) {
				continue
			}
			account := seen[known.RemoteID] // a zero account is one that is gone
			account.Connector, account.Identity = name, known.Identity
			if access.Differs(known, account) {
				differing = append(differing, account)
			}
		}
		return nil
	})
	return differing, looked, err
}

func unexplained(ctx context.Context, s *store.Store, name string, seen map[string]schema.Account) (orphans []schema.Account, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		orphans = nil
		for _, account := range seen {
			known := false
			for _, err := range store.Accounts.By(r, store.AccountRemote, name, account.RemoteID) {
				if err != nil {
					return err
				}
				known = true
				break
			}
			if !known {
				orphans = append(orphans, account)
			}
		}
		return nil
	})
	return orphans, err
}
