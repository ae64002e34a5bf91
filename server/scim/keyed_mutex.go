package scim

import (
	"context"
	"sync"
)

// Alone lets one request at a time go on of all that are about one thing.
type alone struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is over
}

// take waits until nobody else has the key.
func (a *alone) take(ctx context.Context, key string) error {
	for {
		a.mu.Lock()
		busy, taken := a.held[key]
		if !taken {
			if a.held == nil {
				a.held = map[string]chan struct{}{}
			}
			a.held[key] = make(chan struct{})
			a.mu.Unlock()
			return nil
		}
		a.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release lets the next one have the key.
func (a *alone) release(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.held[key])
	delete(a.held, key)
}
