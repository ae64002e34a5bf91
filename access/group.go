package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// AdmitGroup stores what a source says of a group: a new one where ID is empty,
// its record otherwise. Members are edges (Join, Leave). A new name concerns
// every member, who are looked at again.
func AdmitGroup(tx store.Tx, p Provenance, g schema.Group) (schema.Group, error) {
	if _, err := p.approved(); err != nil {
		return g, err
	}
	now := tx.Now()
	if g.ID == "" {
		g.ID, g.Source, g.Version, g.Created, g.Modified = tx.NewID(), p.Source, 1, now, now
		if err := store.Groups.Put(tx, g); err != nil {
			return g, err
		}
		if err := sharedByGroups.changed(tx, p.Book, p.actor(), schema.Group{}, g); err != nil {
			return g, err
		}
		if err := recordGroup(tx, p, schema.Admitted, g.ID, "created"); err != nil {
			return g, err
		}
		return g, arrived(tx, p, schema.Member{Member: g.ID, Nested: true}, g.ID, g.ExternalID)
	}
	old, err := ownGroup(tx, p, g.ID)
	if err != nil {
		return g, err
	}
	if old.DisplayName == g.DisplayName && old.ExternalID == g.ExternalID && bytes.Equal(old.Resource, g.Resource) {
		return old, nil
	}
	g.Source, g.Created, g.Modified, g.Version = old.Source, old.Created, now, old.Version+1
	if err := store.Groups.Put(tx, g); err != nil {
		return g, err
	}
	if err := sharedByGroups.changed(tx, p.Book, p.actor(), old, g); err != nil {
		return g, err
	}
	if old.DisplayName != g.DisplayName {
		if err := renamed(tx, p, old, g); err != nil {
			return g, err
		}
	}
	if err := recordGroup(tx, p, schema.Admitted, g.ID, "changed"); err != nil || old.ExternalID == g.ExternalID {
		return g, err
	}
	return g, arrived(tx, p, schema.Member{Member: g.ID, Nested: true}, g.ExternalID)
}

// renamed has everyone looked at whom a group's new name concerns: those in it,
// and the roles that it approves, or approved.
func renamed(tx store.Tx, p Provenance, old, g schema.Group) error {
	if err := nameLost(tx, old); err != nil {
		return err
	}
	if p.Book.Approving(old.DisplayName) || p.Book.Approving(g.DisplayName) {
		if err := wakeGovernance(tx); err != nil {
			return err
		}
	}
	if err := affectsGroup(tx, p.Book, p.Source, g.ID); err != nil {
		return err
	}
	return tx.Wake(LaneGroup, g.ID, tx.Now())
}

// nameLost remembers that a group had a name, so that who asks for the name hears
// that it is gone, not that nobody ever heard of it.
func nameLost(tx store.Tx, g schema.Group) error {
	return store.FormerGroupNames.Put(tx, store.FormerName{Name: store.Fold(g.DisplayName), Lost: tx.Now()})
}

// RemoveGroup records that a source deleted a group. It counts no more from this
// transaction on; its edges are cleared, and its members looked at, by the group
// lane, because there may be many.
func RemoveGroup(tx store.Tx, p Provenance, group string) error {
	g, err := ownGroup(tx, p, group)
	if err != nil {
		return err
	}
	if err := store.Groups.Delete(tx, group); err != nil {
		return err
	}
	if err := sharedByGroups.changed(tx, p.Book, p.actor(), g, schema.Group{ID: g.ID, Source: g.Source}); err != nil {
		return err
	}
	if err := nameLost(tx, g); err != nil {
		return err
	}
	if p.Book.Approving(g.DisplayName) {
		if err := wakeGovernance(tx); err != nil {
			return err
		}
	}
	if err := partAll(tx, p, group); err != nil {
		return err
	}
	if err := affectsGroup(tx, p.Book, p.Source, group); err != nil {
		return err
	}
	if err := tx.WakeUrgent(LaneGroup, group); err != nil {
		return err
	}
	return recordGroup(tx, p, schema.Left, group, "deleted by its source")
}

// partAll takes an identity, or a group, that is gone out of every group it is in,
// and gives each its next version: it is not what its readers have any more.
func partAll(tx store.Tx, p Provenance, member string) error {
	for m, err := range store.Members.By(tx, store.MemberOf, member) {
		if err != nil {
			return err
		}
		if err := store.Members.Delete(tx, m.Group, m.Member); err != nil {
			return err
		}
		if _, err := Stamp(tx, p, m.Group); err != nil && !schema.IsNotFound(err) {
			return err // without a group, the edge is one that is yet to be cleared
		}
	}
	return nil
}

// Stamp gives a group its next version, after edges of it came or went. What
// joined and left is in the log already.
func Stamp(tx store.Tx, p Provenance, group string) (schema.Group, error) {
	g, err := ownGroup(tx, p, group)
	if err != nil {
		return g, err
	}
	g.Version, g.Modified = g.Version+1, tx.Now()
	return g, store.Groups.Put(tx, g)
}

func recordGroup(tx store.Tx, p Provenance, verb schema.Verb, group, reason string) error {
	_, err := tx.Record(schema.Decision{
		Actor: p.actor(), Verb: verb, Subject: "group/" + group, Reason: reason + p.unheard(), Because: because(p), Policy: p.Book.Digest(),
	})
	return err
}

// unheard is what is added to the reason where a source tells of groups and may not:
// they are kept as it tells of them, and no rule reads who is in them.
func (p Provenance) unheard() string {
	if p.Book.Authority(p.Source, "groups") {
		return ""
	}
	return "; no authority for groups"
}

func ownGroup(r store.Reader, p Provenance, id string) (schema.Group, error) {
	g, err := store.Groups.Get(r, id)
	if err != nil {
		return g, err
	}
	if g.Source != p.Source {
		return g, fmt.Errorf("group %s of source %s: %w", id, p.Source, schema.ErrNotFound)
	}
	return g, nil
}

// Regroup does what a group's new name, or its end, asks for: everyone in it,
// directly or through groups in it, is woken, a chunk at a time, and the edges
// of a group that is gone are cleared.
func Regroup(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	members, nested, err := everyoneIn(ctx, s, item.ID)
	if err != nil {
		return nil, err
	}
	background := store.Background(ctx)
	for some := range slices.Chunk(members, chunk) {
		err := s.Update(background, func(tx store.Tx) error {
			if err := affectsAll(tx, rules.Book(), some); err != nil {
				return err
			}
			_, err := store.Groups.Get(tx, item.ID)
			if schema.IsNotFound(err) { // what it gave ends
				return tx.WakeAllUrgent(LaneIdentity, some)
			}
			if err != nil {
				return err
			}
			return tx.WakeAll(LaneIdentity, some, tx.Now())
		})
		if err != nil {
			return nil, err
		}
	}
	if err := clearEdges(background, s, item.ID, append(members, nested...)); err != nil {
		return nil, err
	}
	if err := clearParked(background, s, item.ID); err != nil {
		return nil, err
	}
	return func(tx store.Tx) (time.Time, error) {
		again, err := tx.Rewoken(item)
		if err != nil || again { // what it was woken for may concern everybody once more
			return time.Time{}, err
		}
		return time.Time{}, affectedOneByOne(tx, item.ID)
	}, nil
}

// everyoneIn returns the identities in a group, through nested groups too, and
// those groups. Groups that contain each other are walked once.
func everyoneIn(ctx context.Context, s *store.Store, group string) (identities, groups []string, err error) {
	seen := map[string]bool{group: true}
	err = s.View(ctx, func(r store.Reader) error {
		for queue := []string{group}; len(queue) > 0; queue = queue[1:] {
			for m, err := range store.Members.All(r, queue[0]) {
				if err != nil {
					return err
				}
				switch {
				case seen[m.Member]:
				case m.Nested:
					queue, groups = append(queue, m.Member), append(groups, m.Member)
				default:
					identities = append(identities, m.Member)
				}
				seen[m.Member] = true
			}
		}
		return nil
	})
	return identities, groups, err
}

// clearEdges deletes the edges of a group that is gone; of a living one, none.
func clearEdges(ctx context.Context, s *store.Store, group string, members []string) error {
	for some := range slices.Chunk(members, chunk) {
		err := s.Update(ctx, func(tx store.Tx) error {
			if _, err := store.Groups.Get(tx, group); !errors.Is(err, schema.ErrNotFound) {
				return err // it lives, or the store failed
			}
			for _, member := range some {
				if err := store.Members.Delete(tx, group, member); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
