package access

import (
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// together is how many members one decision names at most, so that whoever reads
// what is known of one of them need not read about very many others; and so that it
// fits into a page of the store.
const together = 90

// Join records that an identity, or a group, is in a group. It reports whether
// that is news.
func Join(tx store.Tx, p Provenance, m schema.Member) (bool, error) {
	news, err := JoinAll(tx, p, []schema.Member{m})
	return news > 0, err
}

// JoinAll is Join of many, who are all in one group. It returns for how many of
// them that is news. What befalls them at once is recorded as one thing.
func JoinAll(tx store.Tx, p Provenance, members []schema.Member) (news int, err error) {
	joined := make([]schema.Member, 0, len(members))
	for _, m := range members {
		added, err := store.Members.Add(tx, m)
		if err != nil {
			return 0, err
		}
		if added {
			joined = append(joined, m)
		}
	}
	return len(joined), moved(tx, p, schema.Joined, joined)
}

// Leave records that an identity, or a group, is no longer in a group. It
// reports whether that is news.
func Leave(tx store.Tx, p Provenance, m schema.Member) (bool, error) {
	rest, err := LeaveAll(tx, p, m.Group, []string{m.Member})
	return len(rest) == 0, err
}

// LeaveAll is Leave of many at once. It returns those who were not in the group.
func LeaveAll(tx store.Tx, p Provenance, group string, members []string) (rest []string, err error) {
	left := make([]schema.Member, 0, len(members))
	for _, member := range members {
		was, wasIn, err := store.Members.Take(tx, group, member)
		switch {
		case err != nil:
			return nil, err
		case wasIn:
			left = append(left, was)
		default:
			rest = append(rest, member)
		}
	}
	return rest, moved(tx, p, schema.Parted, left)
}

// moved records that members of one group joined or left it, and wakes them.
func moved(tx store.Tx, p Provenance, verb schema.Verb, members []schema.Member) error {
	if len(members) == 0 {
		return nil
	}
	for some := range slices.Chunk(members, together) {
		if err := recordMoved(tx, p, verb, some); err != nil {
			return err
		}
	}
	if err := approverMoved(tx, p, members[0].Group); err != nil {
		return err
	}
	if verb == schema.Parted {
		if err := markParted(tx, p, members); err != nil {
			return err
		}
	}
	return wakeMoved(tx, verb, members)
}

// markParted marks those who may lose something by not being in the group any more.
func markParted(tx store.Tx, p Provenance, members []schema.Member) error {
	for _, m := range members {
		mark := affects
		if m.Nested {
			mark = affectsGroup
		}
		if err := mark(tx, p.Book, p.Source, m.Member); err != nil {
			return err
		}
	}
	return nil
}

func recordMoved(tx store.Tx, p Provenance, verb schema.Verb, members []schema.Member) error {
	reason, plural := "its source put it into the group", "their source put them into the group"
	if verb == schema.Parted {
		reason, plural = "its source took it out of the group", "their source took them out of the group"
	}
	d := schema.Decision{
		Actor: p.actor(), Verb: verb, Subject: members[0].Member, Object: "group/" + members[0].Group,
		Reason: reason, Because: because(p), Policy: p.Book.Digest(),
	}
	if len(members) > 1 {
		d.Also, d.Reason = make([]string, 0, len(members)-1), plural
	}
	d.Reason += p.unheard()
	for _, m := range members[1:] {
		d.Also = append(d.Also, m.Member)
	}
	_, err := tx.Record(d)
	return err
}

// approverMoved has roles looked at where who is in the group decides who may approve.
func approverMoved(tx store.Tx, p Provenance, group string) error {
	if !p.Book.Approves() {
		return nil
	}
	g, err := store.Groups.Get(tx, group)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	if !p.Book.Approving(g.DisplayName) {
		return nil
	}
	return wakeGovernance(tx)
}

// wakeMoved wakes those who joined or left: groups, and everybody else at once.
func wakeMoved(tx store.Tx, verb schema.Verb, members []schema.Member) (err error) {
	identities := make([]string, 0, len(members))
	for _, m := range members {
		switch {
		case !m.Nested:
			identities = append(identities, m.Member)
		case verb == schema.Parted:
			err = tx.WakeUrgent(LaneGroup, m.Member)
		default:
			err = tx.Wake(LaneGroup, m.Member, tx.Now())
		}
		if err != nil {
			return err
		}
	}
	if verb == schema.Parted {
		return tx.WakeAllUrgent(LaneIdentity, identities)
	}
	return tx.WakeAll(LaneIdentity, identities, tx.Now())
}
