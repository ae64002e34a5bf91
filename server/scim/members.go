package scim

import (
	"context"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// How much of a group one transaction touches, and one look at it reads, so that
// a large one keeps nobody waiting. The first transaction takes more: what senders
// send at once, a thousand members at most, happens as a whole and in one commit.
const (
	maxFirst = 1000
	maxEdits = 270 // three decisions tell of so many
	maxRead  = 10_000
)

// Moves are edges that are to come or to go.
type moves struct{ leave, join []string }

func (m moves) count() int { return len(m.leave) + len(m.join) }

// edit changes a group and who is in it. The first transaction runs begin, which
// returns the group, and the first moves; where there are many, others follow,
// which give way to everyone else's. The first in which an edge came or went, and the
// last, give the group its next version: who has read it in between has read another
// one than before and after. Sent again after a failure, it goes on where it was.
//
// Of those who say who all the members are, one at a time says so, or what is left
// would be some of what each of them said.
func (q *request) edit(p access.Provenance, id string, e wire.Edits, begin func(store.Tx) (schema.Group, error)) (schema.Group, error) {
	ctx := q.c.Request().Context()
	var g schema.Group
	if e.Replace && id != "" {
		if err := q.replacing.take(ctx, id); err != nil {
			return g, err
		}
		defer q.replacing.release(id)
		q.moreTime()
	}
	tally := tally{}
	e, err := q.heard(ctx, id, e, &tally)
	if err == nil {
		e, err = q.resolved(ctx, e)
	}
	if err != nil {
		return g, err
	}
	steps := newSteps(q.store, id, e)
	for first := true; ; first = false {
		some, more, err := steps.next(ctx)
		if err != nil {
			return g, err
		}
		if !first && some.count() == 0 && more {
			continue
		}
		before, was := tally, g
		err = q.store.Update(ctx, func(tx store.Tx) (err error) {
			tally = before
			if first {
				g, err = begin(tx)
			} else {
				g, err = q.ownGroup(tx, was.ID)
			}
			if err != nil {
				return err
			}
			if err := q.move(tx, p, g.ID, some, &tally); err != nil {
				return err
			}
			alone := first && !more // what is made at once is made at its first version
			if begins := before.moved == 0; tally.moved > 0 && (begins && more || !more) && (g.ID == id || !alone) {
				g, err = access.Stamp(tx, p, g.ID)
			}
			return err
		})
		if err != nil {
			return g, err
		}
		if !more {
			if err := q.missing(ctx, p, g.ID, tally, e.Replace); err != nil {
				return g, err
			}
			return g, q.unparkRest(ctx, p, g.ID, e)
		}
		q.moreTime()
		// What was accepted happens, whether or not the sender waits for the answer.
		ctx = store.Background(context.WithoutCancel(ctx))
	}
}

// steps brings the moves that edits ask for, a transaction's worth at a time.
type steps struct {
	store *store.Store
	group string
	edits wire.Edits
	after string // of a Replace: whoever sorts up to it is settled, in the group or not
	most  int    // moves that the next transaction takes
}

func newSteps(s *store.Store, group string, e wire.Edits) *steps {
	return &steps{store: s, group: group, edits: e, most: maxFirst}
}

// next returns some moves, and whether there are more. Those that end a
// membership come first.
func (s *steps) next(ctx context.Context) (m moves, more bool, err error) {
	defer func() { s.most = maxEdits }()
	if s.edits.Replace {
		return s.merge(ctx)
	}
	e := &s.edits
	n := min(s.most, len(e.Leave))
	m.leave, e.Leave = e.Leave[:n], e.Leave[n:]
	n = min(s.most-n, len(e.Join))
	m.join, e.Join = e.Join[:n], e.Join[n:]
	return m, len(e.Leave)+len(e.Join) > 0, nil
}

// merge walks who is in the group and who should be, both in order, and brings
// the difference: neither is ever held as a whole.
func (s *steps) merge(ctx context.Context) (m moves, more bool, err error) {
	read := 0
	err = s.store.View(ctx, func(r store.Reader) error {
		for edge, err := range store.Edges(r, s.group, s.after) {
			if err != nil {
				return err
			}
			if read++; read > maxRead || !s.joinBefore(edge.Member, &m) {
				more = true
				return nil
			}
			if len(s.edits.Join) > 0 && s.edits.Join[0] == edge.Member {
				s.edits.Join = s.edits.Join[1:]
			} else {
				m.leave = append(m.leave, edge.Member)
			}
			s.after = edge.Member
		}
		more = !s.joinBefore("", &m)
		return nil
	})
	return m, more, err
}

// joinBefore brings those who should be in the group and sort before a member
// that is, or all of them; it reports whether there was room.
func (s *steps) joinBefore(member string, m *moves) bool {
	for len(s.edits.Join) > 0 && (member == "" || s.edits.Join[0] < member) {
		if m.count() >= s.most {
			return false
		}
		s.after, s.edits.Join = s.edits.Join[0], s.edits.Join[1:]
		m.join = append(m.join, s.after)
	}
	return m.count() < s.most
}
