package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Expiry ends the grants whose time has come. Access ends without it, by the
// identity's own item and at every read; this is the second pair of eyes. Cut off, it
// goes on: what it ended is in its index no more. Bound to a scope, it looks at each
// grant that is due.
func Expiry(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		within, err := sweep.grants(rules.Book())
		if err != nil {
			return err
		}
		due, population, err := dueGrants(ctx, s, sweep.Limits.Count, within)
		if err != nil {
			return err
		}
		if run.Resumed == 0 {
			run.Looked, run.Found = due, due
		}
		until := time.Time{} // whatever falls due while it runs may end too
		if !sweep.bounded(due, population) {
			if until, err = held(ctx, s, sweep, run, within); err != nil {
				return err
			}
		}
		for pace := s.Pace(fewestEnded, firstEnded, mostEnded); ; {
			due, err := firstDue(ctx, s, until, within)
			if err != nil || len(due) == 0 {
				return err
			}
			for len(due) > 0 {
				some := due[:min(pace.Rows(), len(due))]
				if err := expireSome(ctx, pace, rules.Book().Digest(), sweep, run, some); err != nil {
					return err
				}
				due = due[len(some):]
			}
		}
	}
}

// A grantScope reports whether a sweep is about a grant; a nil one, about all.
type grantScope func(store.Reader, schema.Grant) (bool, error)

// grants is which grants a sweep is about, by its scope: those of roles that are in it, that
// give something at connectors that are, to people who are. Nil is all.
func (s Sweep) grants(book *policy.Book) (grantScope, error) {
	if len(s.Scope.Roles)+len(s.Scope.Connectors) == 0 && s.Scope.Where == "" {
		return nil, nil //nolint:nilnil // all
	}
	whom, err := s.whom(book)
	if err != nil {
		return nil, err
	}
	return func(r store.Reader, g schema.Grant) (bool, error) {
		at := len(s.Scope.Connectors) == 0 || slices.ContainsFunc(book.Gives(g.Role), func(e schema.Entitlement) bool { return s.Scope.at(e.Connector) })
		if !at || !s.Scope.of(g.Role) || whom == nil {
			return at && s.Scope.of(g.Role), nil
		}
		return whom(r, g.Identity)
	}, nil
}

// dueWithin walks the grants that are due at a time and that a sweep is about.
func dueWithin(r store.Reader, at time.Time, within grantScope) iter.Seq2[schema.Grant, error] {
	return func(yield func(schema.Grant, error) bool) {
		for g, err := range store.Grants.Until(r, store.GrantUntil, at) {
			is := within == nil
			if err == nil && !is {
				is, err = within(r, g)
			}
			if (is || err != nil) && !yield(g, err) || err != nil {
				return
			}
		}
	}
}

// dueGrants counts the due grants, up to one more than the guard would let
// through, and all grants.
func dueGrants(ctx context.Context, s *store.Store, limit int, within grantScope) (due, population int, err error) {
	if limit <= 0 {
		limit = mostCounted
	}
	err = s.View(ctx, func(r store.Reader) error {
		all, err := store.Grants.Count(r)
		if err != nil {
			return err
		}
		population = int(all)
		if within == nil {
			due, err = store.GrantUntil.CountUntil(r, limit+1, r.Now())
			return err
		}
		due = 0
		for _, err := range dueWithin(r, r.Now(), within) {
			if err != nil {
				return err
			}
			if due++; due > limit {
				break
			}
		}
		return nil
	})
	return due, population, err
}

// mostCounted bounds what is counted where no limit does.
const mostCounted = 1 << 30

// held returns the time up to which grants may end although not all may by themselves:
// because those are what people released.
func held(ctx context.Context, s *store.Store, sweep Sweep, run *schema.Run, within grantScope) (until time.Time, err error) {
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
		for g, err := range dueWithin(r, until, within) {
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

// How many grants are known of at once, and how many of those, or of what is open in a
// review, one transaction ends: the more, the less each costs, but none is to keep
// interactive writes waiting.
const (
	expireWindow                       = 10_000
	fewestEnded, firstEnded, mostEnded = 128, 250, 2_500
)

// firstDue returns the first grants that are due, or were at a time: their keys, in the
// order in which grants are stored. Those that end together are near each other then,
// where in the order of time each had pages of its own.
func firstDue(ctx context.Context, s *store.Store, until time.Time, within grantScope) (due []schema.Grant, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		due = due[:0]
		at := until
		if at.IsZero() {
			at = r.Now()
		}
		if within != nil {
			for g, err := range dueWithin(r, at, within) {
				if err != nil {
					return err
				}
				if due = append(due, g); len(due) == expireWindow {
					break
				}
			}
			return nil
		}
		for key, err := range store.Grants.KeysUntil(r, store.GrantUntil, at) {
			if err != nil {
				return err
			}
			if due = append(due, schema.Grant{Identity: key[0], ID: key[1]}); len(due) == expireWindow {
				return nil
			}
		}
		return nil
	})
	slices.SortFunc(due, func(a, b schema.Grant) int {
		return cmp.Or(cmp.Compare(a.Identity, b.Identity), cmp.Compare(a.ID, b.ID))
	})
	return due, err
}

// expireSome ends some grants, and notes how far the run came.
func expireSome(ctx context.Context, pace *store.Pace, digest string, sweep Sweep, run *schema.Run, due []schema.Grant) error {
	var is schema.Run
	err := pace.Update(store.Background(ctx), len(due), func(tx store.Tx) error {
		ended, err := access.ExpireAll(tx, "sweep/expiry", digest, due)
		if err != nil {
			return fmt.Errorf("grants of %s and after: %w", due[0].Identity, err)
		}
		is = *run
		is.Done += ended
		return sweep.note(tx, is)
	})
	if err == nil {
		*run = is
	}
	return err
}
