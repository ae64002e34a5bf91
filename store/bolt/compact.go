package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// compactAtOnce is how many bytes one transaction of a compaction writes.
const compactAtOnce = 16 << 20

// Compact writes a file anew, without the pages that are free in it, in which what was
// deleted can still be read. Nobody else has it open meanwhile. The old one stays until the
// new one is whole.
func Compact(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	old, was, err := openFile(path, Options{Timeout: defaultTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, filepath.Base(path)+".compacting-*")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // half a store is of no use
		}
	}()
	if err := f.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	fresh, err := open(f.Name(), Options{NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(fresh, old, compactAtOnce)
	if err == nil {
		err = ctx.Err()
	}
	if err := errors.Join(err, (&engine{db: fresh, path: f.Name()}).closeWhole()); err != nil {
		return fmt.Errorf("compact %s: %w", path, err)
	}
	if err := whole(ctx, f.Name()); err != nil {
		return err
	}
	if err := replace(path, was, f.Name()); err != nil {
		return err
	}
	return syncFolder(folder)
}

// replace puts a file in the place of another, if that is there still, for the same people
// to read and write.
func replace(path string, was os.FileInfo, fresh string) error {
	if err := errors.Join(os.Chmod(fresh, was.Mode().Perm()), giveTo(was, fresh)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(was, now) {
		return replaced(path)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// closeWhole closes a file that was written in a hurry, and has it on disk.
func (e *engine) closeWhole() error {
	e.written.Store(true)
	return errors.Join(e.keepFreeList(), e.db.Sync(), e.db.Close())
}
