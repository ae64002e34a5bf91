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
	tx      *bbolt.Tx
	buckets map[string]*bbolt.Bucket // those looked up so far; nil is not there
	ends    map[string][]byte        // the last key that tables had before they were written to
}

// bucket returns the table's bucket, nil if nothing was ever written to it.
func (t *txn) bucket(table string) *bbolt.Bucket {
	b, known := t.buckets[table]
	if !known {
		b = t.tx.Bucket([]byte(table))
		t.keep(table, b)
	}
	return b
}

func (t *txn) keep(table string, b *bbolt.Bucket) { t.buckets[table] = b }

// writable is bucket, which it makes if it is not there.
func (t *txn) writable(table string) (*bbolt.Bucket, error) {
	if b := t.bucket(table); b != nil {
		return b, nil
	}
	b, err := t.tx.CreateBucket([]byte(table))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", table, explain(err))
	}
	t.keep(table, b)
	return b, nil
}

func (t *txn) Get(table string, keys ...[]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	b := t.bucket(table)
	if b == nil {
		return values, nil
	}
	for i, key := range keys {
		values[i] = b.Get(key)
	}
	return values, nil
}

func (t *txn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		b := t.bucket(table)
		if b == nil {
			return
		}
		c := b.Cursor()
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

func (t *txn) Put(table string, key, value []byte) error {
	b, err := t.writable(table)
	if err != nil {
		return err
	}
	if value == nil {
		value = []byte{} // bbolt would answer nil, which is none, until the commit
	}
	t.fill(table, b, key)
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("table %s: %w", table, explain(err))
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
func (t *txn) touch(table string, b *bbolt.Bucket) (end []byte) {
	end, known := t.ends[table]
	if !known {
		last, _ := b.Cursor().Last()
		end = bytes.Clone(last)
		t.ends[table] = end
		b.FillPercent = behindAll
	}
	return end
}

// fill sets how far a table's pages are filled, now that a key is written to it.
func (t *txn) fill(table string, b *bbolt.Bucket, key []byte) {
	if bytes.Compare(key, t.touch(table, b)) <= 0 && !ascending(table) {
		b.FillPercent = betweenOthers
	}
}

func (t *txn) Delete(table string, key []byte) error {
	b := t.bucket(table)
	if b == nil {
		return nil
	}
	t.touch(table, b)
	if err := b.Delete(key); err != nil {
		return fmt.Errorf("table %s: %w", table, explain(err))
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
