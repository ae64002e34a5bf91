package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// An engine that can be out of reach for one of those that use it.
type reachable struct {
	store.Engine
	away atomic.Bool
}

func (r *reachable) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if r.away.Load() {
		return nil, schema.ErrUnavailable
	}
	return r.Engine.Begin(ctx, write)
}

func (r *reachable) Close() error { return nil }

// A process is one of several that serve a lane of one engine.
type process struct {
	engine *reachable
	stop   func()
}

// serve starts a process whose work is renewed and is what the handler does.
func serve(t *testing.T, e store.Engine, handle scheduler.Handler) *process {
	t.Helper()
	p := &process{engine: &reachable{Engine: e}}
	s, err := store.Open(p.engine)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := scheduler.Loop{
		Store: s, Lane: "long", Handle: handle, Workers: 1, TTL: 3 * time.Minute, Renews: true, Log: discard(),
		Backoff: scheduler.Backoff{First: time.Second, Most: time.Minute},
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := s.Update(ctx, func(tx store.Tx) error { return tx.Wake("long", "item", tx.Now()) }); err != nil {
		t.Fatal(err)
	}
	p.stop = func() {
		cancel()
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	return p
}

// pass returns after a while, or with why it is to stop.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Hours of work are nobody else's, under leases of minutes.
func TestALeaseIsRenewedWhileItsWorkGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.Memory(4)
		var begun, done atomic.Int32
		handle := func(ctx context.Context, _ store.Item) (access.Finish, error) {
			begun.Add(1)
			if err := pass(ctx, 5*time.Hour); err != nil {
				return nil, err
			}
			done.Add(1)
			return nil, nil
		}
		one := serve(t, e, handle)
		settle(time.Second)
		two := serve(t, e, handle) // it wakes the item, which is then done once more, afterwards
		settle(4 * time.Hour)
		if n := begun.Load(); n != 1 {
			t.Errorf("after four of five hours it was begun %d times", n)
		}
		settle(7 * time.Hour)
		if begun.Load() != 2 || done.Load() != 2 {
			t.Errorf("begun %d times and done %d times, want 2 and 2, one after the other", begun.Load(), done.Load())
		}
		one.stop()
		two.stop()
	})
}

// What a process was at that can not be reached any more is another's within minutes,
// and the first one stops.
func TestALeaseThatIsNotRenewedIsAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.Memory(4)
		var why atomic.Value
		one := serve(t, e, func(ctx context.Context, _ store.Item) (access.Finish, error) {
			err := pass(ctx, 24*time.Hour)
			why.Store(err)
			return nil, err
		})
		settle(20 * time.Minute)
		var taken atomic.Int64
		two := serve(t, e, func(context.Context, store.Item) (access.Finish, error) {
			taken.Store(time.Now().UnixNano())
			return nil, nil
		})
		settle(time.Minute)
		if taken.Load() != 0 {
			t.Fatal("another took what the first one is at")
		}
		away := time.Now()
		one.engine.away.Store(true)
		settle(5 * time.Minute)
		took := time.Unix(0, taken.Load()).Sub(away)
		if taken.Load() == 0 || took > 4*time.Minute {
			t.Errorf("another took it after %v, want it within 4 minutes", took)
		}
		if err, _ := why.Load().(error); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("the first one was told to stop by %v", err)
		}
		one.engine.away.Store(false)
		one.stop()
		two.stop()
	})
}
