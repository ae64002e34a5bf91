package access

import (
	"fmt"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A board is who may agree to a policy: those whom the policy in force names, never
// those whom the other one does, or a change could appoint its own approvers.
type board struct {
	panel // of no role: what it knows of groups and people
	rules policy.Publication
	q     schema.Publication
}

func newBoard(r store.Reader, book *policy.Book, q schema.Publication) (*board, error) {
	b := &board{panel: panel{reader: r, book: book}, rules: book.Publication(), q: q}
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
	return b, nil
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
	in, err := b.in(schema.Identity{ID: identity}, b.rules.Approvers.Group)
	switch {
	case err != nil:
		return false, err
	case in && slices.ContainsFunc(b.agreed, who.is):
		return false, fmt.Errorf("whoever agreed to it already does not agree twice: %w", schema.ErrForbidden)
	case in:
		return true, nil
	case slices.ContainsFunc(b.q.Owners, func(owner string) bool { return slices.Contains(who.names, owner) }):
		return false, nil
	}
	return false, fmt.Errorf("it is for the group %s to agree to a policy, and for those to review it who answer for its roles and connectors: %w",
		b.rules.Approvers.Group, schema.ErrForbidden)
}

// standing are the approvals that count now: of people who are still there, and still
// among those who may.
func (b *board) standing() ([]schema.Approval, error) {
	var stand []schema.Approval
	var known []someone
	for _, a := range b.q.Approvals {
		who, err := b.outside(identityOf(a.By))
		if refusable(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		in, err := b.in(schema.Identity{ID: who.id}, b.rules.Approvers.Group)
		if err != nil {
			return nil, err
		}
		if in && !slices.ContainsFunc(known, who.is) {
			stand, known = append(stand, a), append(known, who)
		}
	}
	return stand, nil
}

// lacks returns how many more must agree.
func (b *board) lacks() (int, error) {
	stand, err := b.standing()
	return max(0, b.rules.Needs()-len(stand)), err
}

// able returns up to n people who could agree now.
func (b *board) able(n int) (able []schema.Identity, err error) {
	if b.rules.Approvers.Group == "" || b.book == nil || n <= 0 {
		return nil, nil
	}
	var known []someone
	for id, err := range b.members(b.rules.Approvers.Group) {
		if err != nil {
			return able, err
		}
		who, err := b.outside(id.ID)
		if refusable(err) || err == nil && (slices.ContainsFunc(b.agreed, who.is) || slices.ContainsFunc(known, who.is)) {
			continue
		}
		if err != nil {
			return able, err
		}
		if able, known = append(able, id), append(known, who); len(able) == n {
			break
		}
	}
	return able, nil
}

// ApproversOf returns up to n people who could agree to a publication now, and how many
// more must.
func ApproversOf(r store.Reader, book *policy.Book, q schema.Publication, n int) (able []schema.Identity, lacks int, err error) {
	if q.Final() {
		return nil, 0, nil
	}
	b, err := newBoard(r, book, q)
	if err != nil {
		return nil, 0, err
	}
	if lacks, err = b.lacks(); err != nil || lacks == 0 {
		return nil, lacks, err
	}
	able, err = b.able(n)
	return able, lacks, err
}
