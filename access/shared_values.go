package access

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Uniqueness is what is to be unique of the users, or the groups, of each source.
type Uniqueness struct {
	Of         string   // users or groups
	Attributes []string // and how their values are told apart; sorted
	Values     func(resource json.RawMessage) ([]string, error)
}

// The resources of which something may be unique.
const (
	UniqueUsers  = "users"
	UniqueGroups = "groups"
)

// KeepUnique has records be found by what is to be unique, and no more by what is not,
// where that is another than it was when they were looked at. It looks at some, and says
// whether there are more: it is called until there are none, and goes on where it was.
// Where nothing changed, it writes nothing. What cannot be read of a record is no reason
// not to look at the others: it stays as it was found, and is among the unread.
func KeepUnique(tx store.Tx, book *policy.Book, u Uniqueness) (more bool, unread []error, err error) {
	at, err := store.Uniquenesses.Get(tx, u.Of)
	if schema.IsNotFound(err) {
		at, err = store.Uniqueness{Done: true}, nil // nothing ever was
	}
	if err != nil {
		return false, nil, err
	}
	switch same := slices.Equal(at.Attributes, u.Attributes); {
	case same && at.Done:
		return false, nil, nil
	case !same:
		at = store.Uniqueness{Of: u.Of, Attributes: u.Attributes}
	}
	if u.Of == UniqueGroups {
		at.Behind, unread, err = refind(tx, book, sharedByGroups, u, at.Behind)
	} else {
		at.Behind, unread, err = refind(tx, book, sharedByUsers, u, at.Behind)
	}
	at.Done = at.Behind == ""
	if err != nil {
		return false, nil, err
	}
	return !at.Done, unread, store.Uniquenesses.Put(tx, at)
}

// refind looks at the records behind one, and returns behind which to go on, or that
// there are none left, and why some could not be read.
func refind[R any](tx store.Tx, book *policy.Book, s sharing[R], u Uniqueness, behind string) (next string, unread []error, err error) {
	var some []R
	for r, err := range s.records.From(tx, behind) {
		if err != nil {
			return "", nil, err
		}
		if some = append(some, r); len(some) == chunk {
			break
		}
	}
	for _, was := range some {
		values, err := u.Values(s.resource(was))
		if err != nil {
			unread = append(unread, fmt.Errorf("%s: %w", s.subject(was), err))
			continue
		}
		is := s.with(was, values)
		if slices.Equal(s.values(was), s.values(is)) {
			continue
		}
		if err := s.records.Put(tx, is); err != nil {
			return "", nil, err
		}
		if err := s.changed(tx, book, "bridge", was, is); err != nil {
			return "", nil, err
		}
	}
	if len(some) < chunk {
		return "", unread, nil
	}
	return s.id(some[len(some)-1]), unread, nil
}

// sharing is how records of one kind share values.
type sharing[R any] struct {
	records  *store.Collection[R]
	index    *store.Index[R]
	id       func(R) string
	source   func(R) string
	values   func(R) []string // by which it is found
	with     func(R, []string) R
	resource func(R) json.RawMessage
	subject  func(R) string // of a finding
}

var sharedByUsers = sharing[schema.Identity]{
	records: store.Identities, index: store.IdentityUnique,
	id:     func(id schema.Identity) string { return id.ID },
	source: func(id schema.Identity) string { return id.Source },
	values: func(id schema.Identity) []string {
		if id.Gone() {
			return nil
		}
		return id.Unique
	},
	with:     func(id schema.Identity, values []string) schema.Identity { id.Unique = values; return id },
	resource: func(id schema.Identity) json.RawMessage { return id.Resource },
	subject:  func(id schema.Identity) string { return id.ID },
}

var sharedByGroups = sharing[schema.Group]{
	records: store.Groups, index: store.GroupUnique,
	id:       func(g schema.Group) string { return g.ID },
	source:   func(g schema.Group) string { return g.Source },
	values:   func(g schema.Group) []string { return g.Unique },
	with:     func(g schema.Group, values []string) schema.Group { g.Unique = values; return g },
	resource: func(g schema.Group) json.RawMessage { return g.Resource },
	subject:  func(g schema.Group) string { return "group/" + g.ID },
}

// changed looks again who shares what with whom, where a record came to have other values
// than it had: at the record, and at the first who have one that came or went. It is
// called when the change is stored.
func (s sharing[R]) changed(tx store.Tx, book *policy.Book, actor string, was, is R) error {
	before, now := s.values(was), s.values(is)
	if slices.Equal(before, now) {
		return nil
	}
	if err := s.look(tx, book, actor, is); err != nil {
		return err
	}
	for _, v := range slices.Concat(before, now) {
		if slices.Contains(before, v) && slices.Contains(now, v) {
			continue
		}
		first, err := s.first(tx, s.source(is), v)
		if err != nil {
			return err
		}
		for _, other := range first {
			if s.id(other) == s.id(is) {
				continue
			}
			if err := s.look(tx, book, actor, other); err != nil {
				return err
			}
		}
	}
	return nil
}

// first returns the first two records that have a value.
func (s sharing[R]) first(r store.Reader, source, value string) ([]R, error) {
	var two []R
	for rec, err := range s.records.By(r, s.index, source, value) {
		if err != nil {
			return nil, err
		}
		if two = append(two, rec); len(two) == 2 {
			break
		}
	}
	return two, nil
}

// look tells of what a record shares with another, where it is the first to have it, and
// ends what was told of it and is so no more.
func (s sharing[R]) look(tx store.Tx, book *policy.Book, actor string, rec R) error {
	told := map[string]schema.Finding{} // by attribute
	for f, err := range store.Findings.All(tx, findingShared, "", s.subject(rec)) {
		if err != nil {
			return err
		}
		told[f.Object] = f
	}
	for _, v := range s.values(rec) {
		two, err := s.first(tx, s.source(rec), v)
		if err != nil {
			return err
		}
		if len(two) < 2 || s.id(two[0]) != s.id(rec) {
			continue
		}
		attribute, _, _ := strings.Cut(v, "=")
		delete(told, attribute)
		err = Report(tx, book, actor, schema.Finding{
			Kind: findingShared, Subject: s.subject(rec), Object: attribute,
			Reason: fmt.Sprintf("%s and %s of source %s have one value of it, which is to be unique: have the source give one of them another", s.id(rec), s.id(two[1]), s.source(rec)),
		})
		if err != nil {
			return err
		}
	}
	for _, attribute := range slices.Sorted(maps.Keys(told)) {
		if err := mended(tx, book, actor, told[attribute]); err != nil {
			return err
		}
	}
	return nil
}
