package connectors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// longestWait is how long a call waits for its turn. A longer wait is told to
// the caller instead, who has a lane to put the work back into.
const longestWait = 5 * time.Second

// errPaced says that a call was not made because of our own limit.
var errPaced = errors.New("the target's rate limit is used up")

// A Rate holds calls back to what a target allows: per second with a burst, in
// any hour, and by method. It also stands still for as long as the target asked
// for. It is safe for concurrent use; a nil Rate lets everything through.
type Rate struct {
	all    pace
	method map[string]*pace
	calls  []callPace

	mu    sync.Mutex
	until time.Time // the target asked for quiet until then
}

// NewRate returns a Rate that keeps the limit. Of a burst it keeps one back:
// calls do not arrive as evenly as they are made, and a target must not find one
// too many.
func NewRate(l RateLimit) *Rate {
	r := &Rate{all: newPace(l.PerSecond, l.Burst, l.PerHour), method: map[string]*pace{}}
	for name, m := range l.Methods {
		p := newPace(m.PerSecond, m.Burst, m.PerHour)
		r.method[name] = &p
	}
	for _, c := range l.Calls {
		r.calls = append(r.calls, callPace{c, newPace(c.PerSecond, c.Burst, c.PerHour)})
	}
	return r
}

// A callPace is the limit of one sort of calls.
type callPace struct {
	of CallRate
	pace
}

// Rates are the rate limits that several connectors use up together, by name.
type Rates map[string]*Rate

// Of returns the rate limit of a connector, which is that of the first with its name,
// where it shares one: its calls are counted with those of the others, and a target
// that asks one of them for quiet gets it from all.
func (r Rates) Of(c Config) *Rate {
	if c.Shares == "" {
		return NewRate(c.Profile.Rate)
	}
	shared, ok := r[c.Shares]
	if !ok {
		shared = NewRate(c.Profile.Rate)
		r[c.Shares] = shared
	}
	return shared
}

// Wait returns when a call of the method may be made, as WaitFor does.
func (r *Rate) Wait(ctx context.Context, method string) error {
	return r.WaitFor(ctx, Call{Method: method})
}

// WaitFor returns when the call may be made, or with an error that is Transient, and
// says After when, if that is too far off to wait for.
func (r *Rate) WaitFor(ctx context.Context, c Call) error {
	if r == nil {
		return ctx.Err()
	}
	delay, undo := r.reserve(c, time.Now())
	if delay > longestWait {
		undo()
		return &Error{Kind: Transient, After: delay, Err: errPaced}
	}
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		undo()
		return fmt.Errorf("wait for the target's rate limit: %w", ctx.Err())
	}
}

// Pause makes every call wait until the time has passed.
func (r *Rate) Pause(d time.Duration) {
	if r == nil || d <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := time.Now().Add(d); until.After(r.until) {
		r.until = until
	}
}

// reserve takes a place in every limit that counts for the call, and returns how
// long the slowest wants it to wait.
func (r *Rate) reserve(c Call, now time.Time) (time.Duration, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := now // turns begin where the quiet ends, or all that wait for that would go out at once
	if r.until.After(now) {
		from = r.until
	}
	delay, undo := r.all.reserve(from)
	also := func(p *pace) {
		d, back := p.reserve(from)
		before := undo
		delay, undo = max(delay, d), func() { before(); back() }
	}
	if m, ok := r.method[c.Method]; ok {
		also(m)
	}
	for i := range r.calls {
		if r.calls[i].of.Of(c) {
			also(&r.calls[i].pace)
		}
	}
	return delay + from.Sub(now), r.locked(undo)
}

func (r *Rate) locked(f func()) func() {
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
}

// A pace is one limit: a bucket for the seconds, and the times of the last calls
// for the hour, so that no hour, wherever it begins, has more.
type pace struct {
	second *rate.Limiter
	hour   []time.Time // a ring of the newest calls' times; nil: no limit
	next   int         // the oldest in the ring, which the next call replaces
}

func newPace(perSecond float64, burst, perHour int) pace {
	p := pace{second: rate.NewLimiter(rate.Inf, 0)}
	if perSecond > 0 {
		p.second = rate.NewLimiter(rate.Limit(perSecond), max(1, burst-1))
	}
	if perHour > 0 {
		p.hour = make([]time.Time, perHour)
	}
	return p
}

// reserve returns how long to wait, and what gives the place back.
func (p *pace) reserve(now time.Time) (time.Duration, func()) {
	at := now
	if p.hour != nil {
		if free := p.hour[p.next].Add(time.Hour); free.After(at) {
			at = free
		}
	}
	place := p.second.ReserveN(now, 1)
	if then := now.Add(place.DelayFrom(now)); then.After(at) {
		at = then
	}
	if p.hour == nil {
		return at.Sub(now), func() { place.CancelAt(now) }
	}
	slot, was := p.next, p.hour[p.next]
	p.hour[slot] = at
	p.next = (p.next + 1) % len(p.hour)
	return at.Sub(now), func() {
		place.CancelAt(now)
		if p.next == (slot+1)%len(p.hour) {
			p.hour[slot], p.next = was, slot
		}
	}
}
