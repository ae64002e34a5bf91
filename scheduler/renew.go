package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"drawbridge/access"
	"drawbridge/store"
)

// How long an item of a lane waits whose worker died is how long a lease lasts. A
// sweep or a rollout may take hours, and a process that died in it is not to keep the
// others from going on for so long: its lease is short, and is renewed for as long as
// somebody is at work on it.

// hold is handle under a lease that is renewed meanwhile, where the lane's are. Work
// whose lease was lost all the same is told to stop: somebody else may be at it.
func (l *Loop) hold(ctx context.Context, item store.Item) (access.Finish, error) {
	if !l.Renews {
		return l.handle(ctx, item)
	}
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	r := &renewal{loop: l, item: item, renewed: time.Now(), lost: lost}
	r.start(ctx)
	defer r.end()
	return l.handle(ctx, item)
}

// A renewal keeps one lease from ending.
type renewal struct {
	loop    *Loop
	item    store.Item
	renewed time.Time // when it was last
	lost    context.CancelCauseFunc

	mu    sync.Mutex // held while it is renewed
	timer *time.Timer
	ended bool
}

// start has the lease renewed each time a third of it is over, so that the store may
// be away for as long as the rest.
func (r *renewal) start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	every := r.loop.TTL / 3
	r.timer = time.AfterFunc(every, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.ended && r.renew(ctx) {
			r.timer.Reset(every)
		}
	})
}

// renew reports whether the lease is worth renewing again.
func (r *renewal) renew(ctx context.Context) bool {
	at := time.Now()
	err := r.loop.Store.Update(ctx, func(tx store.Tx) error { return tx.Renew(r.item, r.loop.TTL) })
	switch {
	case err == nil:
		r.renewed = at
	case errors.Is(err, store.ErrLeaseLost):
		r.lost(err)
		return false
	case time.Since(r.renewed) >= r.loop.TTL:
		r.lost(fmt.Errorf("%w: it could not be renewed: %w", store.ErrLeaseLost, err))
		return false
	}
	return true
}

// end returns when nothing is renewed any more.
func (r *renewal) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.timer.Stop()
}
