// Package configs is what ships with the bridge, and what reads the
// configuration of one.
//
// A configuration is one YAML file. It is read strictly, every mistake in it is
// told at once with its line, and what it leaves out has a value that is safe.
// It holds no secret: it refers to them, as env:NAME or file:PATH.
package configs

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"drawbridge/connectors"
)

// Shipped holds the configuration, the policy and the profiles that come with
// the bridge, and what the demonstration adds to them.
//
//go:embed drawbridge.yaml policy profiles demo
var Shipped embed.FS

// Profiles returns the profiles that ship, overlaid by those of a folder: of two
// with one name, the folder's counts. With an empty dir there are only those
// that ship.
func Profiles(dir string) fs.FS {
	shipped, err := fs.Sub(Shipped, "profiles")
	if err != nil {
		return unreadable{err} // profiles is a name that embedding itself demands
	}
	if dir == "" {
		return shipped
	}
	return overlay{over: os.DirFS(dir), under: shipped}
}

// ProfileOf returns a configuration with nothing but the profile of the name, and its text.
func ProfileOf(profiles fs.FS, name string) (c connectors.Config, err error) {
	if c.Profile, err = connectors.LoadProfile(profiles, name); err != nil {
		return c, err
	}
	c.Kind, c.ProfileName = cmp.Or(c.Profile.Kind, "scim"), name
	c.ProfileText, err = fs.ReadFile(profiles, name+".yaml")
	return c, err
}

// overlay is two folders of files, of which one hides what it has of the other.
type overlay struct{ over, under fs.FS }

func (o overlay) Open(name string) (fs.File, error) {
	if name == "." {
		return o.under.Open(name)
	}
	f, err := o.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.under.Open(name)
	}
	return f, err
}

// ReadDir lists what is in either, by name.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	under, err := fs.ReadDir(o.under, name)
	if err != nil {
		return nil, err
	}
	over, err := fs.ReadDir(o.over, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	all := slices.DeleteFunc(under, func(e fs.DirEntry) bool {
		return slices.ContainsFunc(over, func(mine fs.DirEntry) bool { return mine.Name() == e.Name() })
	})
	all = append(all, over...)
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// unreadable is a file system that says why it is none.
type unreadable struct{ err error }

func (u unreadable) Open(string) (fs.File, error) { return nil, u.err }
