// Package bolt is the store's engine on one bbolt file: embedded, one process,
// one writer.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"drawbridge/schema"
	"drawbridge/store"
)

// Options change how a file is opened. The zero value is right for production.
type Options struct {
	// NoSync makes commits that do not survive the machine: for tests, and for
	// building what can be built again.
	NoSync bool
	// ReadOnly opens a file that is there, to be looked at. Several processes may,
	// and none may write meanwhile: take a copy of a running bridge's.
	ReadOnly bool
	// MmapSize is how much address space, in bytes, the file may grow into before
	// everyone must wait for it to be mapped anew. Zero is 64 GiB where address
	// space costs nothing, and as much as is needed elsewhere.
	MmapSize int
	// Timeout is how long to wait for another process to close the file. Zero is
	// two seconds.
	Timeout time.Duration
}

// mmapSize is the default of Options.MmapSize. A reader that is held while its
// own goroutine writes would wait for itself when the file has to be mapped anew;
// so it is mapped once, with room for the largest store this engine is meant for.
// Only 64-bit Linux and Darwin map beyond a file's end for nothing.
func mmapSize() int {
	if math.MaxInt == math.MaxInt32 || runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return 0
	}
	const gib = 30
	return int(int64(64) << gib)
}

// An engine is a store.Engine on a bbolt file.
type engine struct {
	db       *bbolt.DB
	path     string
	readOnly bool
	written  atomic.Bool // since it was opened
}

// defaultTimeout is how long one waits for a file that somebody else has open.
const defaultTimeout = 2 * time.Second

// Open opens a file, or makes it, with its folder, for nobody else to read. A
// file that another process has open is ErrConflict; one that is not bbolt's, or
// was cut short, is ErrInvalid.
func Open(path string, o Options) (store.Engine, error) {
	if !o.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	if o.MmapSize == 0 {
		o.MmapSize = mmapSize()
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if err := complete(path, o); err != nil {
		return nil, err
	}
	db, err := open(path, o)
	if err != nil {
		return nil, err
	}
	return &engine{db: db, path: path, readOnly: o.ReadOnly}, nil
}

func open(path string, o Options) (*bbolt.DB, error) {
	db, _, err := openFile(path, o)
	return db, err
}

// openFile also returns which file it is: the one that is there once nobody else has it
// open. While one waits for that, another may be put in its place, as by Compact.
func openFile(path string, o Options) (*bbolt.DB, os.FileInfo, error) {
	const attempts = 10
	for range attempts {
		db, file, err := openOnce(path, o)
		if err != nil {
			return nil, nil, err
		}
		if now, err := os.Stat(path); err == nil && os.SameFile(file, now) {
			return db, file, nil
		}
		if err := db.Close(); err != nil {
			return nil, nil, fmt.Errorf("store %s: %w", path, err)
		}
	}
	return nil, nil, replaced(path)
}

func replaced(path string) error {
	return fmt.Errorf("store %s: somebody put another file in its place meanwhile; try again: %w", path, schema.ErrConflict)
}

func openOnce(path string, o Options) (_ *bbolt.DB, file os.FileInfo, _ error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode) //nolint:gosec // the store's own path
			if err == nil && file == nil {          // the first is the one that is used
				file, err = f.Stat()
			}
			return f, err
		},
		Timeout:         o.Timeout,
		NoSync:          o.NoSync,
		ReadOnly:        o.ReadOnly,
		NoFreelistSync:  true, // what is free is not written by each commit, but when the file is closed
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: o.MmapSize,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, nil, fmt.Errorf("store %s: another process has it open; stop that one, or ask it with --server: %w", path, schema.ErrConflict)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return nil, nil, fmt.Errorf("store %s: it is not a store, or it is damaged; restore a backup: %w: %w", path, schema.ErrInvalid, err)
	case err != nil:
		return nil, nil, fmt.Errorf("store %s: %w", path, err)
	}
	return db, file, nil
}

// complete refuses a file that was cut short, as a copy may be: whoever reads
// what is mapped beyond a file's end is killed.
func complete(path string, o Options) error {
	file, err := os.Stat(path)
	if err != nil || file.Size() == 0 {
		return nil //nolint:nilerr // it is new, or opening it will say what is wrong
	}
	o.ReadOnly = true // then bbolt reads nothing but the first two pages
	db, err := open(path, o)
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > file.Size() {
			return fmt.Errorf("store %s: it was cut short: %d bytes of %d; restore a backup: %w", path, file.Size(), tx.Size(), schema.ErrInvalid)
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

// Writers is one: a bbolt file has a single writer. None, if it is only read.
func (e *engine) Writers() int {
	if e.readOnly {
		return 0
	}
	return 1
}

// Close closes the file, once running transactions have ended. It writes down
// which of its pages are free: otherwise the next Open has to look at every one of
// them, as after a crash, which takes a second or so for each gigabyte.
func (e *engine) Close() error { return errors.Join(e.keepFreeList(), e.db.Close()) }

func (e *engine) keepFreeList() error {
	if !e.written.Load() {
		return nil
	}
	tx, err := e.db.Begin(true)
	if err != nil {
		return nil //nolint:nilerr // it is closed already
	}
	e.db.NoFreelistSync = false // only whoever has this transaction reads it
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store %s: %w", e.path, err)
	}
	return nil
}

// Begin starts a transaction; one that writes, once the one before it ended.
func (e *engine) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tx, err := e.db.Begin(write)
	if err != nil {
		return nil, explain(err)
	}
	if write {
		e.written.Store(true)
	}
	return &txn{tx: tx, tables: map[string]*table{}}, nil
}

// explain gives bbolt's errors the kinds that cross packages.
func explain(err error) error {
	switch {
	case errors.Is(err, bbolterrors.ErrDatabaseNotOpen):
		return fmt.Errorf("the store is closed: %w", schema.ErrUnavailable)
	case errors.Is(err, bbolterrors.ErrDatabaseReadOnly), errors.Is(err, bbolterrors.ErrTxNotWritable):
		return fmt.Errorf("the store was opened for reading only: %w", schema.ErrForbidden)
	case errors.Is(err, bbolterrors.ErrKeyTooLarge), errors.Is(err, bbolterrors.ErrValueTooLarge):
		return fmt.Errorf("too long to be stored or found by (a key may have %d bytes): %w", bbolt.MaxKeySize, schema.ErrInvalid)
	}
	return fmt.Errorf("store: %w", err)
}

// ascending names the tables whose keys mostly come in order. Their pages are
// filled further, also where some of what is written has its place between others.
func ascending(table string) bool {
	switch table {
	case "identities", "identities/modified", "groups", "runs":
		return true
	case "log/about", "log/latest": // by subject
		return false
	}
	return strings.HasPrefix(table, "log")
}
