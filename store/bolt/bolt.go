// Package bolt is the store's engine on one bbolt file: embedded, one process,
// one writer.
package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"drawbridge/schema"
	"drawbridge/store"
)

// Options change how a file is opened. The zero value is right for production.
type Options struct {
	NoSync   bool // commits are not durable: for tests and for rebuilding
	ReadOnly bool // several processes may read; no other may write meanwhile
	// MmapSize is how much address space the file may grow into before everyone
	// must wait for it to be mapped anew. 64 GiB if zero.
	MmapSize int
}

const defaultMmap = 64 << 30

// Engine is a store.Engine on a bbolt file.
type Engine struct{ db *bbolt.DB }

// Open opens a file, or makes it, with its folder. A file that another process
// has open is ErrConflict.
func Open(path string, o Options) (*Engine, error) {
	if !o.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	if o.MmapSize == 0 {
		o.MmapSize = defaultMmap
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         2 * time.Second,
		NoSync:          o.NoSync,
		ReadOnly:        o.ReadOnly,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: o.MmapSize,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("store %s: another process has it open; stop it, or ask it with --server: %w", path, schema.ErrConflict)
	case err != nil:
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return &Engine{db}, nil
}

// Writers is one: a bbolt file has a single writer.
func (e *Engine) Writers() int { return 1 }

// Close closes the file, once running transactions have ended.
func (e *Engine) Close() error { return e.db.Close() }

// Begin starts a transaction.
func (e *Engine) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tx, err := e.db.Begin(write)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return &txn{tx: tx, buckets: map[string]*bbolt.Bucket{}}, nil
}

// Backup writes a snapshot while the file is used.
func (e *Engine) Backup(_ context.Context, w io.Writer) error {
	return e.db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
}

// Check walks the file's pages and returns what is broken in them.
func (e *Engine) Check() error {
	return e.db.View(func(tx *bbolt.Tx) error {
		var errs []error
		for err := range tx.Check() {
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}

type txn struct {
	tx      *bbolt.Tx
	buckets map[string]*bbolt.Bucket
}

// bucket returns the table's bucket, nil if nothing was ever written to it.
func (t *txn) bucket(table string, write bool) (*bbolt.Bucket, error) {
	if b, ok := t.buckets[table]; ok {
		return b, nil
	}
	b := t.tx.Bucket([]byte(table))
	if b == nil {
		if !write {
			return nil, nil
		}
		var err error
		if b, err = t.tx.CreateBucket([]byte(table)); err != nil {
			return nil, fmt.Errorf("store: table %s: %w", table, err)
		}
	}
	if ascending(table) {
		b.FillPercent = 0.9
	}
	t.buckets[table] = b
	return b, nil
}

// ascending names the tables whose keys mostly come in order, so that pages can
// be filled further.
func ascending(table string) bool {
	switch table {
	case "identities", "groups", "runs", "settings":
		return true
	}
	return strings.HasPrefix(table, "log") && table != "log/about"
}

func (t *txn) Get(table string, keys ...[]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	b, err := t.bucket(table, false)
	if b == nil {
		return values, err
	}
	for i, key := range keys {
		values[i] = b.Get(key)
	}
	return values, nil
}

func (t *txn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		b, err := t.bucket(table, false)
		if err != nil {
			yield(store.Row{}, err)
			return
		}
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
	var rows []store.Row
	if n <= 0 {
		return nil, nil
	}
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
	b, err := t.bucket(table, true)
	if err != nil {
		return err
	}
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("store: table %s: %w", table, err)
	}
	return nil
}

func (t *txn) Delete(table string, key []byte) error {
	b, err := t.bucket(table, false)
	if err != nil || b == nil {
		return err
	}
	if err := b.Delete(key); err != nil {
		return fmt.Errorf("store: table %s: %w", table, err)
	}
	return nil
}

func (t *txn) Commit() error {
	if err := t.tx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

func (t *txn) Rollback() error {
	if err := t.tx.Rollback(); err != nil && !errors.Is(err, bbolterrors.ErrTxClosed) {
		return fmt.Errorf("store: roll back: %w", err)
	}
	return nil
}
