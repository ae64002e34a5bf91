package scheduler

import (
	"context"
	"errors"
	"sync"
	"time"

	"drawbridge/connectors"
)

// A Breaker keeps a target that does not answer from being called by everyone who
// waits for it. After some failures in a row it opens: one call at a time is let
// through, at growing intervals, until one is answered; then all go on. An answer
// is an answer, also one that says no. A target that names a time to come back at
// opens it at once, until then.
//
// It is safe for concurrent use. A nil one never opens.
type Breaker struct {
	after   int
	backoff Backoff
	changed chan struct{} // a hint: there may be more to do, or nothing any more

	mu       sync.Mutex
	failures int               // in a row
	last     *connectors.Error // of these, which accounts that shared the call all tell of
	problem  string
	opened   time.Time // zero while it is closed
	next     time.Time // of an open one: when the next call is let through
	tried    int       // how many of those failed
	working  int       // items that are being worked on
}

// NewBreaker returns a breaker that opens after so many failures in a row, and
// waits between calls as the backoff says.
func NewBreaker(after int, backoff Backoff) *Breaker {
	return &Breaker{after: max(1, after), backoff: backoff, changed: make(chan struct{}, 1)}
}

// A BreakerState is how a breaker stands.
type BreakerState struct {
	Open     bool      `json:"open"`
	Since    time.Time `json:"since,omitzero"` // when it opened
	Next     time.Time `json:"next,omitzero"`  // when the next call is let through
	Failures int       `json:"failures"`       // in a row
	Problem  string    `json:"problem,omitempty"`
}

// State returns how it stands now.
func (b *Breaker) State() BreakerState {
	if b == nil {
		return BreakerState{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return BreakerState{Open: !b.opened.IsZero(), Since: b.opened, Next: b.next, Failures: b.failures, Problem: b.problem}
}

// Record tells it what came of a call. One that its caller gave up says nothing
// about the target.
func (b *Breaker) Record(err error) {
	if b == nil || errors.Is(err, context.Canceled) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.hint()
	if err == nil || connectors.KindOf(err) != connectors.Transient {
		b.failures, b.last, b.tried, b.problem = 0, nil, 0, ""
		b.opened, b.next = time.Time{}, time.Time{}
		return
	}
	if e, ok := errors.AsType[*connectors.Error](err); ok && e == b.last {
		return
	} else if ok {
		b.last = e
	}
	now, patience := time.Now(), connectors.RetryAfter(err)
	b.failures++
	b.problem = err.Error()
	switch {
	case b.opened.IsZero() && (b.failures >= b.after || patience > 0):
		b.opened = now
	case b.opened.IsZero() || now.Before(b.next) && patience == 0:
		return // few enough, or one that was under way when it opened
	}
	b.tried++
	if next := now.Add(max(patience, b.backoff.After(b.tried))); next.After(b.next) {
		b.next = next
	}
}

// admit returns how many of the idle workers may begin an item now. If none may,
// it is to be asked again at a time, or, if that is zero, after a hint.
func (b *Breaker) admit(idle int) (n int, again time.Time) {
	if b == nil {
		return idle, time.Time{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.opened.IsZero():
		return idle, time.Time{}
	case time.Now().Before(b.next):
		return 0, b.next
	case b.working > 0:
		return 0, time.Time{}
	}
	return 1, time.Time{}
}

// begin and end count the items that are being worked on.
func (b *Breaker) begin(items int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.working += items
}

func (b *Breaker) end() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.working--
	b.hint()
}

func (b *Breaker) hint() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// hints is where it says that it may admit more.
func (b *Breaker) hints() <-chan struct{} {
	if b == nil {
		return nil
	}
	return b.changed
}

// patience returns how long an urgent item that failed waits: no longer than until
// the next call is let through, so that it is the one that is tried first.
func (b *Breaker) patience(wait time.Duration) time.Duration {
	if s := b.State(); s.Open {
		return min(wait, max(0, time.Until(s.Next)))
	}
	return wait
}
