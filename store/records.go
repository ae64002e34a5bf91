package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"drawbridge/schema"
)

// A records is what a Collection does, whatever its records are: there are dozens of
// collections, and Go compiles what is generic for each of them, wherever one is used.
// A record is handed about as a pointer to it.
type records struct {
	name    string
	fresh   func() any // a pointer to an empty record
	key     func(rec any) []string
	indexes []*entries
	read    func(key, value []byte, rec any) (ok bool)        // may be nil
	written func(room *slab, rec any) (value []byte, ok bool) // likewise
	fault   func(rec any) error                               // why none like it is written; likewise
}

// load reads the record with a key, and reports whether it is there.
func (c *records) load(t *transaction, key []byte, rec any) (ok bool, err error) {
	value, err := t.get(c.name, key)
	if err != nil || value == nil {
		return false, err
	}
	err = c.decode(key, value, rec)
	return err == nil, err
}

// find is load of a record that has to be there.
func (c *records) find(t *transaction, key []string, rec any) error {
	ok, err := c.load(t, t.lookup(key...), rec)
	if err == nil && !ok {
		err = c.notFound(key)
	}
	return err
}

func (c *records) has(t *transaction, key []string) (bool, error) {
	value, err := t.get(c.name, t.lookup(key...))
	return value != nil, err
}

func (c *records) notFound(key []string) error {
	return fmt.Errorf("%s %s: %w", c.name, strings.Join(key, " "), schema.ErrNotFound)
}

func (c *records) decode(key, value []byte, rec any) error {
	if c.read != nil && c.read(key, value, rec) {
		return nil
	}
	return c.parse(key, value, rec)
}

// parse is decode that takes nothing for granted.
func (c *records) parse(key, value []byte, rec any) error {
	if err := json.Unmarshal(value, rec); err != nil {
		return fmt.Errorf("%s %q: stored record: %w", c.name, key, err)
	}
	return nil
}

// scan walks the records of some keys. Like the other walks it is not inlined, or each
// collection had its body again.
//
//go:noinline
func (c *records) scan(t *transaction, from, to []byte) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for row, err := range t.rows(c.name, from, to) {
			rec := c.fresh()
			if err == nil {
				err = c.decode(row.Key, row.Value, rec)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// follow walks the records that rows of an index point to, but for the first few.
//
//go:noinline
func (c *records) follow(t *transaction, x *entries, from, to []byte, skip int) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		n := 0
		for row, err := range t.rows(x.name, from, to) {
			if n++; n <= skip && err == nil {
				continue
			}
			rec := c.fresh()
			if err == nil {
				err = c.behind(t, x, row, rec)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// walk is follow that says where each record stands in the index.
//
//go:noinline
func (c *records) walk(t *transaction, x *entries, from, to []byte) iter.Seq2[placed, error] {
	return func(yield func(placed, error) bool) {
		for row, err := range t.rows(x.name, from, to) {
			p := placed{rec: c.fresh()}
			if err == nil {
				p.place = Place(row.Key)
				err = c.behind(t, x, row, p.rec)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

type placed struct {
	rec   any
	place Place
}

// behind reads the record that an index entry points to.
func (c *records) behind(t *transaction, x *entries, row Row, rec any) error {
	key, ok := x.points(row)
	var err error
	if ok {
		ok, err = c.load(t, key, rec)
	}
	if err == nil && !ok {
		err = fmt.Errorf("%s: index %s points to nothing; check the store: %w", c.name, x.name, schema.ErrNotFound)
	}
	return err
}

// keys walks the keys that rows of an index point to.
//
//go:noinline
func (c *records) keys(t *transaction, x *entries, from, to []byte) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for row, err := range t.rows(x.name, from, to) {
			var parts []string
			if err == nil {
				key, points := x.points(row)
				var is bool
				if parts, is = splitKey(key); !points || !is {
					err = broken(x.name, row.Key)
				}
			}
			if !yield(parts, err) || err != nil {
				return
			}
		}
	}
}

// write writes a record; one that is there, only to replace it. It reports
// whether it was not.
func (c *records) write(t *transaction, rec any, replaces bool) (news bool, err error) {
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
	if err := c.refuses(key, old, rec); err != nil {
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

// refuses returns why a record is not written: for a fault that it has, and did not have
// when an older version of the program wrote it.
func (c *records) refuses(key, old []byte, rec any) error {
	if c.fault == nil {
		return nil
	}
	fault := c.fault(rec)
	if fault == nil || old == nil {
		return fault
	}
	was := c.fresh()
	if err := c.decode(key, old, was); err != nil {
		return err
	}
	if !c.sound(was) {
		return nil
	}
	return fault
}

// sound reports whether nothing is the matter with a record.
func (c *records) sound(rec any) bool { return c.fault(rec) == nil }

func (c *records) encode(room *slab, rec any) ([]byte, error) {
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
func (c *records) asRead(rec any, key []string, value []byte) (any, error) {
	if !bytes.Contains(value, []byte(`\ufffd`)) {
		return rec, nil
	}
	read := c.fresh()
	err := c.decode(nil, value, read)
	if err == nil && !slices.Equal(key, c.key(read)) {
		err = fmt.Errorf("%s %q: the key is not UTF-8: %w", c.name, key, schema.ErrInvalid)
	}
	return read, err
}

// touch makes the transaction depend on a record that is there.
func (c *records) touch(t *transaction, key []string) error {
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

// take deletes a record, and says how it was, and whether it was there.
func (c *records) take(t *transaction, key []string, old any) (existed bool, err error) {
	k := t.slab.key(key...)
	value, err := t.get(c.name, k)
	if err != nil || value == nil {
		return false, err
	}
	if err := c.decode(k, value, old); err != nil {
		return true, err
	}
	if err := t.remove(c.name, k, value); err != nil {
		return true, err
	}
	t.addCount(countRecords, c.name, k, -1)
	changes := t.changed[:0]
	for _, x := range c.indexes {
		for _, value := range x.of(old) {
			entry, holds := x.entry(t.slab, value, k)
			changes = append(changes, x.change(value, entry, holds, true))
		}
	}
	return true, apply(t, changes)
}

// changes returns what a record changes in the indexes that comes in place of the
// old one, nil if there was none: for each the difference of two small sets. It
// writes nothing, so that a conflict leaves nothing half done.
func (c *records) changes(t *transaction, key, old []byte, is any) (changes []change, err error) {
	changes = t.changed[:0]
	var was any
	if old != nil && len(c.indexes) > 0 {
		was = c.fresh()
		if err = c.decode(key, old, was); err != nil {
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
func (c *records) free(t *transaction, x *entries, value []string, entry, key []byte) error {
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
