package exposure

import (
	"hash/maphash"
	"sync"
	"time"

	"drawbridge/store"
)

// A Meter measures as Measure does, and remembers what it counted of each whole hour of
// the last days: whoever looks again reads what is new, and of the rest the keys alone.
// A window that closed does not change, so that an hour with the same keys counts the
// same. The zero Meter is ready, for several goroutines at once.
type Meter struct {
	mu    sync.Mutex
	hours map[hour]counted
}

// An hour is one by what its windows are counted by.
type hour struct {
	by    string
	began time.Time // in UTC
}

// counted is what the windows with these keys come to.
type counted struct {
	keys  uint64
	tally *tally
}

// remembered is how long ago an hour is that is remembered.
const remembered = 8 * 24 * time.Hour

var seed = maphash.MakeSeed()

// Measure reports as the function does. By person it remembers nothing, because people
// may have another name the next time.
func (m *Meter) Measure(r store.Reader, from, to time.Time, by string) (Report, error) {
	if by == ByPerson {
		return Measure(r, from, to, by)
	}
	first, last := kept(r.Now(), from, to)
	if !first.Before(last) {
		return Measure(r, from, to, by)
	}
	return measure(r, from, to, by, func(all *tally) error {
		if err := all.addAll(closedWindows(r, from, first, false)); err != nil {
			return err
		}
		for begin := first; begin.Before(last); begin = begin.Add(time.Hour) {
			part, err := m.part(r, hour{by, begin})
			if err != nil {
				return err
			}
			all.join(part)
		}
		return all.addAll(closedWindows(r, last, to, false))
	})
}

// kept is the part of a period that is remembered: from when its first hour begins that
// is whole, and not long ago, to when its last one ends that is over. It is empty where
// there is none. However long a period is, it has no more hours than were of late.
func kept(now, from, to time.Time) (first, last time.Time) {
	if oldest := now.Add(-remembered); from.Before(oldest) {
		from = oldest
	}
	if now.Before(to) {
		to = now
	}
	first = from.UTC().Truncate(time.Hour)
	if first.Before(from) {
		first = first.Add(time.Hour)
	}
	return first, to.UTC().Truncate(time.Hour)
}

// part counts the windows of an hour that is remembered.
func (m *Meter) part(r store.Reader, h hour) (*tally, error) {
	end := h.began.Add(time.Hour)
	keys, err := keysOf(r, h.began, end)
	if err != nil {
		return nil, err
	}
	if c, ok := m.recall(h); ok && c.keys == keys {
		return c.tally, nil
	}
	t := newTally(h.by)
	if err := t.addAll(closedWindows(r, h.began, end, false)); err != nil {
		return nil, err
	}
	m.remember(h, counted{keys, t}, r.Now())
	return t, nil
}

// keysOf is a sum of the keys of the windows that were opened in a time and closed.
func keysOf(r store.Reader, begin, end time.Time) (uint64, error) {
	var sum maphash.Hash
	sum.SetSeed(seed)
	for key, err := range store.Windows.KeysBetween(r, store.WindowReceived, begin, end) {
		if err != nil {
			return 0, err
		}
		_, _ = sum.WriteString(key[0]) // never fails
	}
	return sum.Sum64(), nil
}

func (m *Meter) recall(h hour) (counted, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.hours[h]
	return c, ok
}

// remember keeps what an hour comes to, and forgets hours that are long ago.
func (m *Meter) remember(h hour, c counted, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hours == nil {
		m.hours = map[hour]counted{}
	}
	for other := range m.hours {
		if now.Sub(other.began) >= remembered {
			delete(m.hours, other)
		}
	}
	m.hours[h] = c
}
