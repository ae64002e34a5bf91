package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// An osDisk is a disk in the file system.
type osDisk struct {
	*os.File

	unlock func() error
}

// Lock takes the file for this process.
func (d *osDisk) Lock() (err error) {
	if d.unlock, err = lock(d.File); err != nil {
		return fmt.Errorf("%s is in use by another process: %w", d.Name(), err)
	}
	return nil
}

// syncFolder makes the name of a file that was made durable, as far as its file
// system can do that.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every file system can, and some need not
	return dir.Close()
}

// Size returns the file's size, and fails if its name is another file's by now.
func (d *osDisk) Size() (int64, error) {
	held, err := d.Stat()
	if err != nil {
		return 0, err
	}
	named, err := os.Stat(d.Name())
	if err != nil {
		return 0, fmt.Errorf("the journal was put away: %w", err)
	}
	if !os.SameFile(held, named) {
		return 0, fmt.Errorf("%s is another file by now: restart to have it read", d.Name())
	}
	return held.Size(), nil
}

// Close gives the file up.
func (d *osDisk) Close() error {
	var err error
	if d.unlock != nil {
		err = d.unlock()
	}
	return errors.Join(err, d.File.Close())
}
