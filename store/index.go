package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// An Index finds records by something else than their key.
//
// Its table has a row for each value of each record. Of a unique index the row's
// key is the value and what it holds is the record's key; a second record finds
// the row taken. Of any other the row's key is the value with the record's key
// behind it, so that records of one value are in key order, and it holds the
// length of the latter.
type Index[R any] struct {
	name   string
	unique bool
	kept   bool               // how many entries there are below each first part is kept, not counted
	marked bool               // milestones stand along it
	of     func(R) [][]string // the values a record is found by, a list of parts each; none to leave it out
}

// entry is the index's row for one value of the record with the key.
func (x *Index[R]) entry(s *slab, value []string, key []byte) (entry, holds []byte) {
	if x.unique {
		return s.key(value...), key
	}
	entry = append(appendKey(s.take(sizeOf(value)+len(key)), value), key...)
	return entry, binary.BigEndian.AppendUint32(s.take(4), uint32(len(key)))
}

// points returns the key of the record that a row points to.
func (x *Index[R]) points(row Row) (key []byte, ok bool) {
	if x.unique {
		return row.Value, true
	}
	if len(row.Value) != 4 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(row.Value))
	if n > len(row.Key) {
		return nil, false
	}
	return row.Key[len(row.Key)-n:], true
}

// Firsts walks the different first parts of an index's values, in order: where an
// index is by source, the sources. It reads a row for each of them, and no other.
func (x *Index[R]) Firsts(r Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var from []byte
		for {
			first, found, err := x.firstFrom(r.transaction(), from)
			if err != nil {
				yield("", err)
				return
			}
			if !found || !yield(first, nil) {
				return
			}
			from = after(makeKey(first))
		}
	}
}

func (x *Index[R]) firstFrom(t *transaction, from []byte) (first string, found bool, err error) {
	for row, err := range t.txn.Scan(x.name, from, nil) {
		if err != nil {
			return "", false, err
		}
		parts, ok := splitKey(row.Key)
		if !ok || len(parts) == 0 {
			return "", false, broken(x.name, row.Key)
		}
		return parts[0], true, nil
	}
	return "", false, nil
}

// Count returns how many records the index has under the value, or under values
// that begin with its parts, and stops counting at the limit. It reads rows of the
// index, and no records.
func (x *Index[R]) Count(r Reader, limit int, value ...string) (n int, err error) {
	from := makeKey(value...)
	return x.count(r, limit, from, after(from))
}

// CountUntil is Count of the records that a time index has up to the time and at
// it.
func (x *Index[R]) CountUntil(r Reader, limit int, at time.Time) (n int, err error) {
	return x.count(r, limit, nil, after(makeKey(timePart(at))))
}

func (x *Index[R]) count(r Reader, limit int, from, to []byte) (n int, err error) {
	for _, err := range r.transaction().txn.Scan(x.name, from, to) {
		if err != nil {
			return n, err
		}
		if n++; n >= limit {
			break
		}
	}
	return n, nil
}

// A change is one row of an index that comes or goes.
type change struct {
	table        string
	entry, holds []byte
	goes         bool
	below        string // the first part of the value, where how many there are is kept
	marked       bool
}

// entriesOf is what a kept index counts by the first part of its values.
func entriesOf(index string) string { return "entries of " + index }

// Kept returns how many entries a kept index has below a first part. It reads a
// row, however many there are.
func (x *Index[R]) Kept(r Reader, first string) (int64, error) {
	if !x.kept {
		return 0, fmt.Errorf("index %s: its entries are not counted: %w", x.name, schema.ErrInvalid)
	}
	return r.transaction().count(entriesOf(x.name), first)
}

// change is what happens to the index when the value comes or goes.
func (x *Index[R]) change(value []string, entry, holds []byte, goes bool) change {
	c := change{table: x.name, entry: entry, holds: holds, goes: goes, marked: x.marked}
	if x.kept {
		c.below = value[0]
	}
	return c
}

// apply makes the changes. What goes is there and what comes is not, or the index
// is damaged; so nothing is read first.
func apply(t *transaction, changes []change) error {
	t.changed = changes // the room is used again, once they are made
	for _, c := range changes {
		var err error
		n := int64(1)
		if c.goes {
			err, n = t.remove(c.table, c.entry, c.holds), -1
		} else {
			err = t.replace(c.table, c.entry, nil, c.holds)
		}
		if err != nil {
			return err
		}
		if c.below != "" {
			t.addCount(entriesOf(c.table), c.below, c.entry, n)
		}
		if c.marked {
			if err := t.mark(c.table, c.below, c.entry, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes returns what a record changes in the indexes that comes in place of the
// old one, nil if there was none: for each the difference of two small sets. It
// writes nothing, so that a conflict leaves nothing half done.
func (c *Collection[R]) changes(t *transaction, key, old []byte, is R) (changes []change, err error) {
	changes = t.changed[:0]
	var was R
	if old != nil && len(c.indexes) > 0 {
		if was, err = c.decode(key, old); err != nil {
			return nil, err
		}
	}
	for _, x := range c.indexes {
		var before [][]string
		if old != nil {
			before = x.of(was)
		}
		now := x.of(is)
		for _, value := range before {
			if !contains(now, value) {
				entry, holds := x.entry(t.slab, value, key)
				changes = append(changes, x.change(value, entry, holds, true))
			}
		}
		for _, value := range now {
			if contains(before, value) {
				continue
			}
			entry, holds := x.entry(t.slab, value, key)
			if x.unique {
				if err := c.free(t, x, value, entry, key); err != nil {
					return nil, err
				}
			}
			changes = append(changes, x.change(value, entry, holds, false))
		}
	}
	return changes, nil
}

// free returns ErrConflict if a unique index has the value for another record.
func (c *Collection[R]) free(t *transaction, x *Index[R], value []string, entry, key []byte) error {
	taken, err := t.get(x.name, entry)
	if err == nil && taken != nil && !bytes.Equal(taken, key) {
		_, name, _ := strings.Cut(x.name, "/")
		err = fmt.Errorf("%s: another record has the %s %q: %w", c.name, name, strings.Join(value, " "), schema.ErrConflict)
	}
	return err
}

func contains(values [][]string, v []string) bool {
	return slices.ContainsFunc(values, func(w []string) bool { return slices.Equal(v, w) })
}
