package access

import (
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An hour's allowance is spent by whoever leaves first. Those few who leave in the
// same hour and are held for it are no mass: when the hour is over they count
// against the next one, the oldest first, and go through without people. More than
// an hour's allowance waits for people, as does what a day's share holds.

// wakeAfterTheHour has what is held of a source looked at when its hour is over.
func wakeAfterTheHour(tx store.Tx, source, hold string, what braking) error {
	t, err := readTally(tx, source, what)
	if err != nil {
		return err
	}
	if at := t.Hour.Add(time.Hour); at.After(tx.Now()) {
		return tx.Wake(LaneRelease, hold, at)
	}
	return nil
}

// afterTheHour is when the hour is over that a source's ends count in now; zero where
// nothing is held of it.
func afterTheHour(r store.Reader, source string) (at time.Time, err error) {
	return afterTheHourOf(r, source, HoldID("source/"+source), endings)
}

func afterTheHourOf(r store.Reader, source, hold string, what braking) (at time.Time, err error) {
	if _, err := store.Holds.Get(r, hold); schema.IsNotFound(err) {
		return at, nil
	} else if err != nil {
		return at, err
	}
	t, err := readTally(r, source, what)
	if err != nil {
		return at, err
	}
	if at = t.Hour.Add(time.Hour); !at.After(r.Now()) {
		at = time.Time{} // it is over, and what is held waits for people
	}
	return at, nil
}

// stragglers lets those through that are held of a source for no more than that others
// left in the same hour.
func stragglers(book *policy.Book, source string) Finish {
	return func(tx store.Tx) (time.Time, error) {
		src, approved := book.Source(source)
		if !approved || src.Spec.MassChange.DeactivationsPerHour <= 0 {
			return time.Time{}, nil
		}
		most := src.Spec.MassChange.DeactivationsPerHour
		var held []store.Withheld
		for w, err := range store.WithheldIdentities.By(tx, store.WithheldSource, source) {
			if err != nil {
				return time.Time{}, err
			}
			if held = append(held, w); len(held) > most {
				return time.Time{}, nil // that is a mass
			}
		}
		slices.SortStableFunc(held, func(x, y store.Withheld) int { return x.Since.Compare(y.Since) })
		for _, w := range held {
			why, err := brake(tx, book, source, endings)
			if err != nil {
				return time.Time{}, err
			}
			if why != "" {
				return afterTheHour(tx, source)
			}
			if err := letGo(tx, book, "bridge", w, "the hour is over in which its source ended too many, and so few are no mass"); err != nil {
				return time.Time{}, err
			}
		}
		return time.Time{}, nil
	}
}
