package access

import (
	"errors"
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

// FindCalled is FindIdentity where something is done to whom a name means, or given
// to them: a name counts as far as its source may say it, so that whoever merely
// tells of somebody does not get them what was meant for another. Whoever is known by
// it only at such a source is named by their id, and the error says so.
func FindCalled(r store.Reader, book *policy.Book, name string) (schema.Identity, error) {
	id, err := findAmong(r, name, answering(book))
	if !schema.IsNotFound(err) {
		return id, err
	}
	if who, other := FindIdentity(r, name); other == nil {
		err = fmt.Errorf("%q is what source %s calls identity %s, and what anybody is called is not for it to say; name one by its id: %w",
			name, who.Source, who.ID, schema.ErrNotFound)
	}
	return id, err
}

// IsCalled reports whether an identity is known by a name, or it is its id. A name
// that only a source gives which may not say it counts unless it is another one's.
func IsCalled(r store.Reader, book *policy.Book, identity, name string) (bool, error) {
	f, err := whole(r, book, identity, false)
	if err != nil {
		return false, err
	}
	folded := store.Fold(name)
	is := func(given string) bool { return store.Fold(given) == folded }
	switch {
	case folded == "":
		return false, nil
	case folded == identity || slices.Contains(someoneOf(book, f).names, folded):
		return true, nil
	case !slices.ContainsFunc(recordsOf(f), func(rec policy.Record) bool {
		return slices.ContainsFunc(append([]string{rec.UserName, rec.Email}, rec.OtherEmails...), is)
	}):
		return false, nil
	}
	_, err = findAmong(r, name, answering(book))
	if schema.IsNotFound(err) {
		return true, nil
	}
	if errors.Is(err, schema.ErrConflict) {
		err = nil
	}
	return false, err
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
	if schema.IsNotFound(err) {
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

// FindMachine is FindIdentity of machines: a person of the name is not meant.
func FindMachine(r store.Reader, name string) (schema.Identity, error) {
	return findAmong(r, name, func(records []schema.Identity, _ string) []schema.Identity {
		return slices.DeleteFunc(records, func(rec schema.Identity) bool { return !policy.IsMachine(rec.Kind) })
	})
}

func ambiguous(name string, found []schema.Identity) error {
	var ids []string
	for _, id := range found {
		ids = append(ids, fmt.Sprintf("%s (%s of source %s)", id.ID, id.UserName, id.Source))
	}
	return fmt.Errorf("%q may be any of %s; name one by its id: %w", name, joinLimited(ids, 5), schema.ErrConflict)
}
