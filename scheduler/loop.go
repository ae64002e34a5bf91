package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/store"
)

// A Handler does the work that an item stands for. What it must write it leaves
// to the Finish it returns, which runs in the transaction that ends the lease.
// With an error the item is tried again later, after the Finish if there is one.
type Handler func(ctx context.Context, item store.Item) (access.Finish, error)

// A Loop does the work of one lane, several items at a time and no item twice
// at once.
type Loop struct {
	Store       *store.Store
	Lane        store.Lane
	Handle      Handler
	HandleCrowd CrowdHandler  // handles those together that are not urgent, where that costs less; nil has each handled by itself. Not where leases are renewed, or items stand aside.
	Workers     int           // how many items are handled at once; at least 1
	Calm        int           // of these, how many at most are not urgent, so that the urgent need not wait; zero is all
	Gather      int           // how many items beside these may stand aside, for a call that they share: see turn
	TTL         time.Duration // how long a lease lasts: longer than any item takes, unless it is renewed
	Renews      bool          // items may take longer than their lease, which is renewed meanwhile
	Grace       time.Duration // how long work under way may go on once the loop is told to stop
	Backoff     Backoff
	Breaker     *Breaker // of the target that the lane is about; nil if it is about none
	Log         *slog.Logger

	busy sync.Map // ids of the items that are being worked on
}

// Run serves the lane until ctx is done, then lets the work under way end. It
// returns when nothing of it is running any more.
func (l *Loop) Run(ctx context.Context) error {
	working, stop := outlive(ctx, l.Grace)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	free := make(chan struct{}, l.Workers) // never more: who stands aside has given its place away
	for range l.Workers {
		free <- struct{}{}
	}
	calm := newRoom(cmp.Or(l.Calm, l.Workers), l.Gather)
	for {
		idle, ok := take(ctx, free)
		if !ok {
			return nil
		}
		n, again := l.Breaker.admit(idle)
		room := calm.left()
		items, err := l.lease(ctx, n, room)
		calm.enter(items)
		l.Breaker.begin(len(items))
		for range idle - len(items) {
			free <- struct{}{}
		}
		turns := make([]*turn, len(items))
		for i, item := range items {
			turns[i] = &turn{item: item, room: calm, free: free}
		}
		for _, some := range l.crowds(turns) {
			wg.Go(func() {
				if len(some) > 1 {
					l.workTogether(ctx, working, some)
					return
				}
				l.work(ctx, working, some[0])
			})
		}
		if err != nil && ctx.Err() == nil {
			l.Log.ErrorContext(ctx, "lease", "lane", l.Lane, "error", err)
		}
		switch {
		case len(items) > 0:
		case n == 0:
			if !l.pause(ctx, again) {
				return nil
			}
		case !l.wait(ctx, calm, room, err):
			return nil
		}
	}
}

// work handles one item and settles it.
func (l *Loop) work(ctx, working context.Context, t *turn) {
	_, busy := l.busy.LoadOrStore(t.item.ID, true)
	var finish access.Finish
	err := errBusy
	if !busy {
		finish, err = l.hold(t.with(working), t.item)
		l.busy.Delete(t.item.ID) // before it is written down, after which it may be leased again at once
	}
	l.Breaker.end()
	written := func() {}
	if !t.item.Urgent {
		written = t.room.write(1)
	}
	t.worked() // the next is begun while this one is written down
	l.conclude(ctx, working, t.item, finish, err)
	written()
	t.written()
}

// errBusy is why an item waits that this process still works on, under a lease
// that ended: it took longer than its lease, or the clock was put forward. No
// target is told of one account by two at once.
var errBusy = errors.New("it is still being worked on, under a lease that ended")

// take waits for one free worker and takes all that are free.
func take(ctx context.Context, free chan struct{}) (n int, ok bool) {
	select {
	case <-ctx.Done():
		return 0, false
	case <-free:
	}
	for n = 1; ; n++ {
		select {
		case <-free:
		default:
			return n, ctx.Err() == nil
		}
	}
}

// lease takes up to n due items, of which only so many are not urgent. It looks
// before it writes: a lane with nothing due costs a read.
func (l *Loop) lease(ctx context.Context, n, calm int) (items []store.Item, err error) {
	if n == 0 {
		return nil, nil
	}
	var urgent, due bool
	err = l.Store.View(ctx, func(r store.Reader) (err error) {
		urgent, err = l.due(r, store.NextUrgent)
		if err == nil && calm > 0 {
			due, err = l.due(r, store.NextDue)
		}
		return err
	})
	if err != nil || !urgent && !due {
		return nil, err
	}
	if !urgent {
		ctx = store.Unhurried(ctx)
	}
	err = l.Store.Update(ctx, func(tx store.Tx) error {
		items, err = tx.LeaseUrgent(l.Lane, n, l.TTL)
		if rest := min(calm, n-len(items)); err == nil && rest > 0 {
			var others []store.Item
			others, err = tx.Lease(l.Lane, rest, l.TTL)
			items = append(items, others...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// due reports whether the next item of the lane is due already.
func (l *Loop) due(r store.Reader, next func(store.Reader, store.Lane) (time.Time, bool, error)) (bool, error) {
	at, ok, err := next(r, l.Lane)
	return ok && !at.After(r.Now()), err
}

// longestWait is how long a lane with work to come sleeps at most. Timers go by a
// clock that stands still while a machine is suspended and knows nothing of the
// time being set; what is due on Friday is due by the calendar. A look is a read.
const longestWait = time.Minute

// wait sleeps until the lane has something due, or may have; as long as there is no
// room for what is calm, something urgent. After an error it sleeps for a while, so
// that a broken store is not hammered.
func (l *Loop) wait(ctx context.Context, calm *room, left int, failed error) bool {
	var next time.Time
	look := store.NextDue
	if left == 0 {
		look = store.NextUrgent
	}
	err := l.Store.View(ctx, func(r store.Reader) error {
		at, ok, err := look(r, l.Lane)
		if ok {
			next = at
		}
		return err
	})
	var timer <-chan time.Time
	switch {
	case err != nil || failed != nil:
		timer = time.After(time.Second)
	case !next.IsZero():
		timer = time.After(min(time.Until(next), longestWait))
	}
	select {
	case <-ctx.Done():
		return false
	case <-l.Store.Woken(l.Lane):
	case <-calm.changed:
	case <-timer:
	}
	return true
}

// pause sleeps while the breaker admits nobody.
func (l *Loop) pause(ctx context.Context, again time.Time) bool {
	var timer <-chan time.Time
	if !again.IsZero() {
		timer = time.After(time.Until(again))
	}
	select {
	case <-ctx.Done():
		return false
	case <-l.Breaker.hints():
	case <-timer:
	}
	return true
}

// conclude settles an item that was handled.
func (l *Loop) conclude(ctx, working context.Context, item store.Item, finish access.Finish, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, errInUse) {
		l.Log.WarnContext(ctx, "will try again", "lane", l.Lane, "item", item.ID, "attempt", item.Attempt, "error", err)
	}
	if settling := l.settle(working, item, finish, err); settling != nil && !errors.Is(settling, store.ErrLeaseLost) {
		l.Log.ErrorContext(ctx, "finish", "lane", l.Lane, "item", item.ID, "error", settling)
		// The work is done but could not be written down: the item must come
		// back, or it would wait for its lease to end.
		if err := l.settle(working, item, nil, settling); err != nil && !errors.Is(err, store.ErrLeaseLost) {
			l.Log.ErrorContext(ctx, "give back", "lane", l.Lane, "item", item.ID, "error", err)
		}
	}
}

// handle calls the handler; one that panics has failed, and the others go on.
func (l *Loop) handle(ctx context.Context, item store.Item) (finish access.Finish, err error) {
	defer rescue(&err)
	if item.Urgent {
		ctx = connectors.Urgent(ctx)
	}
	return l.Handle(ctx, item)
}

func (l *Loop) settle(ctx context.Context, item store.Item, finish access.Finish, failed error) (err error) {
	defer rescue(&err)
	if !item.Urgent {
		ctx = store.Unhurried(ctx)
	}
	return l.Store.Update(ctx, func(tx store.Tx) error {
		next, err := finished(tx, finish)
		if err != nil {
			return err
		}
		if failed == nil {
			return tx.Done(item, next)
		}
		if errors.Is(failed, errInUse) {
			return tx.Postpone(item, tx.Now().Add(max(lookAgain, connectors.RetryAfter(failed))))
		}
		wait := max(connectors.RetryAfter(failed), l.Backoff.After(item.Attempt))
		if item.Urgent {
			wait = l.Breaker.patience(wait)
		}
		return tx.Retry(item, tx.Now().Add(wait))
	})
}

// finished runs a Finish, if there is one.
func finished(tx store.Tx, finish access.Finish) (next time.Time, err error) {
	if finish == nil {
		return time.Time{}, nil
	}
	return finish(tx)
}

// rescue is deferred: what panicked has failed, and the process goes on.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// outlive returns a context that lives on for the grace after ctx is done.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-working.Done():
		}
	})
	return working, func() { stop(); cancel() }
}
