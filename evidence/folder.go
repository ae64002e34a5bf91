package evidence

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drawbridge/evidence/pack"
)

// A folder is a pack that is being written. It hashes what it writes.
type folder struct {
	root  *os.Root
	files []pack.File
}

// create begins a file. What the caller writes is hashed on its way; close it.
func (f *folder) create(name string) (*file, error) {
	if err := f.root.MkdirAll(filepath.Dir(filepath.FromSlash(name)), 0o700); err != nil {
		return nil, err
	}
	out, err := f.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &file{folder: f, name: name, out: out, hash: sha256.New()}
	w.Writer = bufio.NewWriterSize(w.tee(), 16<<10)
	return w, nil
}

// write writes a file that is there whole.
func (f *folder) write(name string, text []byte) error {
	w, err := f.create(name)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return errors.Join(err, w.Close())
}

// writeJSON writes a value as people can read it.
func (f *folder) writeJSON(name string, v any) error {
	w, err := f.create(name)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return errors.Join(enc.Encode(v), w.Close())
}

// listed returns what was written, by name.
func (f *folder) listed() []pack.File {
	slices.SortFunc(f.files, func(a, b pack.File) int { return strings.Compare(a.Name, b.Name) })
	return f.files
}

// A file is one of a folder's.
type file struct {
	*bufio.Writer
	folder *folder
	name   string
	out    *os.File
	hash   hash.Hash
	size   int64
}

type teeFunc func(b []byte) (int, error)

func (t teeFunc) Write(b []byte) (int, error) { return t(b) }

func (w *file) tee() teeFunc {
	return func(b []byte) (int, error) {
		n, err := w.out.Write(b)
		w.hash.Write(b[:n])
		w.size += int64(n)
		return n, err
	}
}

// Close ends the file, which is in the manifest from then on.
func (w *file) Close() error {
	err := errors.Join(w.Flush(), w.out.Close())
	w.folder.files = append(w.folder.files, pack.File{Name: w.name, Size: w.size, SHA256: hex.EncodeToString(w.hash.Sum(nil))})
	return err
}
