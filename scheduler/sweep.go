package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Sweep looks for what no change announces. Its Run fills in the record, and
// returns an error where nothing may be concluded.
type Sweep struct {
	Name     string
	Schedule cron.Schedule
	Limits   policy.Brake // of what one run may take away by itself; zero is no limit of its kind
	Mode     schema.Mode  // observe only finds, propose has people release whatever it would do; empty is enforce
	Scope    Scope
	Age      time.Duration // how old is too old, where that is what the sweep looks for
	Run      func(ctx context.Context, sweep Sweep, run *schema.Run) error

	guard *guard
	after []string // where the run goes on that was cut off
	keep  func(tx store.Tx, run schema.Run, cursor []string) error
	save  func(ctx context.Context, run schema.Run, cursor []string) error
	dry   bool
}

// A Scope is what a sweep looks at. Left empty, everything.
type Scope struct {
	Connectors []string
	Roles      []string
	Where      string // CEL over identity: only what is about those who meet it
}

// at reports whether a connector is within the scope.
func (s Scope) at(connector string) bool {
	return len(s.Connectors) == 0 || slices.Contains(s.Connectors, connector)
}

// of reports whether a role is within the scope.
func (s Scope) of(role string) bool { return len(s.Roles) == 0 || slices.Contains(s.Roles, role) }

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
// again by its schedule: what is wrong is for people to see, not to retry. One that
// is cut off goes on where it was.
func (w *Sweeper) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	sweep, ok := w.Sweeps[item.ID]
	if !ok {
		return func(tx store.Tx) (time.Time, error) { // it is configured no more
			if err := store.SweepProgress.Delete(tx, item.ID); err != nil {
				return time.Time{}, err
			}
			return time.Time{}, access.KeepHolds(tx, w.Rules.Book(), item.ID, nil, nil, true)
		}, nil
	}
	run, err := w.begin(ctx, &sweep)
	if err != nil {
		return nil, err
	}
	switch err := sweep.Run(ctx, sweep, &run); {
	case err != nil && ctx.Err() != nil:
		return nil, err // stopped in the middle, whatever it was held from before: it goes on from there
	case errors.Is(err, errLooking):
	case errors.Is(err, schema.ErrHeld):
		run.Held = err.Error()
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
		if err := w.leave(tx, sweep); err != nil {
			return time.Time{}, err
		}
		if err := access.KeepHolds(tx, book, sweep.Name, sweep.guard.held, sweep.guard.settled(), !sweep.guard.incomplete); err != nil {
			return time.Time{}, err
		}
		return sweep.Schedule.Next(tx.Now()), access.RecordRun(tx, book, run)
	}, nil
}

// leave ends the progress of a run. What one that failed did of released plans is kept for
// the next.
func (w *Sweeper) leave(tx store.Tx, sweep Sweep) error {
	left := sweep.guard.left()
	if len(left) == 0 {
		return store.SweepProgress.Delete(tx, sweep.Name)
	}
	return store.SweepProgress.Put(tx, schema.Progress{Sweep: sweep.Name, Parts: left})
}

// begin begins a run, or takes up the one that was cut off.
func (w *Sweeper) begin(ctx context.Context, sweep *Sweep) (run schema.Run, err error) {
	sweep.guard = &guard{}
	fresh := schema.Run{Sweep: sweep.Name, Started: time.Now()}
	err = w.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err := access.VoidOldReleases(tx, w.Rules.Book(), sweep.Name); err != nil {
			return err
		}
		if sweep.guard.plans, err = access.ReleasedPlans(tx, sweep.Name); err != nil {
			return err
		}
		p, err := store.SweepProgress.Get(tx, sweep.Name)
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		sweep.guard.parts = slices.DeleteFunc(p.Parts, func(part schema.PlanPart) bool { return sweep.guard.plans[part.Hold] == "" }) // those released still
		if p.Run.ID == "" {
			run = fresh
			run.ID = tx.NewID()
			return nil
		}
		run, sweep.after = p.Run, p.Cursor
		run.Resumed++
		sweep.guard.held, sweep.guard.past, sweep.guard.incomplete, sweep.guard.troubles = p.Held, p.Past, p.Incomplete, p.Troubles
		return nil
	})
	guard := sweep.guard
	sweep.keep = func(tx store.Tx, run schema.Run, cursor []string) error {
		return store.SweepProgress.Put(tx, schema.Progress{
			Sweep: run.Sweep, Run: run, Cursor: cursor, Held: guard.held, Past: guard.past, Incomplete: guard.incomplete, Troubles: guard.troubles,
			Parts: guard.parts,
		})
	}
	sweep.save = func(ctx context.Context, run schema.Run, cursor []string) error {
		return w.Store.Update(store.Background(ctx), func(tx store.Tx) error { return sweep.keep(tx, run, cursor) })
	}
	return run, err
}

// Dry reports whether a run is to change nothing.
func (s Sweep) Dry() bool { return s.dry }

// came notes how far a run came.
func (s Sweep) came(ctx context.Context, run *schema.Run, cursor ...string) error {
	if s.save == nil || s.dry {
		return nil
	}
	return s.save(ctx, *run, cursor)
}

// note is came in the transaction that brought it there.
func (s Sweep) note(tx store.Tx, run schema.Run, cursor ...string) error {
	if s.keep == nil || s.dry {
		return nil
	}
	return s.keep(tx, run, cursor)
}

// Preview runs a sweep that changes nothing, and writes nothing.
func (w *Sweeper) Preview(ctx context.Context, name string) (p access.Preview, err error) {
	sweep, ok := w.Sweeps[name]
	if !ok {
		return p, fmt.Errorf("sweep %s: %w", name, schema.ErrNotFound)
	}
	sweep.dry, sweep.guard = true, &guard{}
	p.Run = schema.Run{Sweep: name, Started: time.Now(), DryRun: true}
	if err := sweep.Run(ctx, sweep, &p.Run); err != nil && !errors.Is(err, errLooking) {
		p.Run.Problem = err.Error()
	}
	p.Run.Ended, p.Plans = time.Now(), sweep.guard.held
	return p, nil
}
