package access

import (
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What a source does leaves a mark on whom it concerns, which is there until they are
// looked at (brake_mass_loss.go).

// affects marks an identity, or a record of one, as one that may lose something by
// what a source just did.
func affects(tx store.Tx, book *policy.Book, source, id string) error {
	return mark(tx, book, store.Affected{ID: id, Source: source})
}

// parts marks an identity that a record came to, or went from, by what a source said, be
// it of somebody else: whatever it loses now is that source's doing.
func parts(tx store.Tx, book *policy.Book, source, id string) error {
	return mark(tx, book, store.Affected{ID: id, Source: source, Parted: true})
}

// mark leaves a mark. One that counts for more stays.
func mark(tx store.Tx, book *policy.Book, a store.Affected) error {
	if !book.Braked(a.Source) {
		return nil
	}
	if was, err := store.AffectedRecords.Get(tx, a.ID, a.Source); err == nil && (was.Parted || !a.Parted) || err != nil && !schema.IsNotFound(err) {
		return err
	}
	return store.AffectedRecords.Put(tx, a)
}

// affectsGroup marks everybody in a group as such, at once: there may be very many, who
// are marked one by one by Regroup, and any of them may be looked at before that.
func affectsGroup(tx store.Tx, book *policy.Book, source, group string) error {
	if !book.Braked(source) {
		return nil
	}
	return store.AffectedGroups.Put(tx, store.Affected{ID: group, Source: source})
}

// affectedOneByOne lets go of the marks on a group in which everybody has one of their own.
func affectedOneByOne(tx store.Tx, group string) error {
	for a, err := range store.AffectedGroups.All(tx, group) {
		if err == nil {
			err = store.AffectedGroups.Delete(tx, a.ID, a.Source)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// affectsAll marks records of which the group that they are in is another now, or
// gone: that is their own source's doing.
func affectsAll(tx store.Tx, book *policy.Book, records []string) error {
	for _, id := range records {
		rec, err := store.Identities.Get(tx, id)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := affects(tx, book, rec.Source, id); err != nil {
			return err
		}
	}
	return nil
}

// affectedBy returns the marks that sources left on an identity, one of each, and lets go
// of them. Those on groups are of no concern to who loses nothing now.
func (l *look) affectedBy(tx store.Tx, loses bool) (marks marks, err error) {
	ids := []string{l.facts.Identity.ID}
	for _, rec := range l.facts.Records {
		ids = append(ids, rec.ID)
	}
	marks = map[string]bool{}
	for _, id := range schema.Sorted(ids...) {
		for a, err := range store.AffectedRecords.All(tx, id) {
			if err != nil {
				return nil, err
			}
			if err := store.AffectedRecords.Delete(tx, a.ID, a.Source); err != nil {
				return nil, err
			}
			marks.add(a.Source, a.Parted)
		}
	}
	if !loses {
		return marks, nil
	}
	through, err := affectedThrough(tx, ids)
	for _, source := range through {
		marks.add(source, false)
	}
	return marks, err
}

// marks are the sources that left one, and whether they parted records.
type marks map[string]bool

func (m marks) add(source string, parted bool) { m[source] = m[source] || parted }

// affectedThrough returns the sources that left a mark on a group in which some records
// are. The edges of a group that is gone are there for as long as its mark.
func affectedThrough(r store.Reader, records []string) (sources []string, err error) {
	if n, err := store.AffectedGroups.Count(r); err != nil || n == 0 {
		return nil, err
	}
	seen := map[string]bool{}
	for queue := records; len(queue) > 0; queue = queue[1:] {
		for m, err := range store.Members.By(r, store.MemberOf, queue[0]) {
			if err != nil {
				return nil, err
			}
			if seen[m.Group] {
				continue
			}
			seen[m.Group], queue = true, append(queue, m.Group)
			for a, err := range store.AffectedGroups.All(r, m.Group) {
				if err != nil {
					return nil, err
				}
				sources = append(sources, a.Source)
			}
		}
	}
	return sources, nil
}

// passMarks hands the marks of a record on to the identity that it is of.
func (l *look) passMarks(tx store.Tx, marks marks, err error) error {
	for source, parted := range marks {
		if err == nil {
			err = mark(tx, l.book, store.Affected{ID: l.facts.Into, Source: source, Parted: parted})
		}
	}
	return err
}

// markAgain leaves the mark of a source on an identity of which a trigger holds that
// looks at what the source says, and takes nothing before its time.
func (l *look) markAgain(tx store.Tx, marks marks) error {
	for _, f := range slices.Concat(l.access.Fired, l.access.Pending) {
		if !f.Due.After(l.now) {
			continue
		}
		for source := range marks {
			if !l.book.EndsBy(source, f.Role, f.Trigger) {
				continue
			}
			if err := affects(tx, l.book, source, l.facts.Identity.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
