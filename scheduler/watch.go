package scheduler

import (
	"context"
	"log/slog"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// watchEvery is how often it is looked at whether sweeps run.
const watchEvery = 10 * time.Minute

// Watch looks whether sweeps run: one that did not come to its end an hour after it was
// due, or whose runs all fail, is found, and stays so until it does. One that rests at
// weekends is not missed then. It does not look at itself: it runs.
func Watch(s *store.Store, rules *access.Rules, all func() map[string]Sweep) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		look := s.Update
		if sweep.dry {
			look = s.Try
		}
		return look(store.Background(ctx), func(tx store.Tx) error {
			run.Looked, run.Found, run.First = 0, 0, nil
			for name, other := range all() {
				if name == sweep.Name {
					continue
				}
				missed, err := access.WatchSweep(tx, rules.Book(), name, other.Schedule.Next)
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

// KeepWatch looks whether sweeps run, as Watch does, but apart from their lane and of all
// of them, the one that watches included: where none runs, none says so.
func (w *Sweeper) KeepWatch(ctx context.Context, log *slog.Logger) error {
	look := Watch(w.Store, w.Rules, func() map[string]Sweep { return w.Sweeps })
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var run schema.Run
		if err := look(ctx, Sweep{}, &run); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "whether sweeps run could not be looked at", "error", err)
			continue
		}
		for _, missed := range run.First {
			log.WarnContext(ctx, "a sweep did not run to its end", "sweep", missed.Identity)
		}
	}
}
