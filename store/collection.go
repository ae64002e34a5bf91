package store

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Collection keeps records of one type by key, as JSON.
//
// Records come out as copies, decoded, which the caller may keep and change. An
// error that an iterator yields ends it. Within an Update, what the function
// itself wrote is there; a walk of a table that is written to meanwhile may or
// may not come to what was written.
type Collection[R any] struct{ all *records }

func define[R any](name string, key func(R) []string, indexes ...*Index[R]) *Collection[R] {
	all := &records{
		name:  name,
		fresh: func() any { return new(R) },
		key:   func(rec any) []string { return key(*as[R](rec)) },
	}
	for _, x := range indexes {
		x.all = &entries{
			name: name + "/" + x.by, unique: x.unique, kept: x.kept, marked: x.marked,
			of: func(rec any) [][]string { return x.of(*as[R](rec)) },
		}
		all.indexes = append(all.indexes, x.all)
	}
	return &Collection[R]{all}
}

// as is a record as what it is: whoever made it is of the same collection.
func as[R any](rec any) *R {
	r, _ := rec.(*R)
	return r
}

// reading adds a way to decode most records that is faster than the one for all.
func (c *Collection[R]) reading(read func(key, value []byte) (R, bool)) *Collection[R] {
	c.all.read = func(key, value []byte, rec any) bool {
		r, ok := read(key, value)
		if ok {
			*as[R](rec) = r
		}
		return ok
	}
	return c
}

// writing adds a way to encode most records that is faster than the one for all.
func (c *Collection[R]) writing(write func(room *slab, rec R) ([]byte, bool)) *Collection[R] {
	c.all.written = func(room *slab, rec any) ([]byte, bool) { return write(room, *as[R](rec)) }
	return c
}

// refusing has no record written of which something is the matter.
func (c *Collection[R]) refusing(fault func(R) error) *Collection[R] {
	c.all.fault = func(rec any) error { return fault(*as[R](rec)) }
	return c
}

// typed walks records as what they are.
func typed[R any](walk iter.Seq2[any, error]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		walk(func(rec any, err error) bool { return yield(*as[R](rec), err) })
	}
}

// Get returns the record with the key, or ErrNotFound.
func (c *Collection[R]) Get(r Reader, key ...string) (R, error) {
	rec := new(R)
	err := c.all.find(r.transaction(), key, rec)
	return *rec, err
}

// Has reports whether there is a record with the key. It decodes nothing.
func (c *Collection[R]) Has(r Reader, key ...string) (bool, error) {
	return c.all.has(r.transaction(), key)
}

// All walks the records whose key begins with the parts, in key order.
func (c *Collection[R]) All(r Reader, prefix ...string) iter.Seq2[R, error] {
	from := makeKey(prefix...)
	return typed[R](c.all.scan(r.transaction(), from, after(from)))
}

// From walks the records that come after the key, in key order, to go on where
// an earlier walk ended. No key, or one of empty parts, is before all.
func (c *Collection[R]) From(r Reader, after ...string) iter.Seq2[R, error] {
	var from []byte
	if slices.ContainsFunc(after, func(part string) bool { return part != "" }) {
		from = append(makeKey(after...), 0)
	}
	return typed[R](c.all.scan(r.transaction(), from, nil))
}

// By walks the records that an index has under the value, or under values that
// begin with its parts.
func (c *Collection[R]) By(r Reader, x *Index[R], value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	return typed[R](c.all.follow(r.transaction(), x.all, from, after(from), 0))
}

// Until walks the records that a time index has up to the time and at it, in
// order, and reads no others.
func (c *Collection[R]) Until(r Reader, x *Index[R], at time.Time) iter.Seq2[R, error] {
	return typed[R](c.all.follow(r.transaction(), x.all, nil, after(makeKey(timePart(at))), 0))
}

// One returns the record that a unique index has under the value, or
// ErrNotFound.
func (c *Collection[R]) One(r Reader, x *Index[R], value ...string) (R, error) {
	for rec, err := range c.By(r, x, value...) {
		return rec, err
	}
	var none R
	return none, fmt.Errorf("%s by %s %s: %w", c.all.name, x.all.name, strings.Join(value, " "), schema.ErrNotFound)
}

// Count returns how many records there are. It is kept, not counted.
func (c *Collection[R]) Count(r Reader) (int64, error) {
	return r.transaction().count(countRecords, c.all.name)
}

// Put writes a record and its index entries. A value that a unique index has for
// another record is ErrConflict, a record that the collection takes none like is
// ErrInvalid, and then nothing is written.
func (c *Collection[R]) Put(tx Tx, rec R) error {
	_, err := c.all.write(tx.transaction(), &rec, true)
	return err
}

// Add is Put of a record that is new: of one whose key is taken, nothing is
// written. It reports whether it was new.
func (c *Collection[R]) Add(tx Tx, rec R) (news bool, err error) {
	return c.all.write(tx.transaction(), &rec, false)
}

// Touch makes the transaction depend on a record without changing it: of two
// that touch one record, one is run again. ErrNotFound if it is not there.
func (c *Collection[R]) Touch(tx Tx, key ...string) error { return c.all.touch(tx.transaction(), key) }

// Delete removes a record and its index entries. What is not there is no error.
func (c *Collection[R]) Delete(tx Tx, key ...string) error {
	_, _, err := c.Take(tx, key...)
	return err
}

// Take is Delete that returns the record as it was, and whether it was there.
func (c *Collection[R]) Take(tx Tx, key ...string) (old R, existed bool, err error) {
	rec := new(R)
	existed, err = c.all.take(tx.transaction(), key, rec)
	return *rec, existed, err
}
