package scheduler

import (
	"context"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Inspect is a sweep that finds one kind of thing, page by page along its index, and
// reports it. Nothing is taken away by it: what to do about a finding is for people.
// Cut off, it goes on behind the page that it wrote last.
func Inspect(s *store.Store, rules *access.Rules, what access.Inspection) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		book := rules.Book()
		bound, err := sweep.bound(book)
		if err != nil {
			return err
		}
		for at := sweep.after; ; {
			var page access.Leaf
			err := s.View(ctx, func(r store.Reader) (err error) {
				page, err = what.Page(r, book, bound(r), at)
				return err
			})
			if err != nil {
				return err
			}
			found := page.Found
			run.Looked += page.Looked
			run.Found += len(found)
			for _, f := range found {
				run.First = some(run.First, []schema.Deed{{Identity: f.Subject, What: f.Reason}})
			}
			if !sweep.dry && len(found) > 0 {
				if err := s.Update(store.Background(ctx), func(tx store.Tx) error { return what.Keep(tx, book, found) }); err != nil {
					return err
				}
				run.Reported += len(found)
			}
			if at = page.Next; at == nil {
				break
			}
			if err := sweep.came(ctx, run, at...); err != nil {
				return err
			}
		}
		if sweep.dry {
			return nil
		}
		return what.Settle(ctx, s, book, bound)
	}
}

// bound is what an inspection is about, by the sweep's scope.
func (s Sweep) bound(book *policy.Book) (func(store.Reader) access.Bound, error) {
	meets, err := s.meets(book)
	if err != nil {
		return nil, err
	}
	return func(r store.Reader) access.Bound {
		b := access.Bound{Age: s.Age, At: s.Scope.at}
		if len(s.Scope.Roles) > 0 {
			b.Of = s.Scope.of
		}
		if meets != nil {
			now := r.Now()
			b.Meet = func(f policy.Facts) bool { return meets(f, now) }
		}
		return b
	}, nil
}

// whom reports of an identity, by its id, whether a sweep is about it; nil is everybody. Of
// one that is not known any more it is about none.
func (s Sweep) whom(book *policy.Book) (func(store.Reader, string) (bool, error), error) {
	meets, err := s.meets(book)
	if meets == nil || err != nil {
		return nil, err
	}
	return func(r store.Reader, identity string) (bool, error) {
		facts, err := access.Gather(r, book, identity)
		if schema.IsNotFound(err) {
			return false, nil
		}
		return err == nil && meets(facts, r.Now()), err
	}, nil
}

// meets is who is within a sweep's scope; nil is everybody.
func (s Sweep) meets(book *policy.Book) (func(policy.Facts, time.Time) bool, error) {
	if s.Scope.Where == "" {
		return nil, nil //nolint:nilnil // everybody
	}
	meets, err := book.Condition(s.Scope.Where)
	if err != nil {
		return nil, err
	}
	return meets.Meets, nil
}
