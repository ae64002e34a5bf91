package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Sweep looks for what no change announces. Its Run fills in the record, and
// returns an error where nothing may be concluded.
type Sweep struct {
	Name     string
	Schedule cron.Schedule
	Limits   Limits
	Run      func(ctx context.Context, sweep Sweep, run *schema.Run) error

	guard *guard
}

// Sweeper runs sweeps as they fall due. Each is an item in the sweep lane: of
// many processes one runs it, and one that was missed while all were down runs
// once.
type Sweeper struct {
	Store    *store.Store
	Rules    *access.Rules
	Sweeps   map[string]Sweep
	Observer Observer
}

// Plan makes every sweep an item, due when its schedule says. One that is there
// already stays due when it was.
func (w *Sweeper) Plan(ctx context.Context) error {
	return w.Store.Update(ctx, func(tx store.Tx) error {
		for name, sweep := range w.Sweeps {
			if err := tx.Wake(access.LaneSweep, name, sweep.Schedule.Next(tx.Now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Handle runs the sweep the item names. A run that fails is recorded and runs
// again by its schedule: what is wrong is for people to see, not to retry.
func (w *Sweeper) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	sweep, ok := w.Sweeps[item.ID]
	if !ok {
		return func(tx store.Tx) (time.Time, error) { // it is configured no more
			return time.Time{}, access.KeepHolds(tx, w.Rules.Book(), schema.Run{Sweep: item.ID}, nil, true)
		}, nil
	}
	run := schema.Run{Sweep: sweep.Name, Started: time.Now()}
	sweep.guard = &guard{}
	err := w.Store.Update(ctx, func(tx store.Tx) (err error) {
		run.ID = tx.NewID()
		sweep.guard.released, err = access.ReleasedPlans(tx, sweep.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch err := sweep.Run(ctx, sweep, &run); {
	case errors.Is(err, schema.ErrHeld):
		run.Held = err.Error()
	case err != nil && ctx.Err() != nil:
		return nil, err // stopped in the middle: it starts anew
	case err != nil:
		run.Problem = err.Error()
		sweep.missed()
	}
	run.Released = schema.Sorted(sweep.guard.past...)
	run.Ended = time.Now()
	if w.Observer != nil {
		w.Observer.Swept(run)
	}
	return func(tx store.Tx) (time.Time, error) {
		book := w.Rules.Book()
		if err := access.KeepHolds(tx, book, run, sweep.guard.held, !sweep.guard.incomplete); err != nil {
			return time.Time{}, err
		}
		return sweep.Schedule.Next(tx.Now()), access.RecordRun(tx, book, run)
	}, nil
}

// Expiry ends the grants whose time has come. Access ends without it, by the
// identity's own item and at every read; this is the second pair of eyes.
func Expiry(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		due, population, err := dueGrants(ctx, s, sweep.Limits.Count)
		if err != nil {
			return err
		}
		run.Looked, run.Found = due, due
		until := time.Time{} // whatever falls due while it runs may end too
		if err := sweep.Limits.Check(due, population); err != nil {
			if until, err = released(ctx, s, sweep, run, err); err != nil {
				return err
			}
		}
		for {
			n, ended, err := expireSome(ctx, s, rules.Book().Digest(), until)
			run.Done += ended
			if err != nil || n == 0 {
				return err
			}
		}
	}
}

// dueGrants counts the due grants, up to one more than the guard would let
// through, and all grants.
func dueGrants(ctx context.Context, s *store.Store, limit int) (due, population int, err error) {
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

// released returns the time up to which grants may end although there are more
// than the limits allow, because those are what people released.
func released(ctx context.Context, s *store.Store, sweep Sweep, run *schema.Run, exceeded error) (until time.Time, err error) {
	if sweep.guard == nil {
		return until, exceeded
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
	run.Looked, run.Found = would.Count(), would.Count()
	return until, sweep.check(subject, would, int(population))
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
