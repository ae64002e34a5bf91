package rest

import (
	"context"
	"slices"
	"sync/atomic"

	"drawbridge/connectors"
)

// A queue holds the changes of one entitlement that wait, while one batch of them
// is written. Whoever writes reads first and writes all of it back, at some
// targets: so no two batches of one entitlement are under way at once.
type queue struct {
	name    string
	waiting []*change
}

// A change gives one account the entitlement, or takes it away.
type change struct {
	ctx     context.Context
	account string
	in      bool
	done    chan error // holds the outcome
}

// enqueue has the change written with others of its entitlement.
func (k *kind) enqueue(ctx context.Context, id, name, account string, in bool) error {
	ch := &change{ctx: ctx, account: account, in: in, done: make(chan error, 1)}
	k.mu.Lock()
	q, writing := k.queues[id]
	if !writing {
		q = &queue{name: name}
		k.queues[id] = q
	}
	q.waiting = append(q.waiting, ch)
	k.mu.Unlock()
	if !writing {
		go k.drain(id, q)
	}
	connectors.Aside(ctx)
	select {
	case err := <-ch.done:
		return err
	case <-ctx.Done():
		k.mu.Lock()
		defer k.mu.Unlock()
		q.waiting = slices.DeleteFunc(q.waiting, func(other *change) bool { return other == ch })
		return ctx.Err()
	}
}

// drain writes until nothing waits any longer.
func (k *kind) drain(id string, q *queue) {
	for {
		batch := k.next(id, q)
		if len(batch) == 0 {
			return
		}
		err := k.send(id, q.name, batch)
		if err == nil || len(batch) == 1 || connectors.KindOf(err) == connectors.Transient {
			for _, ch := range batch {
				ch.done <- err
			}
			continue
		}
		// One of them is refused: find out which, so that the others pass.
		for _, ch := range batch {
			ch.done <- k.send(id, q.name, []*change{ch})
		}
	}
}

// next takes what goes into one batch, all in or all out, what ends access first.
// It retires the queue if nothing waits.
func (k *kind) next(id string, q *queue) []*change {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(q.waiting) == 0 {
		delete(k.queues, id)
		return nil
	}
	in := !slices.ContainsFunc(q.waiting, func(ch *change) bool { return !ch.in })
	var batch, rest []*change
	for _, ch := range q.waiting {
		if ch.in == in && len(batch) < k.Batch {
			batch = append(batch, ch)
		} else {
			rest = append(rest, ch)
		}
	}
	q.waiting = rest
	return batch
}

func (k *kind) send(id, name string, batch []*change) error {
	ctx, stop := together(batch)
	defer stop()
	ids := make([]string, len(batch))
	for i, ch := range batch {
		ids[i] = ch.account
	}
	return k.write(ctx, variables{"ids": ids}, id, name, batch[0].in)
}

// together returns a context that ends when nobody waits for the changes any
// longer.
func together(batch []*change) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, ch := range batch {
		stops[i] = context.AfterFunc(ch.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
