package exposure

import (
	"hash/maphash"
	"sync"
	"time"

	"drawbridge/store"
)

// A Meter measures as Measure does, and remembers what it counted of each whole hour of
// the last days, and of each five minutes where a period begins or ends within an hour:
// whoever looks again reads what is new, and of the rest rows of an index alone. A window
// that closed does not change, so that a stretch with the same keys counts the same. The
// zero Meter is ready, for several goroutines at once.
type Meter struct {
	mu     sync.Mutex
	pieces map[piece]counted
}

// A piece is a stretch of time, and what its windows are counted by.
type piece struct {
	by    string
	began time.Time // in UTC
	lasts time.Duration
}

// counted is what the windows with these keys come to.
type counted struct {
	keys  uint64
	tally *tally
	asked time.Time // when it was last asked for
}

const (
	remembered = 8 * 24 * time.Hour // how long ago a piece is that is remembered
	unasked    = 200                // how many times as long as a piece lasts it is remembered when nobody asks for it
)

// lengths are how long pieces last. What is too short for one is told in the next.
var lengths = []time.Duration{time.Hour, 5 * time.Minute}

var seed = maphash.MakeSeed()

// Measure reports as the function does. By person it remembers nothing, because people
// may have another name the next time.
func (m *Meter) Measure(r store.Reader, from, to time.Time, by string) (Report, error) {
	if by == ByPerson {
		return Measure(r, from, to, by)
	}
	return measure(r, from, to, by, func(all *tally) error { return m.add(r, all, from, to, lengths) })
}

// CountAhead counts what is remembered and was not counted before, so that whoever looks
// first need not wait for it.
func (m *Meter) CountAhead(r store.Reader) error {
	for _, by := range []string{ByConnector, ByTrigger} {
		if _, err := m.Measure(r, r.Now().Add(-remembered), r.Now(), by); err != nil {
			return err
		}
	}
	return nil
}

// add counts the windows of a period: in pieces as long as may be, and what is left at
// both ends in shorter ones, or one by one.
func (m *Meter) add(r store.Reader, all *tally, from, to time.Time, lengths []time.Duration) error {
	if len(lengths) == 0 {
		return all.addAll(closedWindows(r, from, to, false))
	}
	lasts, shorter := lengths[0], lengths[1:]
	first, last := whole(r.Now(), from, to, lasts)
	if !first.Before(last) {
		return m.add(r, all, from, to, shorter)
	}
	if err := m.add(r, all, from, first, shorter); err != nil {
		return err
	}
	for begin := first; begin.Before(last); begin = begin.Add(lasts) {
		part, err := m.part(r, piece{all.by, begin, lasts})
		if err != nil {
			return err
		}
		all.join(part)
	}
	return m.add(r, all, last, to, shorter)
}

// whole is the part of a period that is remembered in pieces of a length: from when the
// first begins that is in it, and not long ago, to when the last one ends that is over. It
// is empty where there is none. However long a period is, it has no more of them than
// were of late.
func whole(now, from, to time.Time, lasts time.Duration) (first, last time.Time) {
	if oldest := now.Add(-remembered); from.Before(oldest) {
		from = oldest
	}
	if now.Before(to) {
		to = now
	}
	first = from.UTC().Truncate(lasts)
	if first.Before(from) {
		first = first.Add(lasts)
	}
	return first, to.UTC().Truncate(lasts)
}

// part counts the windows of a piece that is remembered.
func (m *Meter) part(r store.Reader, p piece) (*tally, error) {
	end := p.began.Add(p.lasts)
	keys, err := store.WindowReceived.SumBetween(r, seed, p.began, end)
	if err != nil {
		return nil, err
	}
	if c, ok := m.recall(p, r.Now()); ok && c.keys == keys {
		return c.tally, nil
	}
	t := newTally(p.by)
	if err := t.addAll(closedWindows(r, p.began, end, false)); err != nil {
		return nil, err
	}
	m.remember(p, counted{keys, t, r.Now()})
	return t, nil
}

func (m *Meter) recall(p piece, now time.Time) (counted, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.pieces[p]
	if ok {
		c.asked = now
		m.pieces[p] = c
	}
	return c, ok
}

// remember keeps what a piece comes to, and forgets what nobody asks for any more.
func (m *Meter) remember(p piece, c counted) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pieces == nil {
		m.pieces = map[piece]counted{}
	}
	for other, is := range m.pieces {
		if c.asked.Sub(is.asked) > unasked*other.lasts {
			delete(m.pieces, other)
		}
	}
	m.pieces[p] = c
}
