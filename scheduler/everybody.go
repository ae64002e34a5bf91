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
// has what they should have keeps it, and nothing is recorded of them.
func Everybody(s *store.Store) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		err := s.View(ctx, func(r store.Reader) error {
			n, err := store.Identities.Count(r)
			run.Looked = int(n)
			return err
		})
		if err != nil || !sweep.acts() {
			return err
		}
		return s.Update(store.Background(ctx), access.LookAgain)
	}
}
