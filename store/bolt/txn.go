package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"drawbridge/store"
)

// A txn is one bbolt transaction. A table is a bucket, made by its first write.
type txn struct {
	tx     *bbolt.Tx
	tables map[string]*table // those that were looked up so far
	one    [1][]byte         // what Get returns of one key
}

// A table is what a transaction knows of one. Its cursor is for single rows, each of
// which it is sent to from the root: a new one would be made for each.
type table struct {
	name   string
	bucket *bbolt.Bucket // nil if nothing was ever written to it
	cursor *bbolt.Cursor
	walker *bbolt.Cursor // for the next scan; nil while it walks

	touched bool   // it was written to
	end     []byte // its last key before that
}

func (t *txn) table(name string) *table {
	tab, known := t.tables[name]
	if !known {
		tab = &table{name: name, bucket: t.tx.Bucket([]byte(name))}
		t.tables[name] = tab
	}
	return tab
}

// writable is table, which it makes if it is not there.
func (t *txn) writable(name string) (*table, error) {
	tab := t.table(name)
	if tab.bucket != nil {
		return tab, nil
	}
	b, err := t.tx.CreateBucket([]byte(name))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", name, explain(err))
	}
	tab.bucket = b
	return tab, nil
}

func (t *txn) Get(name string, keys ...[]byte) ([][]byte, error) {
	values := t.one[:]
	if len(keys) != 1 {
		values = make([][]byte, len(keys))
	}
	tab := t.table(name)
	for i, key := range keys {
		values[i] = tab.get(key)
	}
	return values, nil
}

func (tab *table) get(key []byte) []byte {
	if value, found := tab.seek(key); found {
		return value
	}
	return nil
}

// seek sends the cursor to a key.
func (tab *table) seek(key []byte) (value []byte, found bool) {
	if tab.bucket == nil {
		return nil, false
	}
	if tab.cursor == nil {
		tab.cursor = tab.bucket.Cursor()
	}
	k, v := tab.cursor.Seek(key)
	return v, bytes.Equal(k, key)
}

func (t *txn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		tab := t.table(table)
		if tab.bucket == nil {
			return
		}
		c := tab.walker
		if tab.walker = nil; c == nil { // none yet, or another scan of the table is under way
			c = tab.bucket.Cursor()
		}
		defer func() { tab.walker = c }()
		for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
			if !yield(store.Row{Key: k, Value: v}, nil) {
				return
			}
		}
	}
}

// Claim is a scan: with one writer, nobody else has claimed anything.
func (t *txn) Claim(table string, from, to []byte, n int) ([]store.Row, error) {
	if n <= 0 {
		return nil, nil
	}
	var rows []store.Row
	for row, err := range t.Scan(table, from, to) {
		if err != nil {
			return nil, err
		}
		if rows = append(rows, row); len(rows) == n {
			break
		}
	}
	return rows, nil
}

func (t *txn) Put(name string, key, value []byte) error {
	tab, err := t.writable(name)
	if err != nil {
		return err
	}
	if value == nil {
		value = []byte{} // bbolt would answer nil, which is none, until the commit
	}
	tab.fill(key)
	if err := tab.bucket.Put(key, value); err != nil {
		return fmt.Errorf("table %s: %w", name, explain(err))
	}
	return nil
}

// How far pages are filled that are split: further where what is written comes
// behind all that there was, because nothing will be put in between.
const (
	betweenOthers = bbolt.DefaultFillPercent
	behindAll     = 0.9
)

// touch remembers a table's last key when it is first changed. Later it must not be
// asked for: where what was deleted left pages empty, a cursor may look for the last
// one forever.
func (tab *table) touch() {
	if tab.touched {
		return
	}
	last, _ := tab.bucket.Cursor().Last()
	tab.touched, tab.end = true, bytes.Clone(last)
	tab.bucket.FillPercent = behindAll
}

// fill sets how far a table's pages are filled, now that a key is written to it.
func (tab *table) fill(key []byte) {
	if tab.touch(); bytes.Compare(key, tab.end) <= 0 && !ascending(tab.name) {
		tab.bucket.FillPercent = betweenOthers
	}
}

func (t *txn) Delete(name string, key []byte) error {
	tab := t.table(name)
	if tab.bucket == nil {
		return nil
	}
	tab.touch()
	if _, found := tab.seek(key); !found {
		return nil
	}
	if err := tab.cursor.Delete(); err != nil { // a bucket's own Delete would make a cursor for it
		return fmt.Errorf("table %s: %w", name, explain(err))
	}
	return nil
}

func (t *txn) Commit() error {
	if err := t.tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", explain(err))
	}
	return nil
}

func (t *txn) Rollback() error {
	if err := t.tx.Rollback(); err != nil && !errors.Is(err, bbolterrors.ErrTxClosed) {
		return fmt.Errorf("roll back: %w", explain(err))
	}
	return nil
}
