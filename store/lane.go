package store

import (
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"time"
)

// A Lane is a queue of work by name. An item has an id and is in a lane at most
// once: waking it again only makes it due sooner. It is due at a time, which may
// be far off, so that what ends on Friday is an item due on Friday.
//
// Two tables keep it. "lanes" has a row an item: when it is due, whether it is
// urgent, how often it was tried, until when it is leased. "ready" orders them:
// under each lane first the urgent, then the others by due time, and apart from
// both the leased, by when their lease ends.
type Lane string

// An Item is one piece of work, as it was when it was leased or listed.
type Item struct {
	Lane    Lane
	ID      string
	Due     time.Time // when it became due; of a leased item, when the work was due
	Urgent  bool
	Attempt int // counts from 1 while leased

	lease time.Time // until when; the fence against a worker that lost it
}

// ErrLeaseLost says that an item's lease ended before it was settled: another
// worker has it, or had it.
var ErrLeaseLost = errors.New("the lease was lost")

const (
	tableLanes = "lanes"
	tableReady = "ready"

	classUrgent = "a"
	classDue    = "b"
	classLeased = "c"
)

// state is an item's row.
type state struct {
	due     time.Time // zero: not due, only leased
	since   time.Time // of a leased item: when the work was due that its worker does
	urgent  bool
	attempt int
	lease   time.Time // zero: not leased
}

const stateSize = 3*8 + 4 + 1

func (s state) encode() []byte {
	b := make([]byte, 0, stateSize)
	b = append(b, timePart(s.due)...)
	b = append(b, timePart(s.since)...)
	b = append(b, timePart(s.lease)...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.attempt))
	if s.urgent {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize {
		return state{}, errors.New("lane: stored item is not one; run a check of the store")
	}
	return state{
		due: partTime(string(b[:8])), since: partTime(string(b[8:16])), lease: partTime(string(b[16:24])),
		attempt: int(binary.BigEndian.Uint32(b[24:28])), urgent: b[28] == 1,
	}, nil
}

// readyKey is where the item stands in the order.
func (s state) readyKey(lane Lane, id string) []byte {
	switch {
	case !s.lease.IsZero():
		return makeKey(string(lane), classLeased, timePart(s.lease), id)
	case s.urgent:
		return makeKey(string(lane), classUrgent, timePart(s.due), id)
	}
	return makeKey(string(lane), classDue, timePart(s.due), id)
}

func (t *transaction) item(lane Lane, id string) (s state, ok bool, err error) {
	value, err := t.get(tableLanes, makeKey(string(lane), id))
	if err != nil || value == nil {
		return s, false, err
	}
	s, err = decodeState(value)
	return s, err == nil, err
}

// move writes an item's new state and its new place in the order.
func (t *transaction) move(lane Lane, id string, was *state, is *state) error {
	key := makeKey(string(lane), id)
	if was != nil {
		if err := t.delete(tableReady, was.readyKey(lane, id)); err != nil {
			return err
		}
	}
	if is == nil {
		if err := t.delete(tableLanes, key); err != nil {
			return err
		}
		return addCount(t, laneCount(lane), -1)
	}
	if err := t.put(tableReady, is.readyKey(lane, id), nil); err != nil {
		return err
	}
	if was == nil {
		if err := addCount(t, laneCount(lane), 1); err != nil {
			return err
		}
	}
	return t.put(tableLanes, key, is.encode())
}

func laneCount(lane Lane) string { return "lane/" + string(lane) }

func (t *transaction) Wake(lane Lane, id string, at time.Time) error {
	return t.wake(lane, id, at, false)
}

func (t *transaction) WakeUrgent(lane Lane, id string) error {
	return t.wake(lane, id, t.now, true)
}

func (t *transaction) wake(lane Lane, id string, at time.Time, urgent bool) error {
	was, exists, err := t.item(lane, id)
	if err != nil {
		return err
	}
	is := state{due: at, urgent: urgent}
	if exists {
		is = was
		if was.due.IsZero() || at.Before(was.due) {
			is.due = at
		}
		is.urgent = was.urgent || urgent
		if is == was {
			return nil
		}
	}
	if t.woken == nil {
		t.woken = map[Lane]struct{}{}
	}
	t.woken[lane] = struct{}{}
	if !exists {
		return t.move(lane, id, nil, &is)
	}
	return t.move(lane, id, &was, &is)
}

func (t *transaction) Lease(lane Lane, n int, ttl time.Duration) ([]Item, error) {
	var items []Item
	until := t.now.Add(ttl)
	// A lease that ended makes its item due, before all others: it was due then.
	for _, class := range []string{classLeased, classUrgent, classDue} {
		from, to := makeKey(string(lane), class), after(makeKey(string(lane), class, timePart(t.now)))
		rows, err := t.txn.Claim(tableReady, from, to, n-len(items))
		if err != nil {
			return nil, err
		}
		ids := make([]string, 0, len(rows))
		for _, row := range rows {
			parts, ok := splitKey(row.Key)
			if !ok || len(parts) != 4 {
				return nil, errors.New("lane " + string(lane) + ": stored order is broken; run a check of the store")
			}
			ids = append(ids, parts[3])
		}
		for _, id := range ids {
			item, err := t.leaseOne(lane, id, until)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		if len(items) == n {
			break
		}
	}
	return items, nil
}

func (t *transaction) leaseOne(lane Lane, id string, until time.Time) (Item, error) {
	was, ok, err := t.item(lane, id)
	if err != nil {
		return Item{}, err
	}
	if !ok {
		return Item{}, errors.New("lane " + string(lane) + ": stored order is broken; run a check of the store")
	}
	since := was.since // of a lease that ended, its worker died
	if since.IsZero() || !was.due.IsZero() && was.due.Before(since) {
		since = was.due
	}
	is := state{since: since, urgent: was.urgent, attempt: was.attempt + 1, lease: until}
	if err := t.move(lane, id, &was, &is); err != nil {
		return Item{}, err
	}
	return Item{Lane: lane, ID: id, Due: since, Urgent: was.urgent, Attempt: is.attempt, lease: until}, nil
}

// leased returns the state of an item that the caller has leased.
func (t *transaction) leased(item Item) (state, error) {
	s, ok, err := t.item(item.Lane, item.ID)
	if err == nil && (!ok || s.lease.IsZero() || !s.lease.Equal(item.lease)) {
		err = ErrLeaseLost
	}
	return s, err
}

func (t *transaction) Done(item Item, next time.Time) error {
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	is := state{due: was.due, urgent: was.urgent}
	if was.due.IsZero() {
		is.urgent = false // what was urgent is done; what comes next is not
	}
	if !next.IsZero() && (is.due.IsZero() || next.Before(is.due)) {
		is.due = next
	}
	return t.settle(item, was, is)
}

func (t *transaction) Retry(item Item, at time.Time) error {
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	is := state{due: was.due, urgent: was.urgent, attempt: was.attempt}
	if is.due.IsZero() || at.Before(is.due) {
		is.due = at
	} else {
		is.attempt = 0 // something changed meanwhile: patience begins anew
	}
	return t.settle(item, was, is)
}

func (t *transaction) settle(item Item, was, is state) error {
	if is.due.IsZero() {
		return t.move(item.Lane, item.ID, &was, nil)
	}
	if t.woken == nil {
		t.woken = map[Lane]struct{}{}
	}
	t.woken[item.Lane] = struct{}{}
	return t.move(item.Lane, item.ID, &was, &is)
}

func (t *transaction) Rewoken(item Item) (bool, error) {
	s, err := t.leased(item)
	return !s.due.IsZero(), err
}

// NextDue returns when the earliest item of a lane is due, at the latest by the
// end of its lease. It reads three rows.
func NextDue(r Reader, lane Lane) (at time.Time, ok bool, err error) {
	t := r.transaction()
	for _, class := range []string{classUrgent, classDue, classLeased} {
		from := makeKey(string(lane), class)
		for row, err := range t.txn.Scan(tableReady, from, after(from)) {
			if err != nil {
				return at, false, err
			}
			parts, valid := splitKey(row.Key)
			if !valid || len(parts) != 4 {
				return at, false, errors.New("lane " + string(lane) + ": stored order is broken; run a check of the store")
			}
			if due := partTime(parts[2]); !ok || due.Before(at) {
				at, ok = due, true
			}
			break
		}
	}
	return at, ok, nil
}

// Items walks a lane's items by id.
func Items(r Reader, lane Lane) iter.Seq2[Item, error] {
	from := makeKey(string(lane))
	return func(yield func(Item, error) bool) {
		for row, err := range r.transaction().rows(tableLanes, from, after(from)) {
			var item Item
			if err == nil {
				item, err = decodeItem(row)
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

func decodeItem(row Row) (Item, error) {
	parts, ok := splitKey(row.Key)
	if !ok || len(parts) != 2 {
		return Item{}, errors.New("lane: stored item is not one; run a check of the store")
	}
	s, err := decodeState(row.Value)
	return Item{Lane: Lane(parts[0]), ID: parts[1], Due: s.due, Urgent: s.urgent, Attempt: s.attempt, lease: s.lease}, err
}

// A LaneStat says how much is in a lane and since when the oldest of it waits.
type LaneStat struct {
	Items  int64
	Oldest time.Time // when the earliest item is due; zero of an empty lane
}

// LaneStats returns the lanes that have or had items. It reads a few rows a
// lane, however many items there are.
func LaneStats(r Reader) (map[Lane]LaneStat, error) {
	t := r.transaction()
	all := map[Lane]LaneStat{}
	from := []byte(laneCount(""))
	for row, err := range t.txn.Scan(tableCounts, from, after(from)) {
		if err != nil {
			return nil, err
		}
		name, _ := strings.CutPrefix(string(row.Key), laneCount(""))
		all[Lane(name)] = LaneStat{Items: keySeq(row.Value)}
	}
	for lane, stat := range all {
		at, _, err := NextDue(r, lane)
		if err != nil {
			return nil, err
		}
		stat.Oldest = at
		all[lane] = stat
	}
	return all, nil
}

// releaseLeases gives back what a dead process had leased.
func releaseLeases(t *transaction) error {
	stats, err := LaneStats(t)
	if err != nil {
		return err
	}
	for lane := range stats {
		from := makeKey(string(lane), classLeased)
		for row, err := range t.rows(tableReady, from, after(from)) {
			if err != nil {
				return err
			}
			parts, ok := splitKey(row.Key)
			if !ok || len(parts) != 4 {
				return errors.New("lane " + string(lane) + ": stored order is broken; run a check of the store")
			}
			if err := t.release(lane, parts[3]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *transaction) release(lane Lane, id string) error {
	was, ok, err := t.item(lane, id)
	if err != nil || !ok {
		return err
	}
	is := state{due: was.since, urgent: was.urgent, attempt: was.attempt}
	return t.move(lane, id, &was, &is)
}
