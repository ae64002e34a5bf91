package scheduler

import (
	"context"
	"slices"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// retry has parked accounts of a connector tried again, because nobody tells the
// bridge that a target was mended. It wakes as many as one run may change, those
// that were tried longest ago first, so that a target which still refuses is not
// flooded and each account has its turn.
func retry(ctx context.Context, s *store.Store, sweep Sweep, run *schema.Run, connector string, whom func(store.Reader, string) (bool, error)) error {
	parked, err := parkedAt(ctx, s, connector, whom)
	if err != nil {
		return err
	}
	run.Found += len(parked)
	if sweep.dry || sweep.mode() != schema.Enforce {
		return nil
	}
	if sweep.Limits.Count > 0 {
		parked = parked[:min(len(parked), sweep.Limits.Count)]
	}
	for some := range slices.Chunk(parked, 100) {
		woken := 0
		err := s.Update(store.Background(ctx), func(tx store.Tx) error {
			woken = 0
			for _, account := range some {
				acted, err := access.Retry(tx, connector, account.Identity)
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
		run.Retried += woken
	}
	return nil
}

// parkedAt returns the parked accounts of a connector, by when they were tried; where it is
// said whose, only theirs.
func parkedAt(ctx context.Context, s *store.Store, connector string, whom func(store.Reader, string) (bool, error)) (parked []schema.Account, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		parked = nil
		for a, err := range store.Accounts.By(r, store.AccountState, connector, string(schema.Parked)) {
			if err != nil {
				return err
			}
			if whom != nil {
				if is, err := whom(r, a.Identity); err != nil {
					return err
				} else if !is {
					continue
				}
			}
			parked = append(parked, schema.Account{Identity: a.Identity, Observed: a.Observed})
		}
		return nil
	})
	slices.SortStableFunc(parked, func(a, b schema.Account) int { return a.Observed.Compare(b.Observed) })
	return parked, err
}
