package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"drawbridge/schema"
)

// Who is woken by the hundred for one thing, as those are who join a group at once,
// stands in bundles: many ids in one row, in place of two rows for each of them. An id
// becomes an item when a worker has room for it.
//
// Those that were woken one by one go before them, so that whoever leaves overtakes
// also these; but a part of what is leased at once is from bundles, so that they do
// not wait forever. Where several processes write there are none: an item that one of
// them leases while another bundles it would not be known to be out of date.
const (
	tableBundles = "bundles" // lane, class, when they are due, name: how many ids, and these
	classPlace   = "place"   // in the same table, lane, this, class, name: the key of that row

	bundleSize = 48 // ids in one row, of which two fit a page then
	fewest     = 16 // that are worth a row of their own
)

// A bundle is one row of them.
type bundle struct {
	key, value []byte
	at         time.Time
	ids        []string
}

func (t *transaction) WakeAll(lane Lane, ids []string, at time.Time) error {
	if at.IsZero() {
		return fmt.Errorf("lane %s: %d items are woken for no time: %w", lane, len(ids), schema.ErrInvalid)
	}
	return t.wakeAll(lane, ids, at, false)
}

func (t *transaction) WakeAllUrgent(lane Lane, ids []string) error {
	return t.wakeAll(lane, ids, t.now, true)
}

// wakeAll bundles those that are not in the lane. Those that are, are woken in their
// place: a worker who has one finds out that its work is out of date. The same many that
// are woken again have the same bundles as before, which are filled anew.
func (t *transaction) wakeAll(lane Lane, ids []string, at time.Time, urgent bool) error {
	alone := t.store.engine.Writers() > 1
	for some := range slices.Chunk(ids, bundleSize) {
		if alone || len(some) < fewest {
			for _, id := range some {
				if err := t.wake(lane, id, at, urgent); err != nil {
					return err
				}
			}
			continue
		}
		var rest []string
		for _, id := range some {
			value, err := t.get(tableLanes, t.lookup(string(lane), id))
			if err == nil && value != nil {
				err = t.wake(lane, id, at, urgent)
			} else {
				rest = append(rest, id)
			}
			if err != nil {
				return err
			}
		}
		if err := t.bundle(lane, bundleName(some), rest, at, urgent); err != nil {
			return err
		}
	}
	return nil
}

// bundleName is the same of the same ids, whichever of them are in the lane already. It
// orders bundles that are due at once.
func bundleName(ids []string) string {
	sum := sha256.Sum256(makeKey(ids...))
	return ids[0] + " " + hex.EncodeToString(sum[:12])
}

// bundle has ids wait in the bundle of a name, in place of those that still do. It stays
// due when it was, if that is sooner.
func (t *transaction) bundle(lane Lane, name string, ids []string, at time.Time, urgent bool) error {
	class := classDue
	if urgent {
		class = classUrgent
	}
	place := makeKey(string(lane), classPlace, class, name)
	key := makeKey(string(lane), class, timePart(at), name)
	old, err := t.get(tableBundles, place)
	if err != nil {
		return err
	}
	if old != nil {
		value, err := t.get(tableBundles, old)
		if err != nil {
			return err
		}
		b, err := readBundle(Row{old, value})
		if err != nil {
			return err
		}
		if err := t.shrink(lane, b, len(b.ids)); err != nil {
			return err
		}
		if bytes.Compare(b.key, key) < 0 { // by when they are due
			key = b.key
		}
	}
	if len(ids) == 0 {
		return nil
	}
	t.addCount(countItems, string(lane), key, int64(len(ids)))
	t.hint(lane)
	if err := t.put(tableBundles, place, key); err != nil {
		return err
	}
	return t.put(tableBundles, key, t.slab.bundle(ids))
}

// bundle is the value of a bundle's row.
func (s *slab) bundle(ids []string) []byte {
	const number = 4
	return appendKey(binary.BigEndian.AppendUint32(s.take(number+sizeOf(ids)), uint32(len(ids))), ids)
}

// sizeOfBundle is how many ids a row has.
func sizeOfBundle(row Row) (int, error) {
	if len(row.Value) < 4 {
		return 0, broken(tableBundles, row.Key)
	}
	return int(binary.BigEndian.Uint32(row.Value)), nil
}

func readBundle(row Row) (b bundle, err error) {
	n, err := sizeOfBundle(row)
	if err != nil {
		return b, err
	}
	at, _, err := readPlace(tableBundles, row.Key)
	if err != nil {
		return b, err
	}
	ids, ok := splitKey(row.Value[4:])
	if !ok || len(ids) != n || n == 0 {
		return b, broken(tableBundles, row.Key)
	}
	return bundle{key: slices.Clone(row.Key), value: slices.Clone(row.Value), at: at, ids: ids}, nil
}

// fill leases items of one urgency beside those that are leased already, up to n in all:
// some that were woken one by one, which are given in their order, and of those in
// bundles as many as there is room for beside them, and a quarter at least, in the long run.
func (t *transaction) fill(lane Lane, items []Item, n int, ttl time.Duration, single []candidate, class string) ([]Item, error) {
	room := n - len(items)
	share := room / 4
	if share == 0 && len(single) >= room {
		share = t.store.turnOfBundles(lane, class, room)
	}
	many, err := t.unbundle(lane, class, max(room-len(single), share), ttl)
	items = append(items, many...)
	if err != nil {
		return nil, err
	}
	for _, c := range single {
		if len(items) >= n {
			break
		}
		if slices.ContainsFunc(items, func(i Item) bool { return i.ID == c.id }) { // it was in a bundle, too
			continue
		}
		item, err := t.take(lane, c.id, &c.was, c.work, ttl)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// turnOfBundles returns 1 where so few are leased at once that a quarter of them is none,
// and three were leased, of this lane and urgency, since it was the bundles' turn.
func (s *Store) turnOfBundles(lane Lane, class string, room int) int {
	counter, _ := s.turns.LoadOrStore(string(lane)+"/"+class, new(atomic.Int64))
	leased, ok := counter.(*atomic.Int64)
	if !ok {
		return 0
	}
	n := leased.Add(int64(room))
	return int(n/4 - (n-int64(room))/4)
}

// unbundle leases up to n of those in bundles that are due.
func (t *transaction) unbundle(lane Lane, class string, n int, ttl time.Duration) (items []Item, err error) {
	from, to := makeKey(string(lane), class), after(makeKey(string(lane), class, timePart(t.now)))
	for len(items) < n {
		rows, err := t.txn.Claim(tableBundles, from, to, 1)
		if err != nil || len(rows) == 0 {
			return items, err
		}
		b, err := readBundle(rows[0])
		if err != nil {
			return items, err
		}
		some := b.ids[:min(n-len(items), len(b.ids))]
		for _, id := range some {
			item, free, err := t.takeBundled(lane, id, b.at, class == classUrgent, ttl)
			if err != nil {
				return items, err
			}
			if free {
				items = append(items, item)
			}
		}
		if err := t.shrink(lane, b, len(some)); err != nil {
			return items, err
		}
	}
	return items, nil
}

// takeBundled leases one of a bundle, unless another worker has it: then it is due
// again afterwards.
func (t *transaction) takeBundled(lane Lane, id string, at time.Time, urgent bool, ttl time.Duration) (item Item, free bool, err error) {
	was, err := t.state(lane, id)
	if err != nil {
		return item, false, err
	}
	var work state
	if was != nil {
		if was.leased() && was.until.After(t.now) {
			return item, false, t.wake(lane, id, at, urgent)
		}
		work = was.returned()
	}
	work.join(at, urgent)
	item, err = t.take(lane, id, was, work, ttl)
	return item, true, err
}

// shrink takes the first n ids out of a bundle.
func (t *transaction) shrink(lane Lane, b bundle, n int) error {
	t.addCount(countItems, string(lane), b.key, -int64(n))
	if rest := b.ids[n:]; len(rest) > 0 {
		return t.replace(tableBundles, b.key, b.value, t.slab.bundle(rest))
	}
	parts, ok := splitKey(b.key)
	if !ok || len(parts) != 4 {
		return broken(tableBundles, b.key)
	}
	if err := t.delete(tableBundles, makeKey(string(lane), classPlace, parts[1], parts[3])); err != nil {
		return err
	}
	return t.remove(tableBundles, b.key, b.value)
}

// bundledItems walks those of a lane who stand in bundles, but for those that are in
// the lane beside that.
func (t *transaction) bundledItems(lane Lane) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, class := range []string{classUrgent, classDue} {
			prefix := makeKey(string(lane), class)
			for row, err := range t.rows(tableBundles, prefix, after(prefix)) {
				var b bundle
				if err == nil {
					b, err = readBundle(row)
				}
				if err != nil {
					yield(Item{}, err)
					return
				}
				for _, id := range b.ids {
					is, err := t.state(lane, id)
					if err == nil && is != nil {
						continue
					}
					if !yield(Item{Lane: lane, ID: id, Due: b.at, Urgent: class == classUrgent}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// bundles counts who stands in bundles, by lane.
func (c *checking) bundles(items map[string]int64) error {
	for row, err := range c.rows(tableBundles, nil, nil) {
		if err != nil {
			return err
		}
		parts, ok := splitKey(row.Key)
		if ok && len(parts) == 4 && parts[1] == classPlace {
			continue
		}
		b, err := readBundle(row)
		if err != nil || !ok {
			c.fault(tableBundles, row.Key, "is not a bundle of items: who stands in it is never looked at")
			continue
		}
		items[parts[0]] += int64(len(b.ids))
		c.report.Items += int64(len(b.ids))
	}
	return nil
}
