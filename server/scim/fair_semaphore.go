package scim

import (
	"context"
	"slices"
	"sync"
)

// Turns are taken by requests that cost much, so that few of them run at once. A
// source never has all of them, and whose source has the fewest is next: what one
// of them sends keeps no other waiting for longer than one request takes.
type turns struct {
	mu      sync.Mutex
	free    int
	most    int            // of one source
	held    map[string]int // by source
	waiting []*waiter      // in the order in which they came
}

// A waiter is told when it has its turn.
type waiter struct {
	source string
	turn   chan struct{}
}

// newTurns makes n turns, of which a source has n-1 at most.
func newTurns(n int) *turns { return &turns{free: n, most: n - 1, held: map[string]int{}} }

// take waits for a turn.
func (t *turns) take(ctx context.Context, source string) error {
	w := &waiter{source, make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.hand()
	t.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	} else { // the turn came at the same moment
		t.giveBack(source)
	}
	return ctx.Err()
}

// release lets the next one have the turn.
func (t *turns) release(source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveBack(source)
}

func (t *turns) giveBack(source string) {
	t.free++
	if t.held[source]--; t.held[source] == 0 {
		delete(t.held, source)
	}
	t.hand()
}

// hand gives the free turns to those who wait and may have them.
func (t *turns) hand() {
	for t.free > 0 {
		next := -1
		for i, w := range t.waiting {
			if t.held[w.source] < t.most && (next < 0 || t.held[w.source] < t.held[t.waiting[next].source]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := t.waiting[next]
		t.waiting = slices.Delete(t.waiting, next, next+1)
		t.free--
		t.held[w.source]++
		close(w.turn)
	}
}
