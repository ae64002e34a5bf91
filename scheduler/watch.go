package scheduler

import (
	"context"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// lateness is how much later than its schedule a sweep may end.
const lateness = time.Hour

// Watch looks whether the other sweeps run: one that did not come to its end an hour after
// it was due, or whose runs all fail, is found, and stays so until it does. One that rests
// at weekends is not missed then.
func Watch(s *store.Store, rules *access.Rules, others func() map[string]Sweep) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		look := s.Update
		if sweep.dry {
			look = s.Try
		}
		return look(store.Background(ctx), func(tx store.Tx) error {
			run.Looked, run.Found, run.First = 0, 0, nil
			for name, other := range others() {
				if name == sweep.Name {
					continue
				}
				missed, err := access.WatchSweep(tx, rules.Book(), name, other.Schedule.Next, lateness)
				if err != nil {
					return err
				}
				run.Looked++
				if missed {
					run.Found++
					run.First = some(run.First, []schema.Deed{{Identity: "sweep/" + name, What: "did not run"}})
				}
			}
			run.Reported = run.Found
			return nil
		})
	}
}
