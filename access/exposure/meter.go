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
	return measure(r, from, to, by, func(all *tally) error {
		for begin := from; begin.Before(to); {
			end := begin.UTC().Truncate(time.Hour).Add(time.Hour)
			if end.After(to) {
				end = to
			}
			part, err := m.part(r, begin, end, by)
			if err != nil {
				return err
			}
			all.join(part)
			begin = end
		}
		return nil
	})
}

// part counts the windows of an hour, or of part of one.
func (m *Meter) part(r store.Reader, begin, end time.Time, by string) (*tally, error) {
	whole := end.Sub(begin) == time.Hour && r.Now().Sub(begin) < remembered
	h, keys := hour{by, begin.UTC().Truncate(time.Hour)}, uint64(0)
	if whole {
		var err error
		if keys, err = keysOf(r, begin, end); err != nil {
			return nil, err
		}
		if c, ok := m.recall(h); ok && c.keys == keys {
			return c.tally, nil
		}
	}
	t := newTally(by)
	err := t.addAll(closedWindows(r, begin, end, false))
	if err == nil && whole {
		m.remember(h, counted{keys, t}, r.Now())
	}
	return t, err
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
