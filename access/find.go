package access

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// FindIdentity returns the identity that a person means by a name: an id, a
// userName or an email address, in any case, at any source. One that a source
// still knows goes before one that its source deleted. What is found is a record of
// it, under the id of the identity: several records of one are one. ErrNotFound if
// nobody is meant; ErrConflict, which names the ids, if several are.
func FindIdentity(r store.Reader, name string) (schema.Identity, error) {
	return findAmong(r, name, func(records []schema.Identity, _ string) []schema.Identity { return records })
}

// FindCalled is FindIdentity where something is given to whom a name means: a name
// counts as far as its source may say it, so that whoever merely tells of somebody
// does not get them what was meant for another.
func FindCalled(r store.Reader, book *policy.Book, name string) (schema.Identity, error) {
	return findAmong(r, name, answering(book))
}

// IsCalled reports whether any source knows an identity by a name, or it is its id.
func IsCalled(r store.Reader, book *policy.Book, identity, name string) (bool, error) {
	f, err := whole(r, book, identity, false)
	if err != nil {
		return false, err
	}
	folded := store.Fold(name)
	return folded != "" && (folded == identity || slices.Contains(someoneOf(f).names, folded)), nil
}

// findAmong is FindIdentity of those records that are kept of the ones with the name.
func findAmong(r store.Reader, name string, kept func([]schema.Identity, string) []schema.Identity) (schema.Identity, error) {
	folded := store.Fold(strings.TrimSpace(name))
	for _, look := range []func(store.Reader, string) ([]schema.Identity, error){byID, byUserName, byEmail, byFormerName} {
		found, err := look(r, folded)
		found = identities(kept(found, folded))
		switch {
		case err != nil:
			return schema.Identity{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return schema.Identity{}, ambiguous(name, found)
		}
	}
	return schema.Identity{}, fmt.Errorf("no identity has the id, userName or email %q: %w", name, schema.ErrNotFound)
}

// answering returns a function that leaves those records of which somebody may be
// known by a name where names give power: their sources may say what it is. Whoever
// else tells of somebody gives nobody the name of an approver.
func answering(book *policy.Book) func(records []schema.Identity, folded string) []schema.Identity {
	return func(records []schema.Identity, folded string) []schema.Identity {
		return slices.DeleteFunc(records, func(rec schema.Identity) bool {
			if rec.ID == folded {
				return false
			}
			return !slices.ContainsFunc(book.Names(rec), func(name string) bool { return store.Fold(name) == folded })
		})
	}
}

// identities makes records those of their identities, each of which is there once.
func identities(records []schema.Identity) (found []schema.Identity) {
	for _, rec := range records {
		own := rec.Of == ""
		rec.ID, rec.Of = rec.Base(), ""
		i := slices.IndexFunc(found, func(id schema.Identity) bool { return id.ID == rec.ID })
		switch {
		case i < 0:
			found = append(found, rec)
		case own:
			found[i] = rec
		}
	}
	return found
}

func byID(r store.Reader, folded string) ([]schema.Identity, error) {
	id, err := store.Identities.Get(r, folded)
	if notFound(err) {
		return nil, nil
	}
	return []schema.Identity{id}, err
}

func byUserName(r store.Reader, folded string) ([]schema.Identity, error) {
	return atEverySource(r, store.IdentityUserName, folded)
}

func byEmail(r store.Reader, folded string) ([]schema.Identity, error) {
	return atEverySource(r, store.IdentityEmail, folded)
}

// atEverySource asks an index that is by source for a value at each of them.
func atEverySource(r store.Reader, x *store.Index[schema.Identity], value string) (found []schema.Identity, err error) {
	for source, err := range x.Firsts(r) {
		if err != nil {
			return nil, err
		}
		for id, err := range store.Identities.By(r, x, source, value) {
			if err != nil {
				return nil, err
			}
			found = append(found, id)
		}
	}
	return found, nil
}

func byFormerName(r store.Reader, folded string) (found []schema.Identity, err error) {
	for id, err := range store.Identities.By(r, store.IdentityFormer, folded) {
		if err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, nil
}

func ambiguous(name string, found []schema.Identity) error {
	var ids []string
	for _, id := range found {
		ids = append(ids, fmt.Sprintf("%s (%s of source %s)", id.ID, id.UserName, id.Source))
	}
	return fmt.Errorf("%q may be any of %s; name one by its id: %w", name, joinLimited(ids, 5), schema.ErrConflict)
}
