package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A review that is open is looked through now and then: when half of its time is over,
// a day before the end, at the end, and each day after. What ended by itself meanwhile
// is let go of; of what remains those who may decide are found anew, because managers
// change and owners leave; from the end on whoever comes next may too; and how much waits
// for whom is written down, for whoever tells people.

// The kinds of reminder.
const (
	remindOpened    = "opened"
	remindSoon      = "soon"
	remindOverdue   = "overdue"
	remindEscalated = "escalated"
)

// remindEvery is how often people are reminded of what is overdue.
const remindEvery = 24 * time.Hour

// lookThrough goes over what waits in a review, if it is time to.
func (w *Reviews) lookThrough(ctx context.Context, v schema.Review) error {
	open := 0
	err := w.Store.View(ctx, func(r store.Reader) (err error) {
		open, err = awaited(r, v)
		return err
	})
	if err != nil || open == 0 || v.Next.After(time.Now()) {
		return err
	}
	late, escalated := !time.Now().Before(v.Due), false
	waiting := map[string]int{} // by whom it waits for
	for after, done := []string(nil), false; !done; {
		var some []schema.ReviewItem
		if some, after, done, err = w.open(ctx, v, after); err != nil {
			return err
		}
		err := w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
			b := newBench(tx, w.Rules.Book(), v)
			for i := range some {
				if err := refresh(tx, b, &some[i], late); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, i := range some {
			if !i.Awaited() {
				continue
			}
			escalated = escalated || late && v.OverdueOf(i) == schema.OverdueEscalate && i.Level > v.Level
			for _, to := range i.Awaits {
				waiting[to]++
			}
		}
	}
	return w.remind(ctx, v, waiting, escalated)
}

// open returns the next items of a review that people have yet to decide about.
func (w *Reviews) open(ctx context.Context, v schema.Review, after []string) (some []schema.ReviewItem, next []string, done bool, err error) {
	err = w.Store.View(ctx, func(r store.Reader) error {
		some, next, done = nil, nil, true
		for _, state := range []schema.ItemState{schema.ItemOpen, schema.ItemSuspended} {
			from := []string(nil)
			if len(after) > 0 {
				if after[0] > string(state) {
					continue
				}
				if after[0] == string(state) {
					from = after[1:]
				}
			}
			for i, err := range store.ReviewItems.ByFrom(r, store.ItemState, []string{store.ItemsIn(v.ID, state)}, from...) {
				if err != nil {
					return err
				}
				if some = append(some, i); len(some) == chunk {
					next, done = []string{string(state), i.Review, i.Identity, i.Holding}, false
					return nil
				}
			}
		}
		return nil
	})
	return some, next, done, err
}

// refresh lets go of an item whose access ended by itself, and finds anew who may decide
// about it: if it is late and is to be escalated, whoever comes next too, each day one more
// link until nobody does. The item is then as it is written.
func refresh(tx store.Tx, b *bench, i *schema.ReviewItem, late bool) error {
	now, err := store.ReviewItems.Get(tx, i.Review, i.Identity, i.Holding)
	if err != nil {
		return err
	}
	*i = now
	if !i.Awaited() {
		return nil
	}
	f, err := whole(tx, b.book, i.Identity, false)
	if schema.IsNotFound(err) {
		return store.ReviewItems.Delete(tx, i.Review, i.Identity, i.Holding)
	}
	if err != nil {
		return err
	}
	held := true
	if i.State == schema.ItemOpen {
		if held, err = stillHeld(tx, *i); err != nil {
			return err
		}
	}
	if !held || f.Into != "" || ended(b.book, f, tx.Now()) {
		i.State, i.Awaits, i.Decided, i.By, i.Reason = schema.ItemLapsed, nil, tx.Now(), "bridge", "it ended before anybody decided"
		return store.ReviewItems.Put(tx, *i)
	}
	if late && b.review.OverdueOf(*i) == schema.OverdueEscalate { // again where this was cut off
		if i.Level, err = b.upTo(b.review.Level+1, *i, f); err != nil {
			return err
		}
	}
	awaits, err := b.awaits(*i, f)
	if err != nil || slices.Equal(awaits, i.Awaits) && i.Level == now.Level {
		return err
	}
	i.Awaits = awaits
	return store.ReviewItems.Put(tx, *i)
}

// remind writes down how much waits for whom, some people in a transaction, and then when
// to look again. Cut off between the two it writes to some again, whom nobody tells twice
// a day.
func (w *Reviews) remind(ctx context.Context, v schema.Review, waiting map[string]int, escalated bool) error {
	for some := range slices.Chunk(slices.Sorted(maps.Keys(waiting)), chunk) {
		err := w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
			now, err := store.Reviews.Get(tx, v.ID)
			if err != nil || now.State != schema.ReviewOpen {
				return err
			}
			kind := reminderOf(now, tx.Now(), escalated)
			for _, to := range some {
				if err := remindOne(tx, w.Rules.Book(), now, to, kind, waiting[to]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
		now, err := store.Reviews.Get(tx, v.ID)
		if err != nil || now.State != schema.ReviewOpen {
			return err
		}
		return w.reminded(tx, now, total(waiting), escalated)
	})
}

// reminded notes of a review as a whole that it was looked through.
func (w *Reviews) reminded(tx store.Tx, now schema.Review, left int, escalated bool) error {
	if escalated {
		now.Level++
		reason := "not all was decided in time: who comes next may decide too"
		if err := recordReview(tx, w.Rules.Book(), now, schema.Escalated, Decider{Actor: "bridge"}, reason, ""); err != nil {
			return err
		}
	}
	if !tx.Now().Before(now.Due) && left > 0 {
		err := Report(tx, w.Rules.Book(), "bridge", schema.Finding{
			Kind: findingReview, Subject: now.Ref(), Object: now.About(),
			Reason: "its time was over at " + day(now.Due) + ", and not everything is decided",
		})
		if err != nil {
			return err
		}
	}
	now.Next = nextReminder(now, tx.Now())
	return store.Reviews.Put(tx, now)
}

func total(waiting map[string]int) (n int) {
	for _, items := range waiting {
		n += items
	}
	return n
}

func reminderOf(v schema.Review, now time.Time, escalated bool) string {
	switch {
	case escalated:
		return remindEscalated
	case !now.Before(v.Due):
		return remindOverdue
	case v.Next.Equal(v.Prepared) || v.Next.IsZero():
		return remindOpened
	}
	return remindSoon
}

// nextReminder is when a review is looked through next.
func nextReminder(v schema.Review, now time.Time) time.Time {
	for _, at := range []time.Time{v.Due.Add(-v.Within / 2), v.Due.Add(-remindEvery), v.Due} {
		if at.After(now) {
			return at
		}
	}
	return v.Due.Add(now.Sub(v.Due).Truncate(remindEvery) + remindEvery)
}

// remindOne has one of them told, and counts how often.
func remindOne(tx store.Tx, book *policy.Book, v schema.Review, to, kind string, items int) error {
	m := schema.Reminder{To: to, About: v.Ref(), Kind: kind, Items: items, Until: v.Due, Due: tx.Now()}
	old, err := store.Reminders.Get(tx, m.To, m.About)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	m.Times = old.Times + 1
	if err := notifyReview(tx, book, v, m); err != nil {
		return err
	}
	return store.Reminders.Put(tx, m)
}

// advance closes a review in which everything is decided, and says when to look at one
// again.
func (w *Reviews) advance(id string) Finish {
	return func(tx store.Tx) (time.Time, error) {
		v, err := store.Reviews.Get(tx, id)
		if err != nil || v.State != schema.ReviewOpen {
			if schema.IsNotFound(err) {
				err = nil
			}
			return time.Time{}, err
		}
		counts, err := ReviewCounts(tx, id)
		if err != nil {
			return time.Time{}, err
		}
		if counts[schema.ItemOpen]+counts[schema.ItemSuspended] > 0 {
			return v.Next, nil
		}
		outcome := fmt.Sprintf("of %d, %d were kept, %d modified, %d revoked, and %d had ended by themselves",
			v.Items, counts[schema.ItemKept], counts[schema.ItemModified], counts[schema.ItemRevoked], counts[schema.ItemLapsed])
		return time.Time{}, closeReview(tx, w.Rules.Book(), &v, Decider{Actor: "bridge"}, outcome, "")
	}
}
