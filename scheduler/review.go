package scheduler

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Reviews begins the reviews of roles that are due, and acts on what nobody decided in
// time, where the role says so: it rests, or ends. It reads the roles in force and the
// reviews that are open. Each review is one subject for the guard.
func Reviews(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		if err := openDue(ctx, s, rules, sweep, run); err != nil {
			return err
		}
		overdue, err := overdueReviews(ctx, s, sweep)
		if err != nil {
			return err
		}
		var problems []error
		for _, v := range overdue {
			if err := actOn(ctx, s, rules, sweep, run, v); err != nil && !errors.Is(err, errLooking) {
				problems = append(problems, err)
			}
			if ctx.Err() != nil {
				return errors.Join(append(problems, ctx.Err())...)
			}
		}
		return errors.Join(problems...)
	}
}

// openDue begins the reviews that are due.
func openDue(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, run *schema.Run) error {
	for _, role := range rules.Book().Roles() {
		name := role.Metadata.Name
		if !sweep.Scope.of(name) {
			continue
		}
		run.Looked++
		var due bool
		var o access.Opening
		err := s.View(ctx, func(r store.Reader) (err error) {
			o, due, err = access.ReviewDue(r, rules.Book(), name)
			return err
		})
		if err != nil {
			return err
		}
		if due {
			run.Found++
			run.First = some(run.First, []schema.Deed{{Identity: "role/" + name, What: o.Reason}})
		}
		if sweep.dry || sweep.mode() == schema.Observe {
			continue
		}
		err = s.Update(store.Background(ctx), func(tx store.Tx) error { return access.OpenDue(tx, rules, "sweep/"+sweep.Name, name) })
		if err != nil {
			return fmt.Errorf("review of role %s: %w", name, err)
		}
		if due {
			run.Done++
		}
	}
	return nil
}

// overdueReviews returns the reviews whose time is over and that act on what is left.
func overdueReviews(ctx context.Context, s *store.Store, sweep Sweep) (overdue []schema.Review, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		overdue = nil
		for v, err := range store.Reviews.By(r, store.ReviewState, string(schema.ReviewOpen)) {
			if err != nil {
				return err
			}
			if v.Overdue != schema.OverdueEscalate && !r.Now().Before(v.Due) && (v.Kind != schema.ReviewRole || sweep.Scope.of(v.Of)) {
				overdue = append(overdue, v)
			}
		}
		return nil
	})
	return overdue, err
}

// actOn acts on what nobody decided in one review, within the guard. Cut off, it goes
// on: what it acted on is open no more.
func actOn(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, run *schema.Run, v schema.Review) error {
	subject := "sweep/" + sweep.Name + "/" + v.ID
	would := access.NewIntent(subject)
	err := s.View(ctx, func(r store.Reader) error {
		would = access.NewIntent(subject)
		for i, err := range store.ReviewItems.By(r, store.ItemState, store.ItemsIn(v.ID, schema.ItemOpen)) {
			if err != nil {
				return err
			}
			acts, err := access.OverdueActs(r, rules, v, i)
			if err != nil {
				return err
			}
			if acts { // people are asked about nothing else
				would.Add(i.Identity, v.Overdue+" "+i.Holding)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	run.Looked += would.Count()
	run.Found += would.Count()
	run.First = some(run.First, would.First())
	if err := sweep.check(run, subject, would, v.Items); err != nil {
		return fmt.Errorf("%s: %w", v.About(), err)
	}
	return actOnAll(ctx, s, rules, sweep, run, v)
}

// actOnAll acts on what is open in a review, some of it in a transaction.
func actOnAll(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, run *schema.Run, v schema.Review) error {
	after, pace := []string(nil), s.Pace(fewestEnded, firstEnded, mostEnded)
	for {
		var items []schema.ReviewItem
		err := s.View(ctx, func(r store.Reader) error {
			items = nil
			for i, err := range store.ReviewItems.ByFrom(r, store.ItemState, []string{store.ItemsIn(v.ID, schema.ItemOpen)}, after...) {
				if err != nil {
					return err
				}
				if items = append(items, i); len(items) == pace.Rows() {
					return nil
				}
			}
			return nil
		})
		if err != nil || len(items) == 0 {
			return err
		}
		last := items[len(items)-1]
		after = []string{last.Review, last.Identity, last.Holding}
		done := 0
		err = pace.Update(store.Background(ctx), len(items), func(tx store.Tx) error {
			done = 0
			for _, i := range items {
				acted, err := access.OverdueItem(tx, rules, "sweep/"+sweep.Name, i)
				if err != nil {
					return err
				}
				if acted {
					done++
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		run.Done += done
		if err := sweep.came(ctx, run); err != nil {
			return err
		}
	}
}
