package access

import (
	"context"
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// NoteEndings notes how accounts end at the connectors that a bridge runs with: what the
// configuration and profiles say and no policy does. A plan marks by it what cannot be
// undone, also one that is made from a backup. Nothing is written where nothing changed.
func NoteEndings(ctx context.Context, s *store.Store, now []schema.Ending) error {
	var was map[string]schema.Ending
	err := s.View(ctx, func(r store.Reader) (err error) {
		was, err = howAccountsEnd(r)
		return err
	})
	if err != nil || sameEndings(was, now) {
		return err
	}
	return s.Update(ctx, func(tx store.Tx) error {
		was, err := howAccountsEnd(tx)
		if err != nil {
			return err
		}
		for name := range was {
			if err := store.Endings.Delete(tx, name); err != nil {
				return err
			}
		}
		for _, e := range now {
			if err := store.Endings.Put(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// howAccountsEnd returns what is noted, by connector.
func howAccountsEnd(r store.Reader) (map[string]schema.Ending, error) {
	all := map[string]schema.Ending{}
	for e, err := range store.Endings.All(r) {
		if err != nil {
			return nil, err
		}
		all[e.Connector] = e
	}
	return all, nil
}

func sameEndings(was map[string]schema.Ending, now []schema.Ending) bool {
	return len(was) == len(now) && !slices.ContainsFunc(now, func(e schema.Ending) bool {
		old, ok := was[e.Connector]
		return !ok || old.ForGood != e.ForGood || old.Allowed != e.Allowed || !slices.Equal(old.Protected, e.Protected)
	})
}
