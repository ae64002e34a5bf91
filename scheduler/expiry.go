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
// identity's own item and at every read; this is the second pair of eyes. Its limits hold
// for all grants, and for those of each role and at each connector. Cut off, it
// goes on: what it ended is in its index no more. Bound to a scope, it looks at each
// grant that is due.
func Expiry(s *store.Store, rules *access.Rules) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		book := rules.Book()
		within, err := sweep.grants(book)
		if err != nil {
			return err
		}
		due, why, err := dueGrants(ctx, s, book, sweep.Limits, within)
		if err != nil {
			return err
		}
		if run.Resumed == 0 {
			run.Looked, run.Found = due, due
		}
		until := time.Time{} // whatever falls due while it runs may end too
		if why != "" || !sweep.acts() {
			if until, err = held(ctx, s, book, sweep, run, within, why); err != nil {
				return err
			}
		}
		for pace := s.Pace(fewestEnded, firstEnded, mostEnded); ; {
			due, err := firstDue(ctx, s, until, within)
			if err != nil {
				return err
			}
			if len(due) == 0 {
				sweep.guard.over(access.HoldID(sweep.subject()))
				return nil
			}
			for len(due) > 0 {
				some := due[:min(pace.Rows(), len(due))]
				if err := expireSome(ctx, pace, book.Digest(), sweep, run, some); err != nil {
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

// dueGrants counts the due grants, up to one more than the guard would let through, and says
// why they may not end by themselves, if so. Where no share is limited, the due index is all
// that is read.
func dueGrants(ctx context.Context, s *store.Store, book *policy.Book, limits policy.Brake, within grantScope) (due int, why string, err error) {
	most := limits.Count
	if most <= 0 {
		most = mostCounted
	}
	err = s.View(ctx, func(r store.Reader) (err error) {
		if within == nil && !shares(limits) {
			due, err = store.GrantUntil.CountUntil(r, most+1, r.Now())
			why = limits.Exceeds(due, due)
			return err
		}
		ending := newToll(book)
		for g, err := range dueWithin(r, r.Now(), within) {
			if err != nil {
				return err
			}
			if ending.add(g); ending.all > most {
				break
			}
		}
		due = ending.all
		why, err = ending.exceeds(r, limits)
		return err
	})
	return due, why, err
}

// mostCounted bounds what is counted where no limit does.
const mostCounted = 1 << 30

// held returns the time up to which grants may end although not all may by themselves:
// because those are what people released. What fell due since they were asked of, and the
// run was cut off, is the next run's.
func held(
	ctx context.Context, s *store.Store, book *policy.Book, sweep Sweep, run *schema.Run, within grantScope, why string,
) (until time.Time, err error) {
	if sweep.guard == nil { // nobody asks what it would do
		return until, fmt.Errorf("%s: %w", why, schema.ErrHeld)
	}
	would := access.NewAgenda(sweep.subject())
	part := sweep.guard.partOf(would.HoldID())
	err = s.View(ctx, func(r store.Reader) (err error) {
		would, until = access.NewAgenda(sweep.subject()), part.Until
		if until.IsZero() {
			until = r.Now()
		}
		ending := newToll(book)
		for g, err := range dueWithin(r, until, within) {
			if err != nil {
				return err
			}
			would.Add(g.Identity, grantEnds(g))
			ending.add(g)
		}
		why, err = ending.exceeds(r, sweep.Limits)
		return err
	})
	if err != nil {
		return until, err
	}
	run.Looked = part.Count - part.Before + would.Count()
	run.Found = run.Looked
	run.First = some(run.First, would.First())
	if err := sweep.checkFor(run, would, why); err != nil {
		return until, err
	}
	if part = sweep.guard.partOf(would.HoldID()); part.Hold != "" {
		part.Until = until
		sweep.guard.at(part)
	}
	return until, nil
}

func (s Sweep) subject() string { return "sweep/" + s.Name }

// grantEnds is what becomes of a grant, as the plan says it.
func grantEnds(g schema.Grant) string { return "grant " + g.ID + " of role " + g.Role + " ends" }

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
	before := sweep.guard.partOf(access.HoldID(sweep.subject()))
	err := pace.Update(store.Background(ctx), len(due), func(tx store.Tx) error {
		ended, err := access.ExpireAll(tx, "sweep/expiry", digest, due)
		if err != nil {
			return fmt.Errorf("grants of %s and after: %w", due[0].Identity, err)
		}
		is = *run
		is.Done += len(ended)
		if before.Hold != "" {
			done := access.NewAgenda(sweep.subject())
			for _, g := range ended {
				done.Add(g.Identity, grantEnds(g))
			}
			if err := sweep.guard.did(before, done); err != nil {
				return err
			}
		}
		return sweep.note(tx, is)
	})
	if err != nil {
		sweep.guard.undid(before)
		return err
	}
	*run = is
	return nil
}
