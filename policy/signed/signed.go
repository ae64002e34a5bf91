// Package signed tells whether documents are those of a commit of git that somebody
// signed whom a policy names.
//
// Who asks need not have the repository, nor believe whoever has it: the evidence is the
// commit itself, which the signature is over, and the trees on the way from it to the
// documents, each of which is named by its hash in the one before:
//
//	signature ─► commit ─► tree ─► … ─► tree of the folder ─► the documents' hashes
//
// All documents of the folder are those of the commit, or none is: a document that was
// left out is as much a change as one that was altered. Signatures are those of SSH keys
// (git config gpg.format ssh).
//
// A signature says who vouched for documents; not that they are the newest, nor that they
// were meant to come into force here. So there is more to demand: which folder they are in,
// and that their commit comes after another one, by commits each of which names the one
// before.
package signed

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
)

// Objects are what git stores of a commit, as far as it takes to tell that documents are
// those of it.
type Objects struct {
	Commit []byte   `json:"commit"`
	Folder string   `json:"folder,omitempty"` // where the documents are below its tree; empty or ".": all over it
	Trees  [][]byte `json:"trees"`            // the commit's, those on the way to the folder, and those below it

	Between [][]byte `json:"between,omitempty"` // the commits from it, newest first, to the one that it comes after; neither of both
}

// A Commit is one that documents are of.
type Commit struct {
	ID     string
	Folder string // where the documents are in it; "." is all over it
	Author string // the email address that it states, which the signature is over
	Signer string // whose key it was signed with, as the policy calls them
}

// A Demand is what has to be so of a commit.
type Demand struct {
	Signers []policy.Signer // one of them signed it
	Folder  string          // that the documents are in; empty: any
	After   string          // the commit that it comes after, or is; empty: it may be any
}

// Verify returns the commit that documents are of, by their path below the folder. The
// error is ErrForbidden where they are not those of it, or where it is not as demanded.
func (d Demand) Verify(e Objects, documents map[string]string) (Commit, error) {
	c, err := parse(e.Commit)
	if err != nil {
		return Commit{}, err
	}
	signer, err := c.signer(d.Signers)
	if err == nil {
		err = d.meant(e)
	}
	if err == nil {
		err = c.holds(e, documents)
	}
	if err == nil {
		err = c.after(d.After, e.Between)
	}
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", brief(c.id), err)
	}
	return Commit{ID: c.id, Folder: e.folder(), Author: c.author, Signer: signer}, nil
}

// Of returns the commit that documents are of, whoever signed it or not.
func Of(e Objects, documents map[string]string) (Commit, error) {
	c, err := parse(e.Commit)
	if err == nil {
		err = c.holds(e, documents)
	}
	if err != nil {
		return Commit{}, err
	}
	return Commit{ID: c.id, Folder: e.folder(), Author: c.author}, nil
}

// meant returns nil where documents are in the folder that they have to be in.
func (d Demand) meant(e Objects) error {
	if d.Folder == "" || Folder(d.Folder) == e.folder() {
		return nil
	}
	return fmt.Errorf("it is of the folder %s, and the policy in force is of %s: %w", e.folder(), Folder(d.Folder), schema.ErrForbidden)
}

func (e Objects) folder() string { return Folder(e.Folder) }

// Folder is how a folder of a repository is written: as git does, and "." for all of it.
func Folder(name string) string {
	return cmp.Or(strings.Join(steps(name), "/"), ".")
}

// steps are the names on the way to a folder.
func steps(folder string) []string {
	if folder == "." {
		return nil
	}
	return strings.FieldsFunc(folder, func(c rune) bool { return c == '/' })
}

// holds returns nil where the documents are those of a folder of the commit, and all of
// them.
func (c commit) holds(e Objects, documents map[string]string) error {
	f := &forest{sum: c.sum, room: mostEntries, trees: map[string][]byte{}, documents: map[string]string{}}
	for _, raw := range e.Trees {
		f.trees[c.sum("tree", raw)] = raw
	}
	tree := c.tree
	for _, name := range steps(e.Folder) {
		within, err := f.entries(tree)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(within, func(x entry) bool { return x.name == name && x.folder() })
		if i < 0 {
			return fmt.Errorf("there is no folder %s in it: %w", e.Folder, schema.ErrForbidden)
		}
		tree = within[i].object
	}
	if err := f.gather(tree, "", mostDeep); err != nil {
		return err
	}
	for name, object := range f.documents {
		switch text, there := documents[name]; {
		case !there:
			return fmt.Errorf("%s is in it, and not among the documents: %w", name, schema.ErrForbidden)
		case c.sum("blob", []byte(text)) != object:
			return fmt.Errorf("%s is another document in it: commit it, and sign that: %w", name, schema.ErrForbidden)
		}
	}
	for name := range documents {
		if _, there := f.documents[name]; !there {
			return fmt.Errorf("%s is not in it: commit it, and sign that: %w", name, schema.ErrForbidden)
		}
	}
	return nil
}

// A forest is trees by the hash that names them, and what documents they have.
type forest struct {
	sum       func(kind string, body []byte) string
	trees     map[string][]byte
	documents map[string]string // path to the hash of the text
	room      int               // for how many more entries
}

// A tree may have another twice, which has another twice: few objects make very many
// paths. So there is a limit to the entries that are looked at, and to how deep they lie.
const (
	mostEntries = 10_000
	mostDeep    = 32
)

// gather finds the documents below a tree that has so many levels at most.
func (f *forest) gather(tree, below string, levels int) error {
	all, err := f.entries(tree)
	if err != nil {
		return err
	}
	if f.room -= len(all); f.room < 0 || levels == 0 {
		return fmt.Errorf("the folder has more than %d entries, or is more than %d deep: keep documents in one of their own: %w", mostEntries, mostDeep, schema.ErrInvalid)
	}
	for _, x := range all {
		name := path.Join(below, x.name)
		switch ext := path.Ext(x.name); {
		case x.folder():
			if err := f.gather(x.object, name, levels-1); err != nil {
				return err
			}
		case x.mode == "160000":
			return fmt.Errorf("%s is a submodule, and what is in it is not of this commit: %w", name, schema.ErrForbidden)
		case ext != ".yaml" && ext != ".yml":
		case x.mode == "120000":
			return fmt.Errorf("%s is a symbolic link, and not a document: %w", name, schema.ErrForbidden)
		default:
			f.documents[name] = x.object
		}
	}
	return nil
}

func (f *forest) entries(tree string) ([]entry, error) {
	raw, ok := f.trees[tree]
	if !ok {
		return nil, fmt.Errorf("what is sent with it lacks its tree %s: %w", brief(tree), schema.ErrForbidden)
	}
	return entries(raw, len(tree)/2)
}

func brief(hash string) string { return hash[:min(12, len(hash))] }
