package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"drawbridge/schema"
)

// A Lane is a queue of work by name. An item has an id and is in a lane at most
// once: waking it again only makes it due sooner. It is due at a time, which may
// be far off, so that what ends on Friday is an item due on Friday.
//
// Two tables keep it. "lanes" has a row an item: when it is due, whether it is
// urgent, how often it was tried, who leased it until when. "ready" orders them:
// under each lane first the urgent, then the others, both by when they are due,
// and apart from them the leased, and of these the urgent, by when their lease
// ends. Looking for work reads the first rows of each and writes nothing.
type Lane string

// An Item is one piece of work, as it was when it was leased or listed.
type Item struct {
	Lane    Lane
	ID      string
	Due     time.Time // when the work was or is due
	Urgent  bool
	Attempt int       // how often it was leased since it was last done: from 1 while leased
	Leased  time.Time // until when a worker has it; zero if none has

	fence uint64 // which lease it is, so that a worker who lost it cannot settle it
}

// ErrLeaseLost says that an item is no longer the caller's: its lease ended and
// another worker has it, or it was settled.
var ErrLeaseLost = errors.New("the lease was lost")

const (
	tableLanes = "lanes"
	tableReady = "ready"

	classUrgent   = "a"
	classDue      = "b"
	classLeased   = "c"
	classPressing = "d" // leased, and urgent
)

// A state is an item's row. What waits and what a worker has are kept apart, for
// an item may be woken while it is leased.
type state struct {
	due    time.Time // zero of a leased item that was not woken meanwhile
	urgent bool      // of what waits

	since    time.Time // of what a worker has: when it was due
	pressing bool      // of what a worker has: it was urgent
	until    time.Time // when the lease ends; zero if there is none
	fence    uint64

	attempt int
}

func (s state) leased() bool { return !s.until.IsZero() }

const stateSize = 3*timeSize + 8 + 4 + 1

func (s state) encode(room *slab) []byte {
	b := room.take(stateSize)
	b = appendTime(appendTime(appendTime(b, s.due), s.since), s.until)
	b = binary.BigEndian.AppendUint64(b, s.fence)
	b = binary.BigEndian.AppendUint32(b, uint32(s.attempt))
	var flags byte
	if s.urgent {
		flags |= 1
	}
	if s.pressing {
		flags |= 2
	}
	return append(b, flags)
}

func decodeState(b []byte) (s state, ok bool) {
	if len(b) != stateSize {
		return s, false
	}
	return state{
		due: readTime(b), since: readTime(b[timeSize:]), until: readTime(b[2*timeSize:]),
		fence:   binary.BigEndian.Uint64(b[3*timeSize:]),
		attempt: int(binary.BigEndian.Uint32(b[3*timeSize+8:])),
		urgent:  b[stateSize-1]&1 != 0, pressing: b[stateSize-1]&2 != 0,
	}, true
}

// readyKey is where the item stands in the order.
func (s state) readyKey(room *slab, lane Lane, id string) []byte {
	switch {
	case s.leased() && (s.pressing || s.urgent):
		return room.key(string(lane), classPressing, timePart(s.until), id)
	case s.leased():
		return room.key(string(lane), classLeased, timePart(s.until), id)
	case s.urgent:
		return room.key(string(lane), classUrgent, timePart(s.due), id)
	}
	return room.key(string(lane), classDue, timePart(s.due), id)
}

// readPlace returns what the key of a row that orders items says.
func readPlace(table string, key []byte) (at time.Time, id string, err error) {
	parts, ok := splitKey(key)
	if ok = ok && len(parts) == 4; ok {
		at, ok = partTime(parts[2])
	}
	if !ok {
		return at, "", broken(table, key)
	}
	return at, parts[3], nil
}

func (s state) item(lane Lane, id string) Item {
	item := Item{Lane: lane, ID: id, Due: s.due, Urgent: s.urgent, Attempt: s.attempt, Leased: s.until, fence: s.fence}
	if s.leased() {
		item.Due, item.Urgent = s.since, s.pressing
	}
	return item
}

// state returns an item's row, and nil if it is not in the lane.
func (t *transaction) state(lane Lane, id string) (*state, error) {
	key := t.lookup(string(lane), id)
	value, err := t.get(tableLanes, key)
	if err != nil || value == nil {
		return nil, err
	}
	s, ok := decodeState(value)
	if !ok {
		return nil, broken(tableLanes, key)
	}
	return &s, nil
}

// move writes an item's new state and its new place in the order. Of was and is,
// nil is not in the lane.
func (t *transaction) move(lane Lane, id string, was, is *state) error {
	key := t.slab.key(string(lane), id)
	t.countMove(lane, key, was, is)
	var from, to, before []byte
	if was != nil {
		from, before = was.readyKey(t.slab, lane, id), was.encode(t.slab)
	}
	if is != nil {
		to = is.readyKey(t.slab, lane, id)
	}
	if !bytes.Equal(from, to) {
		if from != nil {
			if err := t.remove(tableReady, from, []byte{}); err != nil {
				return err
			}
		}
		if to != nil {
			if err := t.replace(tableReady, to, nil, nil); err != nil {
				return err
			}
		}
	}
	if is == nil {
		return t.remove(tableLanes, key, before)
	}
	return t.replace(tableLanes, key, before, is.encode(t.slab))
}

func (t *transaction) countMove(lane Lane, key []byte, was, is *state) {
	count := func(s *state, n int64) {
		if s == nil {
			return
		}
		t.addCount(countItems, string(lane), key, n)
		if s.leased() {
			t.addCount(countLeased, string(lane), key, n)
		}
	}
	count(was, -1)
	count(is, 1)
}

func (t *transaction) Wake(lane Lane, id string, at time.Time) error {
	if at.IsZero() {
		return fmt.Errorf("lane %s: %s is woken for no time: %w", lane, id, schema.ErrInvalid)
	}
	return t.wake(lane, id, at, false)
}

func (t *transaction) WakeUrgent(lane Lane, id string) error {
	return t.wake(lane, id, t.now, true)
}

func (t *transaction) wake(lane Lane, id string, at time.Time, urgent bool) error {
	was, err := t.state(lane, id)
	if err != nil {
		return err
	}
	var is state
	if was != nil {
		is = *was
	}
	is.join(at, urgent)
	if was != nil && is == *was {
		return nil
	}
	t.hint(lane)
	return t.move(lane, id, was, &is)
}

// join makes what waits due at a time, or sooner if it is due sooner already.
func (s *state) join(at time.Time, urgent bool) {
	if s.due.IsZero() || at.Before(s.due) {
		s.due = readTime(appendTime(nil, at)) // as it will be read back
	}
	s.urgent = s.urgent || urgent
}

func (t *transaction) hint(lane Lane) {
	if t.woken == nil {
		t.woken = map[Lane]struct{}{}
	}
	t.woken[lane] = struct{}{}
}

// NextDue returns when the earliest item of a lane is due; of a leased one, when
// its lease ends. It reads six rows.
func NextDue(r Reader, lane Lane) (at time.Time, ok bool, err error) {
	return r.transaction().earliest(lane, classUrgent, classDue, classPressing, classLeased)
}

// NextUrgent is NextDue of the urgent ones. It reads three rows.
func NextUrgent(r Reader, lane Lane) (at time.Time, ok bool, err error) {
	return r.transaction().earliest(lane, classUrgent, classPressing)
}

// earliest returns when the first of some classes is due, bundles among them: there are
// none of what is leased.
func (t *transaction) earliest(lane Lane, classes ...string) (at time.Time, ok bool, err error) {
	for _, class := range classes {
		from := makeKey(string(lane), class)
		for _, table := range []string{tableReady, tableBundles} {
			for row, err := range t.txn.Scan(table, from, after(from)) {
				if err != nil {
					return at, false, err
				}
				first, _, err := readPlace(table, row.Key)
				if err != nil {
					return at, false, err
				}
				if !ok || first.Before(at) {
					at, ok = first, true
				}
				break
			}
		}
	}
	return at, ok, nil
}

// Backlog returns how many items of a lane are due and wait for a worker, and
// stops counting at the limit.
func Backlog(r Reader, lane Lane, limit int) (n int, err error) {
	t := r.transaction()
	for _, class := range []string{classUrgent, classDue} {
		from, to := makeKey(string(lane), class), after(makeKey(string(lane), class, timePart(t.now)))
		for _, err := range t.txn.Scan(tableReady, from, to) {
			if err != nil {
				return n, err
			}
			if n++; n >= limit {
				return n, nil
			}
		}
		for row, err := range t.txn.Scan(tableBundles, from, to) {
			if err != nil {
				return n, err
			}
			ids, err := sizeOfBundle(row)
			if n += ids; err != nil || n >= limit {
				return min(n, limit), err
			}
		}
	}
	return n, nil
}

// Items walks a lane's items by id, and after them those that only bundles have, as
// these are leased.
func Items(r Reader, lane Lane) iter.Seq2[Item, error] {
	t := r.transaction()
	return func(yield func(Item, error) bool) {
		for _, some := range []iter.Seq2[Item, error]{t.items(makeKey(string(lane))), t.bundledItems(lane)} {
			for item, err := range some {
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

func (t *transaction) items(prefix []byte) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for row, err := range t.rows(tableLanes, prefix, after(prefix)) {
			var item Item
			if err == nil {
				item, err = readItem(row)
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

func readItem(row Row) (Item, error) {
	parts, isKey := splitKey(row.Key)
	s, isState := decodeState(row.Value)
	if !isKey || len(parts) != 2 || !isState {
		return Item{}, broken(tableLanes, row.Key)
	}
	return s.item(Lane(parts[0]), parts[1]), nil
}

// A LaneStat says how much is in a lane and since when the oldest of it waits.
type LaneStat struct {
	Items  int
	Leased int       // of these, those at a worker
	Oldest time.Time // when the earliest that waits is due, which may be to come; zero if none waits
}

// LaneStats returns the lanes that have or had items. It reads a few rows a
// lane, however many items there are.
func LaneStats(r Reader) (map[Lane]LaneStat, error) {
	t := r.transaction()
	items, err := t.counts(countItems)
	if err != nil {
		return nil, err
	}
	leased, err := t.counts(countLeased)
	if err != nil {
		return nil, err
	}
	all := make(map[Lane]LaneStat, len(items))
	for lane, n := range items {
		oldest, _, err := t.earliest(Lane(lane), classUrgent, classDue)
		if err != nil {
			return nil, err
		}
		all[Lane(lane)] = LaneStat{Items: int(n), Leased: int(leased[lane]), Oldest: oldest}
	}
	return all, nil
}
