package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"drawbridge/schema"
)

// Backup writes a snapshot, which is a file of its own, while the store is used.
// A writer that is slow keeps pages from being used again for as long.
func (e *engine) Backup(ctx context.Context, w io.Writer) error {
	return e.during(ctx, false, func(tx *bbolt.Tx) error {
		if _, err := tx.WriteTo(until{ctx, w}); err != nil {
			return fmt.Errorf("backup of %s: %w", e.path, err)
		}
		return nil
	})
}

// Check walks the file's pages and returns what is broken in them. Nobody writes
// meanwhile, for it looks at the pages that are free as well.
func (e *engine) Check(ctx context.Context) error {
	return e.during(ctx, !e.readOnly, func(tx *bbolt.Tx) error {
		var errs []error
		for err := range tx.Check() {
			if len(errs) < 10 {
				errs = append(errs, err)
			}
		}
		if len(errs) > 0 {
			return fmt.Errorf("%s is damaged; restore a backup: %w", e.path, errors.Join(errs...))
		}
		return nil
	})
}

// during runs fn in a transaction that changes nothing.
func (e *engine) during(ctx context.Context, exclusive bool, fn func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := e.db.Begin(exclusive)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written, and nothing is lost
	return fn(tx)
}

// until is a writer for as long as a context is not done.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u until) Write(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(b)
}

// Restore makes a file of a backup. It is there whole and durable, or not at
// all; a file that is there already is ErrConflict. What is not a backup is
// ErrInvalid.
func Restore(ctx context.Context, path string, backup io.Reader) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store %s: it is there already; move it away, or restore to another path: %w", path, schema.ErrConflict)
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	f, err := os.CreateTemp(folder, filepath.Base(path)+".restoring-*")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // half a store is of no use
		}
	}()
	_, err = io.Copy(until{ctx, f}, backup)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if err := whole(ctx, f.Name()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return syncFolder(folder)
}

// whole opens a file and looks whether it is all there.
func whole(ctx context.Context, path string) error {
	e, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(e.(*engine).Check(ctx), e.Close()) //nolint:errcheck // it is what Open just made
}

// syncFolder makes a file's new name durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
