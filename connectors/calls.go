package connectors

import (
	"context"
	"fmt"
	"time"
)

// Calls bound how many calls to a target are under way at once, whoever makes them: a
// lane, a sweep, an import. A quarter of them is for what is urgent, so that nobody who
// leaves waits behind a listing. They are safe for concurrent use; nil Calls let
// everything through.
type Calls struct {
	all  chan struct{}
	calm chan struct{} // of these, what is not urgent
}

// NewCalls returns Calls of which so many may be under way at once; zero is no limit.
func NewCalls(most int) *Calls {
	if most <= 0 {
		return nil
	}
	return &Calls{all: make(chan struct{}, most), calm: make(chan struct{}, most-most/4)}
}

// Enter waits until one more call may be made, and returns what is to be called when it
// was answered. With an error, which says After because nothing was sent, ctx ended
// before that.
func (c *Calls) Enter(ctx context.Context) (leave func(), err error) {
	if c == nil {
		return func() {}, ctx.Err()
	}
	urgent := isUrgent(ctx)
	if !urgent {
		if err := enter(ctx, c.calm); err != nil {
			return nil, err
		}
	}
	if err := enter(ctx, c.all); err != nil {
		if !urgent {
			<-c.calm
		}
		return nil, err
	}
	return func() {
		<-c.all
		if !urgent {
			<-c.calm
		}
	}, nil
}

func enter(ctx context.Context, door chan struct{}) error {
	select {
	case door <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Kind: Transient, After: time.Second, Err: fmt.Errorf("wait until fewer calls are under way: %w", ctx.Err())}
	}
}

type urgentKey struct{}

// Urgent marks the calls made with the context as ones that end access.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

func isUrgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }
