package demo

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// both is two folders seen as one. No two files in them have one name.
type both struct{ first, second fs.FS }

func (b both) Open(name string) (fs.File, error) {
	f, err := b.first.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return b.second.Open(name)
	}
	return f, err
}

// ReadDir lists what is in either, by name.
func (b both) ReadDir(name string) ([]fs.DirEntry, error) {
	first, err := fs.ReadDir(b.first, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	second, err2 := fs.ReadDir(b.second, name)
	if err2 != nil && (err != nil || !errors.Is(err2, fs.ErrNotExist)) {
		return nil, err2
	}
	all := append(first, second...)
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}
