package access

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Draft is a folder of documents that can be put in force.
type Draft struct {
	Set      *policy.Set
	Book     *policy.Book
	Findings policy.Findings   // of what is refused in it, and of what is worth a look
	Files    map[string]string // path to text

	Evidence *signed.Objects // of the commit that the documents are of, as whoever sends them has it
	Signed   signed.Commit   // of a version that was in force once: what was signed then
}

// ReadDraft reads and compiles a folder of documents. A role, source or
// connector with mistakes is refused by itself; a folder of which something
// could not be read at all, or without a sound policy set, is schema.ErrInvalid:
// what is missing in it would look as if it had been taken away. A policy set that
// says what has no effect is sound: lint refuses it, and its other words hold.
func ReadDraft(fsys fs.FS) (*Draft, error) {
	set, found := policy.Load(fsys)
	book, more := policy.Compile(set)
	d := &Draft{Set: set, Book: book, Findings: append(found, more...), Files: map[string]string{}}
	var unusable []error
	for _, f := range d.Findings {
		if f.Severity == policy.Error && f.Code != policy.CodeIdle && (f.Object == "" || strings.HasPrefix(f.Object, "PolicySet/")) {
			unusable = append(unusable, errors.New(f.String()))
		}
	}
	if len(unusable) > 0 {
		return d, fmt.Errorf("policy: %w:\n%w", schema.ErrInvalid, errors.Join(unusable...))
	}
	return d, d.keep(fsys)
}

// DraftOf is ReadDraft of texts by their path.
func DraftOf(files map[string]string) (*Draft, error) {
	folder, err := policy.Files(files)
	if err != nil {
		return nil, err
	}
	return ReadDraft(folder)
}

// keep keeps the text of the documents, for the history of policies.
func (d *Draft) keep(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if ext := path.Ext(name); err != nil || entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		d.Files[name] = string(text)
		return err
	})
}

// meets returns nil where a draft is as the policy in force demands of the next one.
func (d *Draft) meets(p policy.Publication) error {
	if p.Requires(policy.RequireLint) {
		var wrong []policy.Finding
		for _, f := range d.Findings {
			if f.Severity == policy.Error {
				wrong = append(wrong, f)
			}
		}
		if len(wrong) > 0 {
			return fmt.Errorf("the policy in force demands that lint refuses nothing, and it refuses %d things: %s: %w", len(wrong), wrong[0], schema.ErrForbidden)
		}
	}
	if !p.Requires(policy.RequireTests) {
		return nil
	}
	results := policytest.Run(d.Book, d.Set)
	failed := policytest.Failed(results)
	switch {
	case len(results) == 0:
		return fmt.Errorf("the policy in force demands tests that pass, and there is none: %w", schema.ErrForbidden)
	case len(failed) > 0:
		return fmt.Errorf("the policy in force demands that tests pass, and %d of %d failed: %s: %s: %w",
			len(failed), len(results), failed[0].Name, failed[0].Failures[0], schema.ErrForbidden)
	}
	return nil
}

// owners are those who answer for the draft's roles and connectors, case folded.
func (d *Draft) owners() []string {
	var names []string
	for _, r := range d.Set.Roles {
		names = append(names, store.Fold(r.Metadata.Owner.User), store.Fold(r.Metadata.Owner.Deputy))
	}
	for _, c := range d.Set.Connectors {
		names = append(names, store.Fold(c.Metadata.Owner.User), store.Fold(c.Metadata.Owner.Deputy))
	}
	return slices.DeleteFunc(schema.Sorted(names...), func(name string) bool { return name == "" })
}

// InForce returns the policy that a store was last run under, from the text that was
// kept of it. Its digest is another than the one it was published under where the
// program reads the same documents otherwise by now.
func InForce(r store.Reader) (*Draft, error) {
	digest, err := store.PolicyInForce(r)
	if err == nil && digest == "" {
		err = fmt.Errorf("no policy was ever in force in this store: %w", schema.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return Version(r, digest)
}

// InForceDigest returns the digest of the policy in force; nothing before the first.
func InForceDigest(r store.Reader) (string, error) { return store.PolicyInForce(r) }

// Version returns a policy that was in force once, by its digest.
func Version(r store.Reader, digest string) (*Draft, error) {
	version, err := store.Policies.Get(r, digest)
	switch {
	case err != nil:
		return nil, err
	case len(version.Files) == 0:
		return nil, fmt.Errorf("policy %s was put in force without its documents: %w", brief(digest), schema.ErrNotFound)
	}
	d, err := DraftOf(version.Files)
	if d != nil {
		d.Signed = signed.Commit{ID: version.Commit, Author: version.Author, Signer: version.Signer}
	}
	return d, err
}

// FindVersion returns the digest of the policy that was in force once and whose digest
// begins so; ErrConflict where that are several.
func FindVersion(r store.Reader, begins string) (digest string, err error) {
	if begins == "" {
		return "", fmt.Errorf("which version? %w", schema.ErrInvalid)
	}
	for v, err := range store.Publications.By(r, store.PublicationState, string(schema.PublicationPublished)) {
		switch {
		case err != nil:
			return "", err
		case !strings.HasPrefix(v.Digest, begins) || v.Digest == digest:
		case digest != "":
			return "", fmt.Errorf("several versions begin with %s: %s and %s: %w", begins, digest, v.Digest, schema.ErrConflict)
		default:
			digest = v.Digest
		}
	}
	if digest == "" {
		if _, err := store.Policies.Get(r, begins); err == nil {
			return begins, nil
		}
		return "", fmt.Errorf("no version that was in force begins with %s: %w", begins, schema.ErrNotFound)
	}
	return digest, nil
}
