package fake

import (
	"net/http"
	"sync"
	"time"
)

// Lies are what a target does that no profile can state: it is not as it says.
// The zero value is honest.
type Lies struct {
	// Half is how many of the next writes of groups do half of what they are asked
	// and answer that they failed.
	Half int
	// Blind is how many of the next searches for a user find nobody: an index that
	// is not there yet.
	Blind int
	// Twice lets users have a name that somebody has already. They keep it.
	Twice bool
	// Pages changes the page of a listing that begins at an offset, given as the
	// offsets of the entries on it, and how many there are of all. nil: it is right.
	Pages func(from, to, all int) (newFrom, newTo int)
	// Skew is how far the target's clock is ahead of ours. It then says as a date
	// when to come back.
	Skew time.Duration
	// Throttle is the text with which it answers 500, and nothing else, in the place
	// of 429.
	Throttle string
}

// A liar keeps what is left of the lies.
type liar struct {
	mu      sync.Mutex
	lies    Lies
	doubled bool // two users may have one name
}

// Lie makes the target lie from now on.
func (p *Provider) Lie(l Lies) {
	p.liar.mu.Lock()
	defer p.liar.mu.Unlock()
	p.liar.lies = l
	p.liar.doubled = p.liar.doubled || l.Twice
}

func (l *liar) now() Lies {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lies
}

// mayDouble reports whether two users may have one name.
func (l *liar) mayDouble() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubled
}

// spend reports whether there is one of those left, and takes it.
func (l *liar) spend(of func(*Lies) *int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := of(&l.lies)
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// half returns how many of n changes a write does, and whether it then fails.
func (l *liar) half(n int) (int, error) {
	if !l.spend(func(l *Lies) *int { return &l.Half }) {
		return n, nil
	}
	return n / 2, refuse(http.StatusInternalServerError, "", "broken half way")
}

// later says when to come back, in the words of the target.
func (l *liar) later(h http.Header, now time.Time, wait time.Duration) {
	skew := l.now().Skew
	if skew == 0 {
		return
	}
	theirs := now.Add(skew).UTC()
	h.Set("Date", theirs.Format(http.TimeFormat))
	h.Set("Retry-After", theirs.Add(wait).Format(http.TimeFormat))
}
