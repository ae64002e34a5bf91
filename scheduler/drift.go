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
// listing that is not complete proves nothing, and nothing is done for it; nor
// does an empty one where accounts are known. What a listing lacks is gone only if
// it can not be read either, where the target can be read.
func Drift(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, Sweep, *schema.Run) error {
	return eachLister(targets, func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error {
		before := time.Now()
		seen, err := listAll(ctx, name, lister)
		if err != nil {
			return err
		}
		differing, gone, looked, err := compare(ctx, s, name, seen, before)
		if err != nil {
			return err
		}
		if len(seen) == 0 && looked > 0 {
			return fmt.Errorf("connector %s: its listing is empty, and %d accounts are known there: nothing is concluded", name, looked)
		}
		run.Looked += looked
		run.Found += len(differing) + len(gone)
		if err := sweep.Limits.Check(len(differing)+len(gone), looked); err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		if gone, err = confirm(ctx, lister, gone); err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		for some := range slices.Chunk(append(differing, gone...), 100) {
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

// confirm reads those accounts that a listing lacks, as they are remembered, and
// returns them as the target has them: those that are gone without anything but
// whose they are, and those that are there after all if they differ.
func confirm(ctx context.Context, lister connectors.Lister, lacking []schema.Account) (differing []schema.Account, err error) {
	reader, reads := lister.(connectors.Reader)
	for _, known := range lacking {
		var account schema.Account
		if reads {
			account, err = reader.Read(ctx, known.RemoteID)
			if err != nil && connectors.KindOf(err) != connectors.Gone {
				return nil, fmt.Errorf("account %s is not listed: %w", known.RemoteID, err)
			}
			if err != nil {
				account = schema.Account{}
			}
			account.Entitlements = schema.Sorted(account.Entitlements...)
		}
		account.Connector, account.Identity = known.Connector, known.Identity
		if access.Differs(known, account) {
			differing = append(differing, account)
		}
	}
	return differing, nil
}

// compare returns how the target has those accounts that differ from what is
// remembered and, as they are remembered, those that are not in the listing. Accounts written to since the listing began, or about to be, are
// passed over: the listing is older than what is known of them.
func compare(ctx context.Context, s *store.Store, name string, seen map[string]schema.Account, before time.Time) (differing, lacking []schema.Account, looked int, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		differing, lacking, looked = nil, nil, 0
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
			account, listed := seen[known.RemoteID]
			if !listed {
				lacking = append(lacking, known)
				continue
			}
			account.Connector, account.Identity = name, known.Identity
			if access.Differs(known, account) {
				differing = append(differing, account)
			}
		}
		return nil
	})
	return differing, lacking, looked, err
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
