package fake

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"drawbridge/connectors"
)

// brakes are the rate limits of a profile, from the target's side.
type brakes struct {
	all    brake
	method map[string]*brake
	calls  []callBrake
}

// A callBrake is the limit of one sort of calls.
type callBrake struct {
	of connectors.CallRate
	*brake
}

type brake struct {
	second *rate.Limiter

	mu      sync.Mutex
	perHour int
	hour    []time.Time // of the calls that were let through, oldest first
}

func newBrakes(l connectors.RateLimit) *brakes {
	b := &brakes{method: map[string]*brake{}}
	b.all.set(l.PerSecond, l.Burst, l.PerHour)
	for name, m := range l.Methods {
		b.method[name] = &brake{}
		b.method[name].set(m.PerSecond, m.Burst, m.PerHour)
	}
	for _, c := range l.Calls {
		one := callBrake{c, &brake{}}
		one.set(c.PerSecond, c.Burst, c.PerHour)
		b.calls = append(b.calls, one)
	}
	return b
}

func (b *brake) set(perSecond float64, burst, perHour int) {
	b.perHour = perHour
	if perSecond > 0 {
		b.second = rate.NewLimiter(rate.Limit(perSecond), max(1, burst))
	}
}

// brake returns how long to stay away, or zero to let the call through.
func (b *brakes) brake(c connectors.Call, now time.Time) time.Duration {
	wait := b.all.take(now)
	if m, ok := b.method[c.Method]; ok && wait == 0 {
		wait = m.take(now)
	}
	for _, one := range b.calls {
		if wait == 0 && one.of.Of(c) {
			wait = one.take(now)
		}
	}
	return wait
}

func (b *brake) take(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.perHour > 0 {
		for len(b.hour) > 0 && now.Sub(b.hour[0]) >= time.Hour {
			b.hour = b.hour[1:]
		}
		if len(b.hour) >= b.perHour {
			return time.Hour - now.Sub(b.hour[0])
		}
	}
	if b.second != nil && !b.second.AllowN(now, 1) {
		return time.Second
	}
	if b.perHour > 0 {
		b.hour = append(b.hour, now)
	}
	return 0
}

// joins refuses those who are one too many for the group in this hour, and counts
// those it lets in.
func (p *Provider) joins(g *entry, users []*entry) error {
	most := p.profile.Groups.PerHour
	if most <= 0 {
		return nil
	}
	now, news := p.o.Now(), 0
	for _, u := range users {
		if _, is := g.links[u.id]; !is {
			news++
		}
	}
	for len(g.joined) > 0 && now.Sub(g.joined[0]) >= time.Hour {
		g.joined = g.joined[1:]
	}
	if len(g.joined)+news > most {
		wait := time.Hour
		if len(g.joined) > 0 {
			wait -= now.Sub(g.joined[0])
		}
		return &problem{status: http.StatusTooManyRequests, detail: fmt.Sprintf("at most %d may join a group in an hour", most), after: wait}
	}
	for range news {
		g.joined = append(g.joined, now)
	}
	return nil
}

// A fault strikes one request.
type fault struct {
	mu    sync.Mutex
	in    int // requests from now; 0: none
	took  bool
	spent bool
}

func (f *fault) strikes() (before, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.in == 0 {
		return false, false
	}
	f.in--
	if f.in > 0 {
		return false, false
	}
	f.spent = true
	return !f.took, f.took
}
