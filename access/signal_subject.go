package access

import (
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// maxSubjects is how many identities one subject may mean.
const maxSubjects = 10

// subjects returns the ids of the living identities that a subject names, at
// whichever source: everyone whom all that it says fits. There are few. Where sources
// call somebody by a userName or an address that may say so, it is nobody else's.
func subjects(r store.Reader, book *policy.Book, s schema.Subject) ([]string, error) {
	var named [][]schema.Identity
	userName, email := folded(byUserName), folded(byEmail)
	for _, name := range []struct {
		value string
		looks []finder
	}{
		{s.ID, []finder{folded(byID), byExternalID, userName}},
		{s.UserName, []finder{userName, email}},
		{s.Email, []finder{email, userName}},
	} {
		if name.value == "" {
			continue
		}
		var found []schema.Identity
		for _, look := range name.looks {
			some, err := look(r, strings.TrimSpace(name.value))
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		named = append(named, calledFirst(book, found, strings.TrimSpace(name.value)))
	}
	var ids []string
	for i, found := range named {
		var these []string
		for _, id := range found {
			if id.Gone() {
				continue
			}
			whole := id.ID
			if id.Of != "" { // one source's record of somebody
				whole = id.Of
			}
			if i == 0 || slices.Contains(ids, whole) {
				these = append(these, whole)
			}
		}
		ids = schema.Sorted(these...)
	}
	return ids[:min(len(ids), maxSubjects)], nil
}

// calledFirst returns those of some records that are meant by a name for certain,
// because their source may say what they are called, or vouches for who has the
// externalId; if there are none, all of them.
func calledFirst(book *policy.Book, found []schema.Identity, name string) []schema.Identity {
	certain := answering(book)(slices.Clone(found), store.Fold(name))
	for _, id := range found {
		if id.ExternalID == name && book.Trust(id.Source) == policy.Authoritative {
			certain = append(certain, id)
		}
	}
	if len(certain) > 0 {
		return certain
	}
	return found
}

// A finder finds identities by a name of one kind.
type finder func(r store.Reader, name string) ([]schema.Identity, error)

func folded(find finder) finder {
	return func(r store.Reader, name string) ([]schema.Identity, error) { return find(r, store.Fold(name)) }
}

// byExternalID looks at every source for an externalId, which is never folded.
func byExternalID(r store.Reader, value string) ([]schema.Identity, error) {
	return atEverySource(r, store.IdentityExternalID, value)
}
