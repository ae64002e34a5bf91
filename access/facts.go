package access

import (
	"errors"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// maxNesting is how deep groups in groups are followed.
const maxNesting = 16

// Gather returns all that policy looks at for one identity, as it is now: what its
// sources say of it, and what people decided. Of a record whose end is withheld it
// is what was said before.
func Gather(r store.Reader, book *policy.Book, identity string) (policy.Facts, error) {
	f, err := whole(r, book, identity, true)
	if err != nil {
		return f, err
	}
	for g, err := range store.Grants.All(r, identity) {
		if err != nil {
			return f, err
		}
		f.Grants = append(f.Grants, g)
	}
	for t, err := range store.Tombstones.All(r, identity) {
		if err != nil {
			return f, err
		}
		f.Tombstones = append(f.Tombstones, t)
	}
	return f, nil
}

// whole returns what the sources of an identity say of it, put together; with the
// groups it is in only where they are asked for.
func whole(r store.Reader, book *policy.Book, identity string, grouped bool) (f policy.Facts, err error) {
	row, err := store.Identities.Get(r, identity)
	if err != nil {
		return f, err
	}
	if row.Of != "" {
		f.Identity, f.Into = row, row.Of
		return f, nil
	}
	base, err := record(r, row, grouped)
	if err != nil {
		return f, err
	}
	for row, err := range store.Identities.By(r, store.IdentityOf, identity) {
		if err != nil {
			return f, err
		}
		one, err := record(r, row, grouped)
		if err != nil {
			return f, err
		}
		if f.Records == nil {
			f.Records = append(f.Records, base)
		}
		f.Records = append(f.Records, one)
	}
	if f.Records == nil {
		f.Identity, f.Groups = book.Alone(base.Identity), base.Groups
		return f, nil
	}
	f.Identity = book.Compose(identity, f.Records)
	for _, one := range f.Records {
		f.Groups = append(f.Groups, one.Groups...)
	}
	f.Groups = schema.Sorted(f.Groups...)
	return f, nil
}

// record returns one source's record as policy goes by it.
func record(r store.Reader, row schema.Identity, grouped bool) (rec policy.Record, err error) {
	switch held, err := store.WithheldIdentities.Get(r, row.ID); {
	case err == nil:
		was := held.Identity
		was.Of, was.Place, was.Bound, was.Apart = row.Of, row.Place, row.Bound, row.Apart
		return policy.Record{Identity: was, Groups: held.Groups}, nil
	case !schema.IsNotFound(err):
		return rec, err
	}
	rec.Identity = row
	if grouped && !row.Gone() {
		rec.Groups, err = groupNames(r, row.ID)
	}
	return rec, err
}

// GatherAll is Gather, with what the policy in force makes known beyond it: what exceptions
// allow, whether who answers for a machine is there, and until when, if that may change by
// itself.
func GatherAll(r store.Reader, book *policy.Book, identity string) (f policy.Facts, until time.Time, err error) {
	if f, err = Gather(r, book, identity); err != nil {
		return f, until, err
	}
	if err := tell(r, book, &f); err != nil {
		return f, until, err
	}
	if f.Passes, err = passes(r, book, f); err != nil {
		return f, until, err
	}
	if !policy.IsMachine(f.Identity.Kind) {
		return f, until, nil
	}
	until, err = answered(r, book, &f)
	return f, until, err
}

// groupNames returns the names of the groups a member is in, nested ones
// included, sorted. A group that its source deleted counts no more, whatever
// edges are still to be cleared.
func groupNames(r store.Reader, member string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	frontier := []string{member}
	for depth := 0; depth < maxNesting && len(frontier) > 0; depth++ {
		var next []string
		for _, id := range frontier {
			for m, err := range store.Members.By(r, store.MemberOf, id) {
				if err != nil {
					return nil, err
				}
				if seen[m.Group] {
					continue
				}
				seen[m.Group] = true
				g, err := store.Groups.Get(r, m.Group)
				if errors.Is(err, schema.ErrNotFound) {
					continue
				}
				if err != nil {
					return nil, err
				}
				names, next = append(names, g.DisplayName), append(next, g.ID)
			}
		}
		frontier = next
	}
	return schema.Sorted(names...), nil
}
