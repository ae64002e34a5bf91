package scheduler

import (
	"context"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Expiry ends the grants whose time has come. Access ends without it, by the
// identity's own item and at every read; this is the second pair of eyes. Cut off, it
// goes on: what it ended is in its index no more.
func Expiry(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		due, population, err := dueGrants(ctx, s, sweep.Limits.Count)
		if err != nil {
			return err
		}
		if run.Resumed == 0 {
			run.Looked, run.Found = due, due
		}
		until := time.Time{} // whatever falls due while it runs may end too
		if !sweep.bounded(due, population) {
			if until, err = held(ctx, s, sweep, run); err != nil {
				return err
			}
		}
		for {
			n, ended, err := expireSome(ctx, s, rules.Book().Digest(), until)
			run.Done += ended
			if err != nil || n == 0 {
				return err
			}
			if err := sweep.came(ctx, run); err != nil {
				return err
			}
		}
	}
}

// dueGrants counts the due grants, up to one more than the guard would let
// through, and all grants.
func dueGrants(ctx context.Context, s *store.Store, limit int) (due, population int, err error) {
	if limit <= 0 {
		limit = mostCounted
	}
	err = s.View(ctx, func(r store.Reader) error {
		all, err := store.Grants.Count(r)
		if err != nil {
			return err
		}
		population = int(all)
		due, err = store.GrantUntil.CountUntil(r, limit+1, r.Now())
		return err
	})
	return due, population, err
}

// mostCounted bounds what is counted where no limit does.
const mostCounted = 1 << 30

// held returns the time up to which grants may end although not all may by themselves:
// because those are what people released.
func held(ctx context.Context, s *store.Store, sweep Sweep, run *schema.Run) (until time.Time, err error) {
	if sweep.guard == nil { // nobody asks what it would do
		return until, fmt.Errorf("%s: %w", sweep.Limits.Exceeds(run.Found, run.Found), schema.ErrHeld)
	}
	subject := "sweep/" + sweep.Name
	would, population := access.NewIntent(subject), int64(0)
	err = s.View(ctx, func(r store.Reader) (err error) {
		would, until = access.NewIntent(subject), r.Now()
		if population, err = store.Grants.Count(r); err != nil {
			return err
		}
		for g, err := range store.Grants.Until(r, store.GrantUntil, until) {
			if err != nil {
				return err
			}
			would.Add(g.Identity, "grant "+g.ID+" of role "+g.Role+" ends")
		}
		return nil
	})
	if err != nil {
		return until, err
	}
	run.Looked, run.Found, run.First = would.Count(), would.Count(), would.First()
	return until, sweep.check(run, subject, would, int(population))
}

// expireChunk is how many grants one transaction ends, so that no single one
// keeps interactive writes waiting.
const expireChunk = 250

// expireSome ends the first grants that are due, or were at a time.
func expireSome(ctx context.Context, s *store.Store, digest string, until time.Time) (looked, ended int, err error) {
	var due []schema.Grant
	err = s.View(ctx, func(r store.Reader) error {
		due = due[:0]
		at := until
		if at.IsZero() {
			at = r.Now()
		}
		for g, err := range store.Grants.Until(r, store.GrantUntil, at) {
			if err != nil {
				return err
			}
			if due = append(due, g); len(due) == expireChunk {
				return nil
			}
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return 0, 0, err
	}
	err = s.Update(store.Background(ctx), func(tx store.Tx) error {
		ended = 0
		for _, g := range due {
			done, err := access.Expire(tx, "sweep/expiry", digest, g)
			if err != nil {
				return fmt.Errorf("grant %s: %w", g.ID, err)
			}
			if done {
				ended++
			}
		}
		return nil
	})
	return len(due), ended, err
}
