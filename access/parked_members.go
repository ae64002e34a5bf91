package access

import (
	"context"
	"encoding/json"
	"fmt"

	"drawbridge/schema"
	"drawbridge/store"
)

// How many edges may wait, so that no source can fill the store with names of
// nobody: of one group, of all groups of a source, and for one member. Of one group
// is for others to know, who need not name more.
const (
	MaxParkedGroup  = 100_000
	maxParkedSource = 1_000_000
	maxParkedMember = 10_000
)

// maxMemberName is how long, in bytes, what a source writes as a member may be to
// be parked. No id or externalId that it could become is longer.
const maxMemberName = 1024

// Resolve returns who a source means by what it wrote as a member: an id of one
// of its identities or groups, or else an externalId, as some sources write.
// ErrNotFound if it has told of nobody like that; ErrConflict if it told of them
// and deleted them, so that they never come.
func Resolve(r store.Reader, source, member string) (schema.Member, error) {
	told, gone, err := store.Told(r, source, member)
	switch {
	case err != nil:
		return schema.Member{}, err
	case told && gone:
		return schema.Member{}, fmt.Errorf("member %s was deleted: %w", member, schema.ErrConflict)
	case told:
		return schema.Member{Member: member}, nil
	}
	g, err := store.Groups.Get(r, member)
	if err == nil && g.Source == source {
		return schema.Member{Member: g.ID, Nested: true}, nil
	}
	if err != nil && !schema.IsNotFound(err) {
		return schema.Member{}, err
	}
	id, err := store.Identities.One(r, store.IdentityExternalID, source, member)
	if err == nil {
		return schema.Member{Member: id.ID}, nil
	}
	if !schema.IsNotFound(err) {
		return schema.Member{}, err
	}
	g, err = store.Groups.One(r, store.GroupExternalID, source, member)
	return schema.Member{Member: g.ID, Nested: true}, err
}

// Unheard reports whether nobody has told of a member, and it is not parked in the
// group either: it may only be parked, if there is room. It decodes nothing, and is
// for those who give very many names.
func Unheard(r store.Reader, source, group, member string) (bool, error) {
	for _, known := range []func() (bool, error){
		func() (bool, error) { return store.Identities.Has(r, member) },
		func() (bool, error) { return store.Groups.Has(r, member) },
		func() (bool, error) { return store.ParkedMembers.Has(r, group, member) },
		func() (bool, error) {
			n, err := store.IdentityExternalID.Count(r, 1, source, member)
			return n > 0, err
		},
		func() (bool, error) {
			n, err := store.GroupExternalID.Count(r, 1, source, member)
			return n > 0, err
		},
	} {
		if there, err := known(); err != nil || there {
			return false, err
		}
	}
	return true, nil
}

// Park keeps an edge whose member the source has yet to tell of, until it does
// (Admit, AdmitGroup) or takes it back (UnparkMember). What is parked already changes
// nothing. It reports whether there was room; where there is none, the edge is
// passed over.
func Park(tx store.Tx, p Provenance, group, member string) (room bool, err error) {
	if len(member) > maxMemberName {
		return false, nil
	}
	if err := store.Meet(tx, p.Source, member); err != nil { // whoever is told of meanwhile does not pass it by
		return false, err
	}
	_, err = store.ParkedMembers.Get(tx, group, member)
	if err == nil || !schema.IsNotFound(err) {
		return err == nil, err
	}
	ofGroup, err := store.ParkedGroup.Kept(tx, group)
	if err != nil {
		return false, err
	}
	ofSource, err := store.ParkedMember.Kept(tx, p.Source)
	if err != nil {
		return false, err
	}
	ofMember, err := store.ParkedMember.Count(tx, maxParkedMember, p.Source, member)
	if err != nil || ofGroup >= MaxParkedGroup || ofSource >= maxParkedSource || ofMember >= maxParkedMember {
		return false, err
	}
	edge := schema.ParkedMember{Group: group, Member: member, Source: p.Source, Since: tx.Now()}
	if err := store.ParkedMembers.Put(tx, edge); err != nil {
		return false, err
	}
	return true, recordParked(tx, p, schema.Awaited, edge, "parked until its source tells of the member")
}

// UnparkMember forgets an edge that waited, because its source took it back. It
// reports whether there was one.
func UnparkMember(tx store.Tx, p Provenance, group, member string) (bool, error) {
	edge, err := store.ParkedMembers.Get(tx, group, member)
	if schema.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := store.ParkedMembers.Delete(tx, group, member); err != nil {
		return false, err
	}
	return true, recordParked(tx, p, schema.Parted, edge, "taken back while it was parked")
}

// recordParked records what became of a parked edge. What names the member is the
// source's word, perhaps an address: it is detail, which can be forgotten, and is
// found for that by a pseudonym.
func recordParked(tx store.Tx, p Provenance, verb schema.Verb, edge schema.ParkedMember, reason string) error {
	detail, err := json.Marshal(map[string]string{"member": edge.Member})
	if err != nil {
		return err
	}
	who, err := pseudonym(tx, edge.Source, edge.Member)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: p.actor(), Verb: verb, Subject: "group/" + edge.Group, Object: "group/" + edge.Group, Also: []string{who},
		Reason: reason, Because: because(p), Policy: p.Book.Digest(), Detail: detail,
	})
	return err
}

// arrived joins whoever a source now tells of, under an id and an externalId, to
// the groups that waited for them.
func arrived(tx store.Tx, p Provenance, is schema.Member, names ...string) error {
	for _, name := range names {
		if err := store.Meet(tx, p.Source, name); err != nil { // whoever parks an edge meanwhile finds them
			return err
		}
	}
	waiting, err := store.ParkedMember.Kept(tx, p.Source)
	if err != nil || waiting == 0 {
		return err
	}
	for _, name := range schema.Sorted(names...) {
		if name == "" {
			continue
		}
		for edge, err := range store.ParkedMembers.By(tx, store.ParkedMember, p.Source, name) {
			if err != nil {
				return err
			}
			if err := store.ParkedMembers.Delete(tx, edge.Group, edge.Member); err != nil {
				return err
			}
			is.Group = edge.Group
			if err := joinArrived(tx, p, is); err != nil {
				return err
			}
		}
	}
	return nil
}

// joinArrived is Join, unless the group is gone meanwhile or is the member.
func joinArrived(tx store.Tx, p Provenance, m schema.Member) error {
	if _, err := ownGroup(tx, p, m.Group); schema.IsNotFound(err) || m.Group == m.Member {
		return nil
	} else if err != nil {
		return err
	}
	news, err := Join(tx, p, m)
	if err != nil || !news {
		return err
	}
	_, err = Stamp(tx, p, m.Group)
	return err
}

// clearParked deletes what waits for members of a group that is gone, and its raw
// copy; of a living one, nothing.
func clearParked(ctx context.Context, s *store.Store, group string) error {
	for more := true; more; {
		err := s.Update(ctx, func(tx store.Tx) error {
			more = false
			if _, err := store.Groups.Get(tx, group); !schema.IsNotFound(err) {
				return err // it lives, or the store failed
			}
			n := 0
			for edge, err := range store.ParkedMembers.All(tx, group) {
				if err != nil {
					return err
				}
				if n++; n > chunk {
					more = true
					return nil
				}
				if err := store.ParkedMembers.Delete(tx, edge.Group, edge.Member); err != nil {
					return err
				}
			}
			return ForgetRaw(tx, group)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
