package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Reviews begins the reviews of roles that are due, and acts on what nobody decided in
// time, where the role says so: it rests, or ends. It reads the roles in force and the
// reviews that are open. Each review is one subject for the guard. Cut off, it goes on with
// the role or the review that it was at.
func Reviews(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		if !sweep.passed(atReview, "") {
			if err := openDue(ctx, s, rules, sweep, run); err != nil {
				return err
			}
			sweep.after = []string{atReview, ""}
		}
		overdue, err := overdueReviews(ctx, s, sweep)
		if err != nil {
			return err
		}
		problems := sweep.troubles()
		for _, v := range overdue {
			if err := actOn(ctx, s, rules, sweep, run, v); err != nil && !errors.Is(err, errLooking) {
				problems = append(problems, sweep.trouble(err))
			}
			if ctx.Err() != nil {
				return errors.Join(append(problems, ctx.Err())...)
			}
			sweep.after = []string{atReview, v.ID}
			if err := sweep.came(ctx, run, sweep.after...); err != nil {
				return errors.Join(append(problems, err)...)
			}
		}
		return errors.Join(problems...)
	}
}

// What a run of the reviews is at: the roles first, by their names, then the reviews, by
// their ids.
const (
	atRole   = "role"
	atReview = "review"
)

// passed reports whether a run came by something before it was cut off.
func (s Sweep) passed(at, name string) bool {
	return len(s.after) == 2 && s.after[0] == at && name <= s.after[1]
}

// openDue begins the reviews that are due.
func openDue(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, run *schema.Run) error {
	roles := rules.Book().Roles()
	slices.SortFunc(roles, func(a, b *policy.Role) int { return cmp.Compare(a.Metadata.Name, b.Metadata.Name) })
	for _, role := range roles {
		name := role.Metadata.Name
		if !sweep.Scope.of(name) || sweep.passed(atRole, name) {
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
		is := *run
		if due {
			is.Done++
		}
		err = s.Update(store.Background(ctx), func(tx store.Tx) error {
			if err := access.OpenDue(tx, rules, "sweep/"+sweep.Name, name); err != nil {
				return err
			}
			return sweep.note(tx, is, atRole, name)
		})
		if err != nil {
			return fmt.Errorf("review of role %s: %w", name, err)
		}
		*run = is
	}
	return nil
}

// overdueReviews returns the reviews whose time is over and that act on what is left, by
// their ids, without those that the run came by.
func overdueReviews(ctx context.Context, s *store.Store, sweep Sweep) (overdue []schema.Review, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		overdue = nil
		for v, err := range store.Reviews.By(r, store.ReviewState, string(schema.ReviewOpen)) {
			if err != nil {
				return err
			}
			if v.Overdue != schema.OverdueEscalate && !r.Now().Before(v.Due) && (v.Kind != schema.ReviewRole || sweep.Scope.of(v.Of)) && !sweep.passed(atReview, v.ID) {
				overdue = append(overdue, v)
			}
		}
		return nil
	})
	slices.SortFunc(overdue, func(a, b schema.Review) int { return cmp.Compare(a.ID, b.ID) })
	return overdue, err
}

// actOn acts on what nobody decided in one review, within the guard. Cut off, it goes
// on: what it acted on is open no more.
func actOn(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, run *schema.Run, v schema.Review) error {
	subject := "sweep/" + sweep.Name + "/" + v.ID
	would := access.NewAgenda(subject)
	err := s.View(ctx, func(r store.Reader) error {
		would = access.NewAgenda(subject)
		for i, err := range store.ReviewItems.By(r, store.ItemState, store.ItemsIn(v.ID, schema.ItemOpen)) {
			if err != nil {
				return err
			}
			acts, err := access.OverdueActs(r, rules, v, i)
			if err != nil {
				return err
			}
			if acts { // people are asked about nothing else
				would.Add(i.Identity, overdueDeed(v, i))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t := &tally{sweep: sweep, about: subject, run: *run, once: true}
	run.Looked += would.Count()
	run.Found += would.Count()
	run.First = some(run.First, would.First())
	t.run.First = run.First
	if err := sweep.check(run, would, v.Items); err != nil {
		return fmt.Errorf("%s: %w", v.About(), err)
	}
	return actOnAll(ctx, s, rules, t, run, v)
}

// overdueDeed is what becomes of an item, as the plan says it.
func overdueDeed(v schema.Review, i schema.ReviewItem) string {
	return v.OverdueOf(i) + " " + i.Holding
}

// actOnAll acts on what is open in a review, some of it in a transaction.
func actOnAll(ctx context.Context, s *store.Store, rules *access.Rules, t *tally, run *schema.Run, v schema.Review) error {
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
		if err != nil {
			return err
		}
		if len(items) == 0 {
			t.over()
			return nil
		}
		last := items[len(items)-1]
		after = []string{last.Review, last.Identity, last.Holding}
		update := func(fn func(store.Tx) error) error { return pace.Update(store.Background(ctx), len(items), fn) }
		acted, err := t.act(update, func(tx store.Tx, done *access.Agenda) error {
			for _, i := range items {
				acted, err := access.OverdueItem(tx, rules, "sweep/"+t.sweep.Name, i)
				if err != nil {
					return err
				}
				if acted {
					done.Add(i.Identity, overdueDeed(v, i))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		run.Done += acted
	}
}
