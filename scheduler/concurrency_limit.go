package scheduler

import (
	"sync"

	"drawbridge/store"
)

// A room bounds how many items are at work that are not urgent, and how many of
// those that were are yet to be written down: an import must not fill the lanes, nor
// the way to the commits, before somebody who leaves.
type room struct {
	most    int
	changed chan struct{} // a hint: there is room again
	writing chan struct{} // as many as may be written down at once

	mu sync.Mutex
	at int // work
}

func newRoom(most int) *room {
	return &room{most: most, changed: make(chan struct{}, 1), writing: make(chan struct{}, 2*most)}
}

// left returns how many more there is room for: none until a quarter of it is free,
// so that they are leased together.
func (r *room) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free()
}

func (r *room) free() int {
	if free := r.most - r.at; free >= max(1, r.most/4) {
		return free
	}
	return 0
}

func (r *room) enter(items []store.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range items {
		if !item.Urgent {
			r.at++
		}
	}
}

// leave makes room once an item was worked on and may be written down. It returns
// what is to be called when it was.
func (r *room) leave(item store.Item) (written func()) {
	if item.Urgent {
		return func() {}
	}
	r.writing <- struct{}{}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at--; r.free() > 0 {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
	return func() { <-r.writing }
}
