package scheduler

import (
	"context"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Everybody has everybody looked at again, behind all that is due. A change wakes whom it is
// about in its own transaction, so that nothing should be left to find: this is for what no
// change announced all the same, by a mistake of the bridge's or a hand in its file. Whoever
// has what they should have keeps it, and nothing is recorded of them. By itself it looks at
// nobody, and finds nothing: it acts on all whom it has looked at again. Where no policy is in
// force there is nothing by which to look at them.
func Everybody(s *store.Store) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		n, err := lookedAtByPolicy(ctx, s)
		if err != nil || n == 0 {
			return err
		}
		if !sweep.acts() {
			run.Proposed = n
			return nil
		}
		if err := s.Update(store.Background(ctx), access.LookAgain); err != nil {
			return err
		}
		run.Done = n
		return nil
	}
}

// lookedAtByPolicy is how many identities the policy in force is about.
func lookedAtByPolicy(ctx context.Context, s *store.Store) (n int, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		n = 0
		digest, err := store.PolicyInForce(r)
		if err != nil || digest == "" {
			return err
		}
		all, err := store.Identities.Count(r)
		n = int(all)
		return err
	})
	return n, err
}
