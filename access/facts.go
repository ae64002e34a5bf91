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

// Gather returns all that policy looks at for one identity, as it is now; of one
// whose end is withheld, as it was.
func Gather(r store.Reader, identity string) (policy.Facts, error) {
	var f policy.Facts
	var err error
	if f.Identity, err = store.Identities.Get(r, identity); err != nil {
		return f, err
	}
	switch held, err := store.WithheldIdentities.Get(r, identity); {
	case err == nil:
		f.Identity, f.Groups = held.Identity, held.Groups
	case !notFound(err):
		return f, err
	default:
		if f.Groups, err = groupNames(r, identity); err != nil {
			return f, err
		}
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

// gather is Gather, with what the policy in force makes known beyond it: whether
// who answers for a machine is there, and when that may change by itself.
func gather(r store.Reader, book *policy.Book, identity string) (f policy.Facts, until time.Time, err error) {
	if f, err = Gather(r, identity); err != nil {
		return f, until, err
	}
	owner := book.OwnerOf(f.Identity)
	if owner == "" {
		return f, until, nil
	}
	g := governance{book: book, reader: r, known: map[string]presence{}}
	there, err := g.presence(owner)
	if err == nil && there != unheard {
		active := there == here
		f.OwnerActive = &active
	}
	return f, g.next, err
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
