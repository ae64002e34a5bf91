package access

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A board is who may agree to a policy: those whom the policy in force names, never
// those whom the other one does, or a change could appoint its own approvers.
type board struct {
	panel         // of no role: what it knows of groups and people
	seats  seats  // with those that are waived, of which nobody must agree
	waived string // which of them are, and why; nothing where none is
	q      schema.Publication
}

func newBoard(r store.Reader, book *policy.Book, q schema.Publication) (*board, error) {
	b := &board{panel: panel{reader: r, book: book}, seats: seatsOf(book.Publication(), q.Beyond), q: q}
	if book == nil {
		return b, nil // before the first one nobody agrees
	}
	var err error
	if b.own, err = b.note(nil, q.Proposer); err != nil {
		return nil, err
	}
	for _, a := range q.Approvals {
		if b.agreed, err = b.note(b.agreed, identityOf(a.By)); err != nil {
			return nil, err
		}
	}
	return b, b.waive()
}

// waive has nobody demanded of whom too few could agree when it was proposed, for as long as
// they are too few.
func (b *board) waive() error {
	if len(b.q.Waived) == 0 {
		return nil
	}
	could, err := b.could()
	if err == nil && b.seats.lack(could) > 0 {
		kept, waived := b.seats.waive(b.q.Waived)
		b.seats, b.waived = kept, waived.short("had to", could)
	}
	return err
}

// outside returns what is known of a person who is there and neither proposed the
// policy nor wrote it.
func (b *board) outside(identity string) (someone, error) {
	f, err := present(b.reader, b.book, identity)
	if err != nil {
		return someone{}, err
	}
	who := someoneOf(b.book, f)
	wrote := slices.ContainsFunc([]string{b.q.Author, b.q.Signer}, func(name string) bool {
		return name != "" && slices.Contains(who.names, store.Fold(name))
	}) && (!b.q.Back || b.q.Signer == "") // who signed a version that comes back did not sign that it does
	if wrote || slices.ContainsFunc(b.own, who.is) {
		return who, fmt.Errorf("nobody agrees to a policy that they wrote or proposed: %w", schema.ErrForbidden)
	}
	return who, nil
}

// may returns whether somebody's yes counts as an approval; where they may only review,
// it does not; of others ErrForbidden.
func (b *board) may(identity string) (counts bool, err error) {
	who, err := b.outside(identity)
	if err != nil {
		return false, err
	}
	in, err := b.sits(identity)
	switch {
	case err != nil:
		return false, err
	case in != 0 && slices.ContainsFunc(b.agreed, who.is):
		return false, fmt.Errorf("whoever agreed to it already does not agree twice: %w", schema.ErrForbidden)
	case in != 0:
		return true, nil
	case slices.ContainsFunc(b.q.Owners, func(owner string) bool { return slices.Contains(who.names, owner) }):
		return false, nil
	}
	return false, fmt.Errorf("it is for %s to agree to a policy, and for those to review it who answer for its roles and connectors: %w",
		b.seats.groups(), schema.ErrForbidden)
}

// sits returns at which seats somebody may sit.
func (b *board) sits(identity string) (at sitting, err error) {
	for i, s := range b.seats {
		in, err := b.in(schema.Identity{ID: identity}, s.group)
		if err != nil {
			return 0, err
		}
		if in {
			at |= 1 << i
		}
	}
	return at, nil
}

// standing are the approvals that count now, by those who gave them: of people who are still
// there, and still among those who may.
func (b *board) standing() (stand []member, err error) {
	for _, a := range b.q.Approvals {
		who, err := b.outside(identityOf(a.By))
		if refusable(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		at, err := b.sits(who.id)
		if err != nil {
			return nil, err
		}
		if at != 0 {
			stand = append(stand, member{schema.Identity{ID: who.id}, who, at})
		}
	}
	return stand, nil
}

// lacks returns how many more must agree.
func (b *board) lacks() (int, error) {
	stand, err := b.standing()
	return b.seats.lack(sittings(stand)), err
}

// A member is an identity that agreed, or could, whose it is, and where it sits.
type member struct {
	schema.Identity
	who someone
	at  sitting
}

// sittings returns where those sit whose identities these are: somebody with several sits where
// any of them does, and takes one seat.
func sittings(members []member) (at []sitting) {
	var all []member
	for _, one := range members {
		others := all[:0]
		for _, m := range all {
			if m.who.is(one.who) {
				one.who.names = slices.Concat(one.who.names, m.who.names)
				one.at |= m.at
			} else {
				others = append(others, m)
			}
		}
		all = append(others, one)
	}
	for _, m := range all {
		at = append(at, m.at)
	}
	return at
}

// able returns people who could agree now, up to n at each seat. Somebody with two identities
// at different seats is there by both.
func (b *board) able(n int) (able []member, err error) {
	if b.book == nil {
		return nil, nil
	}
	for i, s := range b.seats {
		if s.needs == 0 {
			continue
		}
		if able, err = b.ableAt(i, n, able); err != nil {
			return able, err
		}
	}
	return able, nil
}

// ableAt adds to people who could agree those who could at one seat, until they are n.
func (b *board) ableAt(seat, n int, able []member) ([]member, error) {
	known := slices.Clone(b.agreed)
	for _, m := range able {
		if m.at.has(seat) {
			n, known = n-1, append(known, m.who)
		}
	}
	if n <= 0 {
		return able, nil
	}
	for id, err := range b.members(b.seats[seat].group) {
		if err != nil {
			return able, err
		}
		who, err := b.outside(id.ID)
		if refusable(err) || err == nil && slices.ContainsFunc(known, who.is) {
			continue
		}
		if err != nil {
			return able, err
		}
		at, err := b.sits(id.ID)
		if err != nil {
			return able, err
		}
		able, known = append(able, member{id, who, at}), append(known, who)
		if n--; n == 0 {
			break
		}
	}
	return able, nil
}

// could returns where those sit who agreed, and who could: as many as must at each seat, if
// there are.
func (b *board) could() ([]sitting, error) {
	stand, err := b.standing()
	if err != nil {
		return nil, err
	}
	able, err := b.able(b.seats.needed())
	return sittings(append(stand, able...)), err
}

// fillable returns nil where as many could agree as must, or as many as must at some seats: the
// others are waived then, or nobody could ever agree. Otherwise it is ErrForbidden.
func (b *board) fillable() error {
	could, err := b.could()
	if err != nil {
		return err
	}
	vacant := b.seats.vacant(could)
	if kept, _ := b.seats.waive(vacant); len(vacant) > 0 && kept.needed() == 0 {
		return fmt.Errorf("%s: the others left, or wrote or proposed it: %w", b.seats.short("must", could), schema.ErrForbidden)
	}
	b.q.Waived = vacant
	return b.waive()
}

// withWaived adds to what is said of a publication which seats are waived.
func (b *board) withWaived(words string) string { return strings.TrimSuffix(words+"; "+b.waived, "; ") }

// ApproversOf returns up to n people whose agreement a publication waits for now, and how
// many more must agree.
func ApproversOf(r store.Reader, book *policy.Book, q schema.Publication, n int) (able []schema.Identity, lacks int, err error) {
	if q.Final() {
		return nil, 0, nil
	}
	b, err := newBoard(r, book, q)
	if err != nil {
		return nil, 0, err
	}
	stand, err := b.standing()
	if lacks = b.seats.lack(sittings(stand)); err != nil || lacks == 0 {
		return nil, lacks, err
	}
	members, err := b.able(n)
	for _, m := range members {
		if len(able) < n && b.seats.lack(sittings(append(slices.Clone(stand), m))) < lacks {
			able = append(able, m.Identity)
		}
	}
	return able, lacks, err
}
