// Package keyfile keeps people's keys (store.Keys) in one flat file, apart from the
// store: a key is 32 bytes in a place of its own, and destroying it is writing zeros over
// it. So a copy of the store says nothing about anybody whose key is gone, however old it is.
package keyfile

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"drawbridge/schema"
)

const (
	mark    = "drawbridge keys\n" // what the file begins with; after it, which keys these are
	head    = len(mark) + 8
	keySize = 32
)

// A File is a file of keys. It is for one process, which has the store.
type File struct {
	id uint64

	mu   sync.RWMutex // held to write while keys are made or destroyed
	file *os.File
	keys uint64
}

// Open opens a file of keys; where there is none, it is made, unless it is only to be read.
func Open(path string, readOnly bool) (*File, error) {
	flag := os.O_RDWR
	if readOnly {
		flag = os.O_RDONLY
	}
	file, err := os.OpenFile(path, flag, 0)
	if errors.Is(err, os.ErrNotExist) && !readOnly {
		if err = create(path); err == nil {
			file, err = os.OpenFile(path, flag, 0)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("people's keys: %w", err)
	}
	f := &File{file: file}
	if err := f.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("people's keys: %s: %w", path, err), file.Close())
	}
	return f, nil
}

// create makes a file without keys, whole or not at all.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text := append([]byte(mark), make([]byte, 8)...)
	if _, err := rand.Read(text[len(mark):]); err != nil {
		return err
	}
	made := path + ".new"
	file, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(made, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir has a name in a folder be there after a crash. Where folders can not be synced,
// their system does it.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can
	return dir.Close()
}

func (f *File) read() error {
	first := make([]byte, head)
	if _, err := io.ReadFull(f.file, first); err != nil || !bytes.HasPrefix(first, []byte(mark)) {
		return fmt.Errorf("it is no file of keys: %w", schema.ErrInvalid)
	}
	f.id = binary.BigEndian.Uint64(first[len(mark):])
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.keys = uint64(max(0, info.Size()-int64(head))) / keySize // of one that was cut off nobody knows
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// ID says which keys these are.
func (f *File) ID() uint64 { return f.id }

// Len returns how many there are, with those that were destroyed.
func (f *File) Len() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.keys
}

// place is where a key is.
func place(number uint64) int64 { return int64(head) + int64(number)*keySize }

// Mint appends keys.
func (f *File) Mint(n int) (first uint64, err error) {
	fresh := make([]byte, n*keySize)
	if _, err := rand.Read(fresh); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	first = f.keys
	if _, err := f.file.WriteAt(fresh, place(first)); err != nil {
		return 0, err
	}
	if err := f.file.Sync(); err != nil {
		return 0, err
	}
	f.keys += uint64(n)
	return first, nil
}

// Key returns a key.
func (f *File) Key(number uint64) ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.key(number)
}

func (f *File) key(number uint64) ([]byte, error) {
	if number >= f.keys {
		return nil, fmt.Errorf("key %d: there are %d: %w", number, f.keys, schema.ErrNotFound)
	}
	key := make([]byte, keySize)
	if _, err := f.file.ReadAt(key, place(number)); err != nil {
		return nil, fmt.Errorf("key %d: %w", number, err)
	}
	if bytes.Equal(key, make([]byte, keySize)) {
		return nil, fmt.Errorf("key %d was destroyed: %w", number, schema.ErrNotFound)
	}
	return key, nil
}

// Destroy writes zeros over keys.
func (f *File) Destroy(numbers ...uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	destroyed := false
	for _, number := range numbers {
		_, err := f.key(number)
		if errors.Is(err, schema.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := f.file.WriteAt(make([]byte, keySize), place(number)); err != nil {
			return fmt.Errorf("key %d: %w", number, err)
		}
		destroyed = true
	}
	if !destroyed {
		return nil
	}
	return f.file.Sync()
}
