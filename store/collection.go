package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Collection keeps records of one type by key, as JSON.
type Collection[R any] struct {
	name    string
	key     func(R) []string
	indexes []*Index[R]
}

// An Index finds records by something else than their key. Of returns the values
// a record is found by, one list of parts each, none to leave it out.
type Index[R any] struct {
	name   string
	unique bool
	of     func(R) [][]string
}

// indexed is the index's entry for one value: the table is the index's own.
func (x *Index[R]) entry(value []string, key []byte) (entry, stored []byte) {
	entry = makeKey(value...)
	if x.unique {
		return entry, key
	}
	return append(entry, key...), nil
}

func define[R any](name string, key func(R) []string, indexes ...*Index[R]) *Collection[R] {
	c := &Collection[R]{name: name, key: key, indexes: indexes}
	for _, x := range indexes {
		x.name = name + "/" + x.name
	}
	return c
}

// Get returns the record with the key, or ErrNotFound.
func (c *Collection[R]) Get(r Reader, key ...string) (R, error) {
	rec, ok, err := c.load(r.transaction(), makeKey(key...))
	if err == nil && !ok {
		err = fmt.Errorf("%s %s: %w", c.name, strings.Join(key, " "), schema.ErrNotFound)
	}
	return rec, err
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
// an earlier walk ended. An empty key is before all.
func (c *Collection[R]) From(r Reader, key ...string) iter.Seq2[R, error] {
	var from []byte
	if len(key) > 0 && key[0] != "" {
		from = append(makeKey(key...), 0)
	}
	return c.scan(r.transaction(), from, nil)
}

func (c *Collection[R]) scan(t *transaction, from, to []byte) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		rows := t.rows(c.name, from, to)
		for row, err := range rows {
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

// rows scans a table. Within a write transaction it reads a page of rows ahead,
// so that the walker may write to the table meanwhile.
func (t *transaction) rows(table string, from, to []byte) iter.Seq2[Row, error] {
	if !t.write {
		return t.txn.Scan(table, from, to)
	}
	const page = 256
	return func(yield func(Row, error) bool) {
		for {
			var ahead []Row
			for row, err := range t.txn.Scan(table, from, to) {
				if err != nil {
					yield(Row{}, err)
					return
				}
				ahead = append(ahead, Row{bytes.Clone(row.Key), bytes.Clone(row.Value)})
				if len(ahead) == page {
					break
				}
			}
			for _, row := range ahead {
				if !yield(row, nil) {
					return
				}
			}
			if len(ahead) < page {
				return
			}
			from = append(ahead[page-1].Key, 0)
		}
	}
}

// By walks the records that an index has under the value, or under values that
// begin with its parts.
func (c *Collection[R]) By(r Reader, x *Index[R], value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	return c.follow(r.transaction(), x, from, after(from))
}

// Until walks the records of a time index that are due at the time, in order,
// and reads no others.
func (c *Collection[R]) Until(r Reader, x *Index[R], at time.Time) iter.Seq2[R, error] {
	return c.follow(r.transaction(), x, nil, after(makeKey(timePart(at))))
}

func (c *Collection[R]) follow(t *transaction, x *Index[R], from, to []byte) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for row, err := range t.rows(x.name, from, to) {
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
	key := row.Value
	if !x.unique {
		key = row.Key[len(row.Key)-int(binary.BigEndian.Uint32(row.Value)):]
	}
	rec, ok, err := c.load(t, key)
	if err == nil && !ok {
		err = fmt.Errorf("%s: index %s points to nothing; run a check of the store: %w", c.name, x.name, schema.ErrNotFound)
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
	return readCount(r.transaction(), c.name)
}

// Put writes a record and its index entries. A value that a unique index has for
// another record is ErrConflict.
func (c *Collection[R]) Put(tx Tx, rec R) error {
	t := tx.transaction()
	key := makeKey(c.key(rec)...)
	old, existed, err := c.load(t, key)
	if err != nil {
		return err
	}
	value, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if err := t.put(c.name, key, value); err != nil {
		return err
	}
	if !existed {
		if err := addCount(t, c.name, 1); err != nil {
			return err
		}
	}
	for _, x := range c.indexes {
		var was [][]string
		if existed {
			was = x.of(old)
		}
		if err := x.update(t, key, was, x.of(rec)); err != nil {
			return err
		}
	}
	return nil
}

// Touch makes the transaction depend on a record without changing it: of two
// that touch one record, one is run again.
func (c *Collection[R]) Touch(tx Tx, key ...string) error {
	t := tx.transaction()
	k := makeKey(key...)
	value, err := t.get(c.name, k)
	if err != nil {
		return err
	}
	if value == nil {
		return fmt.Errorf("%s %s: %w", c.name, strings.Join(key, " "), schema.ErrNotFound)
	}
	return t.put(c.name, k, bytes.Clone(value))
}

// Delete removes a record and its index entries. What is not there is no error.
func (c *Collection[R]) Delete(tx Tx, key ...string) error {
	t := tx.transaction()
	k := makeKey(key...)
	old, existed, err := c.load(t, k)
	if err != nil || !existed {
		return err
	}
	if err := t.delete(c.name, k); err != nil {
		return err
	}
	for _, x := range c.indexes {
		if err := x.update(t, k, x.of(old), nil); err != nil {
			return err
		}
	}
	return addCount(t, c.name, -1)
}

// update makes the index's entries for one record those of its new values.
func (x *Index[R]) update(t *transaction, key []byte, was, is [][]string) error {
	for _, value := range was {
		if !containsValue(is, value) {
			entry, _ := x.entry(value, key)
			if err := t.delete(x.name, entry); err != nil {
				return err
			}
		}
	}
	for _, value := range is {
		if containsValue(was, value) {
			continue
		}
		entry, stored := x.entry(value, key)
		if !x.unique {
			stored = binary.BigEndian.AppendUint32(nil, uint32(len(key)))
		} else if taken, err := t.get(x.name, entry); err != nil {
			return err
		} else if taken != nil && !bytes.Equal(taken, key) {
			return fmt.Errorf("%s: %q is taken: %w", x.name, value[len(value)-1], schema.ErrConflict)
		}
		if err := t.put(x.name, entry, stored); err != nil {
			return err
		}
	}
	return nil
}

func containsValue(values [][]string, v []string) bool {
	return slices.ContainsFunc(values, func(w []string) bool { return slices.Equal(v, w) })
}

// Counts are kept in one table, a row each.
const tableCounts = "counts"

func readCount(t *transaction, name string) (int64, error) {
	value, err := t.get(tableCounts, []byte(name))
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, errors.New("count of " + name + ": stored value is not a number")
	}
	return keySeq(value), nil
}

func addCount(t *transaction, name string, n int64) error {
	count, err := readCount(t, name)
	if err != nil {
		return err
	}
	return t.put(tableCounts, []byte(name), seqKey(count+n))
}
