package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// A crowd is the writer of a store whose engine takes several writers, perhaps
// of several processes: each Update is a transaction of its own, run again as
// often as the engine asks for it.
type crowd struct {
	store      *Store
	slots      chan struct{} // as many as the engine wants writers
	background chan struct{} // of these, one at a time is for the background

	mu     sync.RWMutex // held to read by each Update, so that close waits for them
	closed bool
}

func newCrowd(s *Store) *crowd {
	return &crowd{store: s, slots: make(chan struct{}, s.engine.Writers()), background: make(chan struct{}, 1)}
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

func (c *crowd) update(ctx context.Context, fn func(Tx) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return errClosed()
	}
	if inBackground(ctx) {
		if err := take(ctx, c.background); err != nil {
			return err
		}
		defer func() { <-c.background }()
	}
	if !inBackground(ctx) && !isUnhurried(ctx) {
		c.store.awaited.now()
	}
	for tried := 0; ; tried++ {
		err := c.once(ctx, fn)
		if !errors.Is(err, ErrRetry) {
			return err
		}
		c.store.stats.retried.Add(1)
		if err := pause(ctx, tried); err != nil {
			return err
		}
	}
}

func take(ctx context.Context, slot chan struct{}) error {
	select {
	case slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause waits longer the more often it was tried, and differently each time, so
// that two who met do not meet again.
func pause(ctx context.Context, tried int) error {
	most := time.Millisecond << min(tried, 7)
	wait := time.NewTimer(rand.N(most))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *crowd) once(ctx context.Context, fn func(Tx) error) error {
	if err := take(ctx, c.slots); err != nil {
		return err
	}
	defer func() { <-c.slots }()
	s := c.store
	txn, err := s.engine.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = txn.Rollback() }() // after a commit it does nothing
	t := newTransaction(s, txn, ctx)
	t.write = true
	defer t.end()
	err = fn(t)
	if err == nil {
		err = t.writeCounts()
	}
	if err != nil {
		if !errors.Is(err, ErrRetry) {
			s.stats.failed.Add(1)
		}
		return err
	}
	if !t.wrote() {
		return nil // there is nothing to make durable
	}
	tail, err := appendLog(txn, t.sequenced)
	if err := errors.Join(err, appendOutbox(txn, t.recorded)); err != nil {
		return err
	}
	start := time.Now()
	if err := txn.Commit(); err != nil {
		return err
	}
	s.stats.committed(1, time.Since(start))
	s.tell(t.woken)
	if tail >= longTail {
		s.indexLog()
	}
	return nil
}
