package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/schema/scim"
	"drawbridge/store"
)

// A Policy is a folder of documents that can be put in force.
type Policy struct {
	Set      *policy.Set
	Book     *policy.Book
	Findings policy.Findings   // of what is refused in it, and of what is worth a look
	Files    map[string]string // path to text
}

// ReadPolicy reads and compiles a folder of documents. A role, source or
// connector with mistakes is refused by itself; a folder of which something
// could not be read at all, or without a sound policy set, is schema.ErrInvalid:
// what is missing in it would look as if it had been taken away.
func ReadPolicy(fsys fs.FS) (*Policy, error) {
	set, found := policy.Load(fsys)
	book, more := policy.Compile(set)
	p := &Policy{Set: set, Book: book, Findings: append(found, more...), Files: map[string]string{}}
	var unusable []error
	for _, f := range p.Findings {
		if f.Severity == policy.Error && (f.Object == "" || strings.HasPrefix(f.Object, "PolicySet/")) {
			unusable = append(unusable, errors.New(f.String()))
		}
	}
	if len(unusable) > 0 {
		return p, fmt.Errorf("policy: %w:\n%w", schema.ErrInvalid, errors.Join(unusable...))
	}
	return p, p.readFiles(fsys)
}

// readFiles keeps the text of the documents, for the history of policies.
func (p *Policy) readFiles(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if ext := path.Ext(name); err != nil || entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		p.Files[name] = string(text)
		return err
	})
}

// publish puts a policy in force.
func (b *Bridge) publish(ctx context.Context, p *Policy) error {
	var changed bool
	err := b.store.Update(ctx, func(tx store.Tx) (err error) {
		changed, err = access.Publish(tx, p.Book, "bridge", p.Files)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish the policy: %w", err)
	}
	b.rules.Use(p.Book)
	for _, r := range p.Book.Refused() {
		b.Log.WarnContext(ctx, "role refused", "role", r.Role, "codes", strings.Join(r.Codes, ", "))
	}
	b.Log.InfoContext(ctx, "policy in force", "digest", p.Book.Digest(), "roles", len(p.Book.Roles()), "changed", changed)
	return nil
}

// Reload reads the policy again, and the files of certificates and secrets. What
// cannot be used leaves what is in force as it is, and is the error.
func (b *Bridge) Reload(ctx context.Context) error {
	problems := b.rereadFiles(ctx)
	p, err := ReadPolicy(b.Policy)
	if err != nil {
		problems = append(problems, fmt.Errorf("the policy in force stays: %w", err))
		return errors.Join(problems...)
	}
	if err := b.publish(ctx, p); err != nil {
		problems = append(problems, err)
	}
	for _, warning := range Joins(b.cfg, p.Book) {
		b.Log.WarnContext(ctx, "configuration", "warning", warning)
	}
	return errors.Join(problems...)
}

// Joins returns what is on one side only of configuration and policy, which are
// joined by name, a line each: a source or connector without its document, a
// document that nothing reaches, and a kind that is not what the document says.
func Joins(cfg *configs.Config, book *policy.Book) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, name := range cfg.Lets() {
		if _, ok := book.Source(name); !ok {
			say("source %s is configured and no approved Source document names it: nothing it sends is accepted", name)
		}
	}
	for _, s := range book.Sources() {
		if !slices.Contains(cfg.Lets(), s.Metadata.Name) {
			say("source %s has a document and is not configured: only tokens that were issued for it let it in", s.Metadata.Name)
		}
	}
	for _, c := range cfg.Connectors {
		document, ok := book.Connector(c.Name)
		switch {
		case !ok:
			say("connector %s is configured and no Connector document names it: it is never written to", c.Name)
		case c.Kind != document.Spec.Type && c.Kind == "memory":
			say("connector %s is of kind memory, which stands in for %s and forgets", c.Name, document.Spec.Type)
		case c.Kind != document.Spec.Type:
			say("connector %s is of kind %s and its document says %s", c.Name, c.Kind, document.Spec.Type)
		}
	}
	for _, c := range book.Connectors() {
		name := c.Metadata.Name
		if !slices.ContainsFunc(cfg.Connectors, func(x connectors.Config) bool { return x.Name == name }) {
			say("connector %s has a document and is not configured: what is decided for it waits", name)
		}
	}
	return append(all, unread(cfg, book)...)
}

// unread returns the attributes that policy reads where no schema has any, a line
// each: what is sent there is dropped, and the rules that need it are undecided.
func unread(cfg *configs.Config, book *policy.Book) []string {
	users, err := scim.Users(cfg.Extensions...)
	if err != nil {
		return []string{"schemas: " + err.Error()}
	}
	var all []string
	for name, path := range book.Paths() {
		if !users.Knows(path) {
			all = append(all, fmt.Sprintf("identity.%s is read from %s, which is in no schema, so that it is never there: is its file in schemas?", name, path))
		}
	}
	slices.Sort(all)
	return all
}
