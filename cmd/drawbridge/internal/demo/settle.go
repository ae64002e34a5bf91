package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

const (
	// patience is how long the demo waits for the bridge to have nothing to do.
	patience = time.Minute
	// soon is what counts as due: the bridge lets a burst of edits settle for a
	// second before it looks again.
	soon = 1500 * time.Millisecond
)

// settled waits until nothing is due any more and no account is behind.
func (s *stage) settled(ctx context.Context) error {
	return s.until(ctx, "the bridge to have nothing left to do", func(r store.Reader) (bool, error) {
		lanes, err := store.LaneStats(r)
		if err != nil {
			return false, err
		}
		for lane, stat := range lanes {
			if lane == "sweep" {
				continue // it always waits for its next run
			}
			if stat.Leased > 0 || !stat.Oldest.IsZero() && !stat.Oldest.After(r.Now().Add(soon)) {
				return false, nil
			}
		}
		for _, c := range s.targets.configs {
			for _, state := range []schema.State{schema.Retrying, schema.Parked} {
				for a, err := range store.Accounts.By(r, store.AccountState, c.Name, string(state)) {
					if err == nil && state == schema.Parked {
						err = fmt.Errorf("%s refused the account of %s: %s", c.Name, a.Attributes["userName"], a.Problem)
					}
					return false, err
				}
			}
		}
		return true, nil
	})
}

// until waits until something is so in the store.
func (s *stage) until(ctx context.Context, what string, is func(store.Reader) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("waited %v for %s: %w", patience, what, schema.ErrUnavailable))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var so bool
		err := s.bridge.Store().View(ctx, func(r store.Reader) (err error) {
			so, err = is(r)
			return err
		})
		if err != nil || so {
			return err
		}
		select {
		case <-tick.C:
		case err := <-s.ended:
			s.ended <- nil
			return errors.Join(errors.New("the bridge stopped"), err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
