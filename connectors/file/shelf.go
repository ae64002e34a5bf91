package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// largest is how large a table may be. It keeps a file that is none from being
// read into memory.
const largest = 1 << 28

// A stamp says which file was read: one that was written since, or put in its
// place, has another.
type stamp struct{ info fs.FileInfo }

func (s stamp) same(other stamp) bool {
	return s.info != nil && other.info != nil && os.SameFile(s.info, other.info) &&
		s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

// A shelf is where a table lies. It is replaced as a whole: who reads it finds the
// old one or the new one, and never a part.
type shelf interface {
	stamp() (stamp, error)
	read() ([]byte, stamp, error)
	replace(raw []byte) (stamp, error)
}

// An osShelf is a name in the file system.
type osShelf struct {
	path  string
	fsync bool
}

func (s *osShelf) stamp() (stamp, error) {
	info, err := os.Stat(s.path)
	return stamp{info}, err
}

func (s *osShelf) read() ([]byte, stamp, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, stamp{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(raw) > largest {
		err = fmt.Errorf("%s is larger than %d bytes", s.path, largest)
	}
	after, again := f.Stat()
	if err == nil && again == nil && !(stamp{info}).same(stamp{after}) {
		err = fmt.Errorf("%s was written to while it was read", s.path)
	}
	return raw, stamp{info}, errors.Join(err, again)
}

// replace writes a file beside it, and gives that its name, with the permissions
// that the old one has.
func (s *osShelf) replace(raw []byte) (at stamp, err error) {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(s.path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), "."+filepath.Base(s.path)+".*")
	if err != nil {
		return stamp{}, err
	}
	if at, err = s.fill(f, raw, mode); err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return stamp{}, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	if err := f.Close(); err != nil {
		return stamp{}, err
	}
	if s.fsync {
		return at, syncFolder(s.path)
	}
	return at, nil
}

func (s *osShelf) fill(f *os.File, raw []byte, mode fs.FileMode) (stamp, error) {
	if _, err := f.Write(raw); err != nil {
		return stamp{}, err
	}
	if err := f.Chmod(mode); err != nil {
		return stamp{}, err
	}
	if s.fsync {
		if err := f.Sync(); err != nil {
			return stamp{}, err
		}
	}
	info, err := f.Stat()
	return stamp{info}, err
}
