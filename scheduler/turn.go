package scheduler

import (
	"context"
	"sync"

	"drawbridge/connectors"
	"drawbridge/store"
)

// A turn is one item's at a worker. An item that only waits for a call which it shares
// with others stands aside: its worker goes on to another, which may join that call,
// and the item, when the call was answered, ends on its own. So a lane whose target
// takes a hundred members in one call has a hundred accounts wait for it, and as many
// workers as ever for everything else.
type turn struct {
	item store.Item
	room *room
	free chan<- struct{} // where workers are who have nothing to do

	mu    sync.Mutex
	aside bool
	over  bool // its worker is gone on to another
}

// with returns a context in which the item can stand aside.
func (t *turn) with(ctx context.Context) context.Context {
	if t.room.gather == 0 {
		return ctx
	}
	return connectors.WithAside(ctx, t.stand)
}

// stand has the item stand aside, or do so once there is room.
func (t *turn) stand() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || !t.room.stand(t) {
		return
	}
	t.aside = true
	t.end()
}

// worked says that all that is left is to write down what came of the item.
func (t *turn) worked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.end()
	}
}

func (t *turn) end() {
	t.over = true
	t.room.leave(t.item)
	t.free <- struct{}{}
}

// written says that nothing is left, so that another can stand aside.
func (t *turn) written() {
	t.mu.Lock()
	aside := t.aside
	t.mu.Unlock()
	if !aside {
		return
	}
	for _, next := range t.room.gone(t.item) {
		next.stand()
	}
}
