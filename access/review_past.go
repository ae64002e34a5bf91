package access

import (
	"context"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// A review that is over is evidence for as long as auditors ask for it, and then goes: the
// decisions stay in the log, as all do.

const (
	keptReview = 3 * 366 * 24 * time.Hour // after its end
	keptEmpty  = 90 * 24 * time.Hour      // of one in which there was nothing
)

// afterwards settles a review that is over, and lets go of it when its time has come.
func (w *Reviews) afterwards(ctx context.Context, v schema.Review) (Finish, error) {
	kept := keptReview
	if v.State == schema.ReviewEmpty {
		kept = keptEmpty
	}
	at := v.Ended.Add(kept)
	if !time.Now().Before(at) {
		return nil, w.drop(ctx, v)
	}
	if v.State == schema.ReviewClosed {
		if err := w.leave(ctx, v); err != nil {
			return nil, err
		}
	}
	return func(store.Tx) (time.Time, error) { return at, nil }, nil
}

// leave settles what nobody decided in a review that is closed, and forgets its
// reminders. What has no effect because nobody decided in time stays so.
func (w *Reviews) leave(ctx context.Context, v schema.Review) error {
	for done := false; !done; {
		some, _, last, err := w.open(ctx, v, nil)
		if err != nil {
			return err
		}
		done = last
		err = w.Store.Update(store.Background(ctx), func(tx store.Tx) error { return undecided(tx, some) })
		if err != nil {
			return err
		}
	}
	return inChunks(ctx, w.Store, func(tx store.Tx) (n int, err error) {
		var old []schema.Reminder
		for m, err := range store.Reminders.By(tx, store.ReminderAbout, v.Ref()) {
			if err != nil {
				return 0, err
			}
			if old = append(old, m); len(old) == chunk {
				break
			}
		}
		for _, m := range old {
			if err := store.Reminders.Delete(tx, m.To, m.About); err != nil {
				return 0, err
			}
		}
		return len(old), nil
	})
}

func undecided(tx store.Tx, some []schema.ReviewItem) error {
	for _, i := range some {
		now, err := store.ReviewItems.Get(tx, i.Review, i.Identity, i.Holding)
		if err != nil {
			return err
		}
		if !now.Awaited() {
			continue
		}
		now.State, now.Awaits = schema.ItemUndecided, nil
		if err := store.ReviewItems.Put(tx, now); err != nil {
			return err
		}
	}
	return nil
}

// drop lets go of a review, its items first.
func (w *Reviews) drop(ctx context.Context, v schema.Review) error {
	err := inChunks(ctx, w.Store, func(tx store.Tx) (int, error) {
		var some []schema.ReviewItem
		for i, err := range store.ReviewItems.All(tx, v.ID) {
			if err != nil {
				return 0, err
			}
			if some = append(some, i); len(some) == chunk {
				break
			}
		}
		for _, i := range some {
			if err := store.ReviewItems.Delete(tx, i.Review, i.Identity, i.Holding); err != nil {
				return 0, err
			}
		}
		return len(some), nil
	})
	if err != nil {
		return err
	}
	return w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
		reason := "its items are kept no longer; what was decided is in this log"
		if err := recordReview(tx, w.Rules.Book(), v, schema.Forgotten, Decider{Actor: "bridge"}, reason, ""); err != nil {
			return err
		}
		return store.Reviews.Delete(tx, v.ID)
	})
}

// inChunks does something in transactions until one has less than a chunk to do.
func inChunks(ctx context.Context, s *store.Store, do func(store.Tx) (int, error)) error {
	for n := chunk; n == chunk; {
		err := s.Update(store.Background(ctx), func(tx store.Tx) (err error) {
			n, err = do(tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
