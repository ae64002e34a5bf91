package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"drawbridge/schema"
)

// maxShared is how many Updates share a commit at most, so that nobody waits for
// a crowd.
const maxShared = 512

// A writer runs the Updates of a store whose engine takes one writer. While one
// commit is under way the next ones gather, and share the one after it; it never
// waits for more to come, so that a lone Update is as quick as can be.
type writer struct {
	store       *Store
	interactive chan *request
	background  chan *request

	mu     sync.RWMutex // held to send, so that close knows when all have sent
	closed bool
	done   chan struct{}
}

// A request is one Update waiting for its commit.
type request struct {
	fn       func(Tx) error
	ctx      context.Context
	err      error
	panicked any
	done     chan struct{}
}

func newWriter(s *Store) *writer {
	w := &writer{
		store:       s,
		interactive: make(chan *request, maxShared),
		background:  make(chan *request, 16),
		done:        make(chan struct{}),
	}
	go w.run()
	return w
}

func (w *writer) update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{fn: fn, ctx: ctx, done: make(chan struct{})}
	if err := w.send(ctx, r); err != nil {
		return err
	}
	<-r.done
	if r.panicked != nil {
		panic(r.panicked) // in the goroutine that caused it
	}
	return r.err
}

func (w *writer) send(ctx context.Context, r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("the store is closed: %w", schema.ErrUnavailable)
	}
	queue := w.interactive
	if ctx.Value(backgroundKey{}) != nil {
		queue = w.background
	}
	select {
	case queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) close() {
	w.mu.Lock()
	already := w.closed
	w.closed = true
	w.mu.Unlock()
	if !already {
		close(w.interactive)
		close(w.background)
	}
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	for {
		batch, ok := w.gather()
		if len(batch) > 0 {
			w.commit(batch)
		}
		if !ok {
			return
		}
	}
}

// gather waits for one Update and takes all that are there, and one of the
// background. It reports false when no more will come.
func (w *writer) gather() (batch []*request, more bool) {
	select {
	case r, ok := <-w.interactive:
		if !ok {
			return w.rest(), false
		}
		batch = append(batch, r)
	case r, ok := <-w.background:
		if !ok {
			for r := range w.interactive {
				batch = append(batch, r)
			}
			return batch, false
		}
		return append(w.take(nil), r), true
	}
	batch = w.take(batch)
	select {
	case r, ok := <-w.background:
		if ok {
			batch = append(batch, r)
		}
	default:
	}
	return batch, true
}

func (w *writer) take(batch []*request) []*request {
	for len(batch) < maxShared {
		select {
		case r, ok := <-w.interactive:
			if !ok {
				return batch
			}
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

func (w *writer) rest() (batch []*request) {
	for r := range w.background {
		batch = append(batch, r)
	}
	return batch
}

// commit runs the functions one after the other in one transaction and makes it
// durable. Each is told how its own part went.
func (w *writer) commit(batch []*request) {
	defer func() {
		for _, r := range batch {
			close(r.done)
		}
	}()
	for {
		err := w.try(batch)
		if !errors.Is(err, ErrRetry) {
			for _, r := range batch {
				if r.err == nil && r.panicked == nil {
					r.err = err
				}
			}
			return
		}
		for _, r := range batch {
			r.err, r.panicked = nil, nil
		}
	}
}

// try runs the batch in one transaction. Its error is one that all of them
// share.
func (w *writer) try(batch []*request) error {
	s := w.store
	//nolint:forbidigo // the commit belongs to many callers; each one's own context is looked at below
	txn, err := s.engine.Begin(context.Background(), true)
	if err != nil {
		return err
	}
	defer func() { _ = txn.Rollback() }() // after a commit it does nothing
	woken := map[Lane]struct{}{}
	var leaves []leaf
	good := 0
	for _, r := range batch {
		if r.err = r.ctx.Err(); r.err != nil {
			continue
		}
		t := &transaction{store: s, txn: txn, now: time.Now(), write: true}
		if r.err, r.panicked = attempt(r.fn, t); r.err != nil || r.panicked != nil {
			s.stats.failed.Add(1)
			if err := t.takeBack(); err != nil {
				return err
			}
			if errors.Is(r.err, ErrRetry) {
				return r.err
			}
			continue
		}
		good++
		leaves = append(leaves, t.leaves...)
		for lane := range t.woken {
			woken[lane] = struct{}{}
		}
	}
	if good == 0 {
		return nil
	}
	if err := appendLog(txn, leaves); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return err
	}
	s.stats.commits.Add(1)
	s.stats.updates.Add(int64(good))
	s.tell(woken)
	return nil
}

func attempt(fn func(Tx) error, t *transaction) (err error, panicked any) { //nolint:revive,staticcheck // the panic is what is left when there is no error
	defer func() { panicked = recover() }()
	return fn(t), nil
}

// updateAlone runs one Update in a transaction of its own, again as often as the
// engine asks for it. Decisions wait in the outbox for the sequencer, because
// numbering them here would make every writer contend for one row.
func (s *Store) updateAlone(ctx context.Context, fn func(Tx) error) error {
	for tried := 0; ; tried++ {
		err := s.updateOnce(ctx, fn)
		if !errors.Is(err, ErrRetry) {
			return err
		}
		wait := time.Duration(1+rand.IntN(1<<min(tried, 6))) * time.Millisecond
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (s *Store) updateOnce(ctx context.Context, fn func(Tx) error) error {
	txn, err := s.engine.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = txn.Rollback() }() // after a commit it does nothing
	t := &transaction{store: s, txn: txn, now: time.Now(), write: true}
	if err := fn(t); err != nil {
		s.stats.failed.Add(1)
		return err
	}
	if err := appendOutbox(t); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return err
	}
	s.stats.commits.Add(1)
	s.stats.updates.Add(1)
	s.tell(t.woken)
	return nil
}
