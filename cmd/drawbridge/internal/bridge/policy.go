package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/git"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/schema/scim"
	"drawbridge/store"
)

// A Policy is a folder of documents that can be put in force.
type Policy = access.Draft

// ReadPolicy reads and compiles a folder of documents; see access.ReadDraft.
func ReadPolicy(fsys fs.FS) (*Policy, error) { return access.ReadDraft(fsys) }

// takeUp puts the folder of documents in force, if the policy in force lets it, and
// else that again.
func (b *Bridge) takeUp(ctx context.Context, folder *Policy) error {
	var t access.TakenUp
	err := b.rules.Change(func() (_ *policy.Book, err error) {
		t, err = b.publish(ctx, folder)
		return t.Draft.Book, err
	})
	if err != nil {
		return err
	}
	book := t.Draft.Book
	if t.Stays != "" {
		b.Log.WarnContext(ctx, "the policy folder is not in force", "why", t.Stays, "folder", folder.Book.Digest(), "inForce", book.Digest())
	}
	if err := b.noteReadable(ctx); err != nil || book.Unreadable() != "" {
		return err
	}
	for _, r := range book.Refused() {
		b.Log.WarnContext(ctx, "role refused", "role", r.Role, "codes", strings.Join(r.Codes, ", "))
	}
	b.Log.InfoContext(ctx, "policy in force", "digest", book.Digest(), "roles", len(book.Roles()), "changed", t.Changed)
	return nil
}

func (b *Bridge) publish(ctx context.Context, folder *Policy) (t access.TakenUp, err error) {
	t.Draft = folder
	now, err := b.inForce(ctx, folder)
	if err != nil {
		return t, fmt.Errorf("read the policy in force: %w", err)
	}
	if now != nil && now.Book.Publication().Signed() || folder.Book.Publication().Signed() {
		var newest string
		err := b.store.View(ctx, func(r store.Reader) (err error) {
			newest, err = access.NewestCommit(r)
			return err
		})
		if err != nil {
			return t, err
		}
		folder.Evidence = git.Repository{Dir: b.cfg.Policy.Path}.Evidence(ctx, "HEAD", ".", newest)
	}
	err = b.store.Update(ctx, func(tx store.Tx) error {
		got, err := access.TakeUp(tx, now, folder, "bridge")
		if err == nil {
			t = got
		}
		return err
	})
	if err != nil {
		return t, fmt.Errorf("publish the policy: %w", err)
	}
	return t, nil
}

// noteReadable says, in the store and to whoever runs the bridge, where the policy in force
// is one that this version of the program cannot read, and when it can again.
func (b *Bridge) noteReadable(ctx context.Context) error {
	book := b.rules.Book()
	if why := book.Unreadable(); why != "" {
		b.Log.ErrorContext(ctx, "this version of the program cannot read the policy in force: nobody gets anything new, and only what must end does; "+
			"mend it and publish it, or start the version before", "digest", book.Digest(), "error", why)
	}
	return b.store.Update(ctx, func(tx store.Tx) error { return access.NoteReadable(tx, book) })
}

// inForce returns the policy in force: the folder itself where it is that, and nil where
// there is none, or one of which no text was kept.
func (b *Bridge) inForce(ctx context.Context, folder *Policy) (now *Policy, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		digest, err := access.InForceDigest(r)
		if err != nil || digest == folder.Book.Digest() {
			now = folder
			return err
		}
		now, err = access.InForceAnyhow(r)
		if errors.Is(err, schema.ErrNotFound) {
			now, err = nil, nil
		}
		return err
	})
	return now, err
}

// Reload reads the policy again, and the files of certificates and secrets. What
// cannot be used leaves what is in force as it is, and is the error.
func (b *Bridge) Reload(ctx context.Context) error {
	problems := b.rereadFiles(ctx)
	folder, err := ReadPolicy(b.Policy)
	if err != nil {
		problems = append(problems, fmt.Errorf("the policy in force stays: %w", err))
		return errors.Join(problems...)
	}
	if err := b.takeUp(ctx, folder); err != nil {
		problems = append(problems, err)
	}
	for _, warning := range Joins(b.cfg, b.rules.Book()) {
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
