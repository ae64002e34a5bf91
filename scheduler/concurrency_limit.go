package scheduler

import (
	"sync"

	"drawbridge/store"
)

// A room bounds how many items are at work that are not urgent, how many stand aside,
// and how many of those that were at work are yet to be written down: an import must
// not fill the lanes, nor the way to the commits, before somebody who leaves.
type room struct {
	most    int           // that are not urgent
	gather  int           // that stand aside, of which a quarter is for what is urgent
	changed chan struct{} // a hint: there is room again
	written sync.Cond     // writing changed

	mu      sync.Mutex
	writing int // how many are to be written down
	at      int // work
	aside   int
	calm    int     // of those aside
	keen    []*turn // would stand aside, if there were room
}

func newRoom(most, gather int) *room {
	r := &room{most: most, gather: gather, changed: make(chan struct{}, 1)}
	r.written.L = &r.mu
	return r
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

// leave makes room for another.
func (r *room) leave(item store.Item) {
	if item.Urgent {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at--; r.free() > 0 {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}

// write waits until so many that are not urgent, and were worked on, may be written down.
// It returns what is to be called when they were.
func (r *room) write(n int) (written func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.writing > 0 && r.writing+n > 2*r.most+r.gather/2 {
		r.written.Wait()
	}
	r.writing += n
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.writing -= n
		r.written.Broadcast()
	}
}

// stand reports whether there is room for one more aside. If there is none, the turn is
// among those that gone returns.
func (r *room) stand(t *turn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.aside >= r.gather || !t.item.Urgent && r.calm >= r.gather-r.gather/4 {
		r.keen = append(r.keen, t)
		return false
	}
	r.aside++
	if !t.item.Urgent {
		r.calm++
	}
	return true
}

// gone says that one that stood aside is done with. It returns who would like to stand
// there: no more than there are workers.
func (r *room) gone(item store.Item) (keen []*turn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aside--
	if !item.Urgent {
		r.calm--
	}
	keen, r.keen = r.keen, nil
	return keen
}
