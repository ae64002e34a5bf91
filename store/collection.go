package store

import (
	"bytes"
	"encoding/json"
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
type Collection[R any] struct {
	name    string
	key     func(R) []string
	indexes []*Index[R]
	read    func(key, value []byte) (rec R, ok bool)        // may be nil
	written func(room *slab, rec R) (value []byte, ok bool) // likewise
}

func define[R any](name string, key func(R) []string, indexes ...*Index[R]) *Collection[R] {
	c := &Collection[R]{name: name, key: key, indexes: indexes}
	for _, x := range indexes {
		x.name = name + "/" + x.name
	}
	return c
}

// reading adds a way to decode most records that is faster than the one for all.
func (c *Collection[R]) reading(read func(key, value []byte) (R, bool)) *Collection[R] {
	c.read = read
	return c
}

// writing adds a way to encode most records that is faster than the one for all.
func (c *Collection[R]) writing(write func(room *slab, rec R) ([]byte, bool)) *Collection[R] {
	c.written = write
	return c
}

// Get returns the record with the key, or ErrNotFound.
func (c *Collection[R]) Get(r Reader, key ...string) (R, error) {
	rec, ok, err := c.load(r.transaction(), r.transaction().lookup(key...))
	if err == nil && !ok {
		err = c.notFound(key)
	}
	return rec, err
}

// Has reports whether there is a record with the key. It decodes nothing.
func (c *Collection[R]) Has(r Reader, key ...string) (bool, error) {
	value, err := r.transaction().get(c.name, r.transaction().lookup(key...))
	return value != nil, err
}

func (c *Collection[R]) notFound(key []string) error {
	return fmt.Errorf("%s %s: %w", c.name, strings.Join(key, " "), schema.ErrNotFound)
}

func (c *Collection[R]) load(t *transaction, key []byte) (rec R, ok bool, err error) {
	value, err := t.get(c.name, key)
	if err != nil || value == nil {
		return rec, false, err
	}
	rec, err = c.decode(key, value)
	return rec, err == nil, err
}

func (c *Collection[R]) decode(key, value []byte) (rec R, err error) {
	if c.read != nil {
		if rec, ok := c.read(key, value); ok {
			return rec, nil
		}
	}
	return c.parse(key, value)
}

// parse is decode that takes nothing for granted.
func (c *Collection[R]) parse(key, value []byte) (rec R, err error) {
	if err := json.Unmarshal(value, &rec); err != nil {
		return rec, fmt.Errorf("%s %q: stored record: %w", c.name, key, err)
	}
	return rec, nil
}

// All walks the records whose key begins with the parts, in key order.
func (c *Collection[R]) All(r Reader, prefix ...string) iter.Seq2[R, error] {
	from := makeKey(prefix...)
	return c.scan(r.transaction(), from, after(from))
}

// From walks the records that come after the key, in key order, to go on where
// an earlier walk ended. No key, or an empty one, is before all.
func (c *Collection[R]) From(r Reader, after ...string) iter.Seq2[R, error] {
	var from []byte
	if len(after) > 0 && after[0] != "" {
		from = append(makeKey(after...), 0)
	}
	return c.scan(r.transaction(), from, nil)
}

func (c *Collection[R]) scan(t *transaction, from, to []byte) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for row, err := range t.rows(c.name, from, to) {
			var rec R
			if err == nil {
				rec, err = c.decode(row.Key, row.Value)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// By walks the records that an index has under the value, or under values that
// begin with its parts.
func (c *Collection[R]) By(r Reader, x *Index[R], value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	return c.follow(r.transaction(), x, from, after(from), 0)
}

// Until walks the records that a time index has up to the time and at it, in
// order, and reads no others.
func (c *Collection[R]) Until(r Reader, x *Index[R], at time.Time) iter.Seq2[R, error] {
	return c.follow(r.transaction(), x, nil, after(makeKey(timePart(at))), 0)
}

// follow walks the records that rows of an index point to, but for the first few.
func (c *Collection[R]) follow(t *transaction, x *Index[R], from, to []byte, skip int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		n := 0
		for row, err := range t.rows(x.name, from, to) {
			if n++; n <= skip && err == nil {
				continue
			}
			var rec R
			if err == nil {
				rec, err = c.behind(t, x, row)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// behind returns the record that an index entry points to.
func (c *Collection[R]) behind(t *transaction, x *Index[R], row Row) (R, error) {
	key, ok := x.points(row)
	var rec R
	var err error
	if ok {
		rec, ok, err = c.load(t, key)
	}
	if err == nil && !ok {
		err = fmt.Errorf("%s: index %s points to nothing; check the store: %w", c.name, x.name, schema.ErrNotFound)
	}
	return rec, err
}

// One returns the record that a unique index has under the value, or
// ErrNotFound.
func (c *Collection[R]) One(r Reader, x *Index[R], value ...string) (R, error) {
	for rec, err := range c.By(r, x, value...) {
		return rec, err
	}
	var none R
	return none, fmt.Errorf("%s by %s %s: %w", c.name, x.name, strings.Join(value, " "), schema.ErrNotFound)
}

// Count returns how many records there are. It is kept, not counted.
func (c *Collection[R]) Count(r Reader) (int64, error) {
	return r.transaction().count(countRecords, c.name)
}

// Put writes a record and its index entries. A value that a unique index has for
// another record is ErrConflict, and then nothing is written.
func (c *Collection[R]) Put(tx Tx, rec R) error {
	_, err := c.write(tx.transaction(), rec, true)
	return err
}

// Add is Put of a record that is new: of one whose key is taken, nothing is
// written. It reports whether it was new.
func (c *Collection[R]) Add(tx Tx, rec R) (news bool, err error) {
	return c.write(tx.transaction(), rec, false)
}

// write writes a record; one that is there, only to replace it. It reports
// whether it was not.
func (c *Collection[R]) write(t *transaction, rec R, replaces bool) (news bool, err error) {
	value, err := c.encode(t.slab, rec)
	if err != nil {
		return false, err
	}
	parts := c.key(rec)
	if rec, err = c.asRead(rec, parts, value); err != nil {
		return false, err
	}
	key := t.slab.key(parts...)
	old, err := t.get(c.name, key)
	if news = old == nil; err != nil || !news && !replaces {
		return false, err
	}
	changes, err := c.changes(t, key, old, rec)
	if err != nil {
		return false, err
	}
	if err := t.replace(c.name, key, old, value); err != nil {
		return false, err
	}
	if news {
		t.addCount(countRecords, c.name, key, 1)
	}
	return news, apply(t, changes)
}

func (c *Collection[R]) encode(room *slab, rec R) ([]byte, error) {
	if c.written != nil {
		if value, ok := c.written(room, rec); ok {
			return value, nil
		}
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", c.name, schema.ErrInvalid, err)
	}
	return value, nil
}

// asRead returns the record as it will be read back, so that its index entries
// are those that the next Put or Delete will take away. Only text that is not
// UTF-8, which JSON replaces, makes a difference; in a key it is ErrInvalid.
func (c *Collection[R]) asRead(rec R, key []string, value []byte) (R, error) {
	if !bytes.Contains(value, []byte(`\ufffd`)) {
		return rec, nil
	}
	read, err := c.decode(nil, value)
	if err == nil && !slices.Equal(key, c.key(read)) {
		err = fmt.Errorf("%s %q: the key is not UTF-8: %w", c.name, key, schema.ErrInvalid)
	}
	return read, err
}

// Touch makes the transaction depend on a record without changing it: of two
// that touch one record, one is run again. ErrNotFound if it is not there.
func (c *Collection[R]) Touch(tx Tx, key ...string) error {
	t := tx.transaction()
	k := t.slab.key(key...)
	value, err := t.get(c.name, k)
	if err != nil {
		return err
	}
	if value == nil {
		return c.notFound(key)
	}
	return t.replace(c.name, k, value, bytes.Clone(value))
}

// Delete removes a record and its index entries. What is not there is no error.
func (c *Collection[R]) Delete(tx Tx, key ...string) error {
	_, _, err := c.Take(tx, key...)
	return err
}

// Take is Delete that returns the record as it was, and whether it was there.
func (c *Collection[R]) Take(tx Tx, key ...string) (old R, existed bool, err error) {
	t := tx.transaction()
	k := t.slab.key(key...)
	value, err := t.get(c.name, k)
	if err != nil || value == nil {
		return old, false, err
	}
	if old, err = c.decode(k, value); err != nil {
		return old, true, err
	}
	if err := t.remove(c.name, k, value); err != nil {
		return old, true, err
	}
	t.addCount(countRecords, c.name, k, -1)
	changes := t.changed[:0]
	for _, x := range c.indexes {
		for _, value := range x.of(old) {
			entry, holds := x.entry(t.slab, value, k)
			changes = append(changes, x.change(value, entry, holds, true))
		}
	}
	return old, true, apply(t, changes)
}
