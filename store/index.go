package store

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"time"

	"drawbridge/schema"
)

// An Index finds records by something else than their key.
type Index[R any] struct {
	by     string // what the records are found by
	unique bool
	kept   bool               // how many entries there are below each first part is kept, not counted
	marked bool               // milestones stand along it
	of     func(R) [][]string // the values a record is found by, a list of parts each; none to leave it out
	all    *entries           // once it is defined
}

// An entries is the table of an index. It has a row for each value of each record. Of a
// unique index the row's key is the value and what it holds is the record's key; a second
// record finds the row taken. Of any other the row's key is the value with the record's
// key behind it, so that records of one value are in key order, and it holds the length
// of the latter.
type entries struct {
	name                 string // of the table
	unique, kept, marked bool
	of                   func(rec any) [][]string // of a pointer to a record
}

// entry is the index's row for one value of the record with the key.
func (x *entries) entry(s *slab, value []string, key []byte) (entry, holds []byte) {
	if x.unique {
		return s.key(value...), key
	}
	entry = append(appendKey(s.take(sizeOf(value)+len(key)), value), key...)
	return entry, binary.BigEndian.AppendUint32(s.take(4), uint32(len(key)))
}

// points returns the key of the record that a row points to.
func (x *entries) points(row Row) (key []byte, ok bool) {
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
func (x *Index[R]) Firsts(r Reader) iter.Seq2[string, error] { return x.all.firsts(r.transaction()) }

//go:noinline
func (x *entries) firsts(t *transaction) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var from []byte
		for {
			first, found, err := x.firstFrom(t, from)
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

func (x *entries) firstFrom(t *transaction, from []byte) (first string, found bool, err error) {
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
	return x.all.count(r.transaction(), limit, from, after(from))
}

// CountUntil is Count of the records that a time index has up to the time and at
// it.
func (x *Index[R]) CountUntil(r Reader, limit int, at time.Time) (n int, err error) {
	return x.all.count(r.transaction(), limit, nil, after(makeKey(timePart(at))))
}

// CountBetween is Count of the records that a time index has from one time on and before
// another.
func (x *Index[R]) CountBetween(r Reader, limit int, from, to time.Time) (n int, err error) {
	return x.all.count(r.transaction(), limit, makeKey(timePart(from)), makeKey(timePart(to)))
}

// SumBetween is a sum of the times and keys of the records that a time index has from one
// time on and before another: with the same seed it is the same as long as these are. It
// reads rows of the index, and no records.
func (x *Index[R]) SumBetween(r Reader, seed maphash.Seed, from, to time.Time) (uint64, error) {
	return x.all.sum(r.transaction(), seed, makeKey(timePart(from)), makeKey(timePart(to)))
}

func (x *entries) sum(t *transaction, seed maphash.Seed, from, to []byte) (uint64, error) {
	var sum maphash.Hash
	sum.SetSeed(seed)
	for row, err := range t.rows(x.name, from, to) {
		if err != nil {
			return 0, err
		}
		_, _ = sum.Write(row.Key) // never fails
		_, _ = sum.Write(row.Value)
	}
	return sum.Sum64(), nil
}

func (x *entries) count(t *transaction, limit int, from, to []byte) (n int, err error) {
	for _, err := range t.txn.Scan(x.name, from, to) {
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
	return x.all.below(r.transaction(), first)
}

func (x *entries) below(t *transaction, first string) (int64, error) {
	if !x.kept {
		return 0, fmt.Errorf("index %s: its entries are not counted: %w", x.name, schema.ErrInvalid)
	}
	return t.count(entriesOf(x.name), first)
}

// change is what happens to the index when the value comes or goes.
func (x *entries) change(value []string, entry, holds []byte, goes bool) change {
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
