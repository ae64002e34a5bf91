package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/scheduler"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestWhoLeavesNeedNotWait fills a lane with what is not urgent and takes a minute
// each: what is urgent is begun at once all the same, and no more of the others are
// at work than may be. R-SLO-2.
func TestWhoLeavesNeedNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		var calm, most, done atomic.Int64
		left := make(chan time.Time, 1)
		l := scheduler.Loop{
			Store: s, Lane: "test", Workers: 4, Calm: 3, TTL: time.Hour, Grace: time.Hour, Log: discard(),
			Handle: func(_ context.Context, item store.Item) (access.Finish, error) {
				if item.Urgent {
					left <- time.Now()
					return nil, nil
				}
				most.Store(max(most.Load(), calm.Add(1)))
				time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time
				calm.Add(-1)
				done.Add(1)
				return nil, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		wake := func(wake func(tx store.Tx) error) {
			if err := s.Update(ctx, wake); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			wake(func(tx store.Tx) error { return tx.Wake("test", fmt.Sprint(i), tx.Now()) })
		}
		for range 3 {
			settle(10 * time.Second)
			began := time.Now()
			wake(func(tx store.Tx) error { return tx.WakeUrgent("test", "leaver") })
			if waited := (<-left).Sub(began); waited != 0 {
				t.Errorf("what is urgent waited for %v", waited)
			}
		}
		settle(time.Hour)
		if most.Load() != 3 || done.Load() != 20 {
			t.Errorf("%d at work at once, and %d done in the end; want 3 and 20", most.Load(), done.Load())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestHungTargetHoldsUpNobody has a lane whose every worker hangs, with more that
// waits behind them: in another one everything is done, and no time passes.
func TestHungTargetHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		const items = 100
		hang, done := make(chan struct{}), make(chan struct{}, items)
		var loops sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for lane, handle := range map[store.Lane]func(){"hung": func() { <-hang }, "well": func() { done <- struct{}{} }} {
			l := scheduler.Loop{
				Store: s, Lane: lane, Workers: 4, Calm: 3, TTL: time.Hour, Grace: time.Hour, Log: discard(),
				Handle: func(context.Context, store.Item) (access.Finish, error) { handle(); return nil, nil },
			}
			loops.Go(func() { _ = l.Run(ctx) })
		}
		began := time.Now()
		for i := range items {
			err := s.Update(ctx, func(tx store.Tx) error {
				id := fmt.Sprint(i)
				if i%2 == 0 {
					return errors.Join(tx.WakeUrgent("hung", id), tx.WakeUrgent("well", id))
				}
				return errors.Join(tx.Wake("hung", id, tx.Now()), tx.Wake("well", id, tx.Now()))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range items {
			<-done
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v, beside a target that hangs", took)
		}
		close(hang)
		settle(time.Minute)
		cancel()
		loops.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
