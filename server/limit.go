package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits say how often the listener may be used. The zero value has limits that
// no honest client of its kind comes near; a negative rate is none.
type Limits struct {
	Source float64 // requests a second of one source's credential; 10,000
	API    float64 // requests a second of one API credential; 100
	Failed float64 // attempts a minute with a wrong credential from one address; 30

	Discovery float64 // requests a minute without a credential, of what strangers are told, from one address; 60
}

func (l Limits) orDefaults() Limits {
	if l.Source == 0 {
		l.Source = 10_000
	}
	if l.API == 0 {
		l.API = 100
	}
	if l.Failed == 0 {
		l.Failed = 30
	}
	if l.Discovery == 0 {
		l.Discovery = 60
	}
	return l
}

// buckets are token buckets by name, of which there are at most so many: the one
// that was used longest ago makes room. Whoever makes up names gets memory of
// nobody but others who do.
type buckets struct {
	rate  rate.Limit
	burst int
	most  int

	mu     sync.Mutex
	byName map[string]*list.Element
	recent *list.List // of bucket, the last used first
}

type bucket struct {
	name    string
	limiter *rate.Limiter
}

func newBuckets(perSecond float64, burst, most int) *buckets {
	if perSecond < 0 {
		return nil
	}
	return &buckets{rate: rate.Limit(perSecond), burst: max(1, burst), most: most, byName: map[string]*list.Element{}, recent: list.New()}
}

// take takes one token, or says after how long there will be one.
func (b *buckets) take(name string) (wait time.Duration, ok bool) {
	if b == nil {
		return 0, true
	}
	now := time.Now()
	r := b.limiter(name).ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait <= 0 {
		return 0, true
	}
	r.CancelAt(now)
	return wait, false
}

func (b *buckets) limiter(name string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.byName[name]; ok {
		b.recent.MoveToFront(e)
		return e.Value.(bucket).limiter //nolint:errcheck // nothing else is in the list
	}
	if b.recent.Len() >= b.most {
		oldest := b.recent.Back()
		b.recent.Remove(oldest)
		delete(b.byName, oldest.Value.(bucket).name) //nolint:errcheck // the same
	}
	l := rate.NewLimiter(b.rate, b.burst)
	b.byName[name] = b.recent.PushFront(bucket{name, l})
	return l
}

// addressKey is what attempts are counted by: an IPv4 address, or the network of
// 64 bits that one customer has of IPv6.
func addressKey(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
