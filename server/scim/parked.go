package scim

import (
	"context"
	"errors"
	"slices"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Members whom the source has not told of yet are parked, and join when it does;
// they must not keep the others from their places. What a source writes as a
// member is an id, or an externalId of its own, in whatever order it tells of
// groups and of who is in them.

// A tally counts what became of moves.
type tally struct {
	moved           int
	parked, ignored int
	over            int    // of the ignored, those who could have been parked if there were room
	example         string // what names one of those
}

func (t *tally) miss(member string, parked bool) {
	if t.example == "" {
		t.example = member
	}
	if parked {
		t.parked++
	} else {
		t.ignored++
	}
}

// missing tells of members that the source has nobody for: in the log, and, of those who
// were passed over for want of room, by a finding, which goes when the source says who all
// the members are and there is room for them.
func (q *request) missing(ctx context.Context, p access.Provenance, group string, t tally, all bool) error {
	q.tellMissing(group, t)
	if t.over == 0 && !all {
		return nil
	}
	if t.over == 0 {
		stands := false
		err := q.store.View(ctx, func(r store.Reader) (err error) {
			stands, err = access.IsPassedOver(r, q.source, group)
			return err
		})
		if err != nil || !stands {
			return err
		}
	} else if q.passedOver != nil {
		q.passedOver(q.source, t.over)
	}
	return q.store.Update(ctx, func(tx store.Tx) error { return access.PassedOver(tx, p, group, t.over) })
}

func (q *request) tellMissing(group string, t tally) {
	if t.parked+t.ignored == 0 {
		return
	}
	q.log.WarnContext(q.c.Request().Context(), "the source has nobody of the name that it gave as a member",
		"source", q.source, "group", group, "parked", t.parked, "passedOver", t.ignored, "example", t.example, "request", q.id())
}

// move makes edges come and go; those that go, first.
func (q *request) move(tx store.Tx, p access.Provenance, group string, m moves, t *tally) error {
	if err := q.leave(tx, p, group, m.leave, t); err != nil {
		return err
	}
	return q.join(tx, p, group, m.join, t)
}

// join makes members of those whom the source means, and parks the edges of the
// others.
func (q *request) join(tx store.Tx, p access.Provenance, group string, members []string, t *tally) error {
	edges := make([]schema.Member, 0, len(members))
	for _, member := range members {
		edge, err := access.Resolve(tx, q.source, member)
		switch {
		case errors.Is(err, schema.ErrNotFound):
			room, err := access.Park(tx, p, group, member)
			if err != nil {
				return err
			}
			if t.miss(member, room); !room {
				t.over++
			}
		case errors.Is(err, schema.ErrConflict), err == nil && edge.Member == group:
			t.miss(member, false)
		case err != nil:
			return err
		default:
			edge.Group = group
			edges = append(edges, edge)
		}
	}
	news, err := access.JoinAll(tx, p, edges)
	t.moved += news
	return err
}

// leave ends the memberships of those whom the source means, or the wait for them.
// Most are named by the id that their edge has.
func (q *request) leave(tx store.Tx, p access.Provenance, group string, members []string, t *tally) error {
	rest, err := access.LeaveAll(tx, p, group, members)
	if err != nil {
		return err
	}
	t.moved += len(members) - len(rest)
	named := rest[:0]
	for _, member := range rest {
		if parked, err := access.UnparkMember(tx, p, group, member); err != nil {
			return err
		} else if parked {
			continue
		}
		edge, err := access.Resolve(tx, q.source, member)
		switch {
		case errors.Is(err, schema.ErrNotFound), errors.Is(err, schema.ErrConflict), err == nil && edge.Member == member:
		case err != nil:
			return err
		default:
			named = append(named, edge.Member)
		}
	}
	absent, err := access.LeaveAll(tx, p, group, named)
	t.moved += len(named) - len(absent)
	return err
}

// resolved returns edits that replace the members with the ids of those whom the
// source named otherwise, because they are compared with the edges there are.
func (q *request) resolved(ctx context.Context, e wire.Edits) (wire.Edits, error) {
	if !e.Replace || !slices.ContainsFunc(e.Join, foreign) {
		return e, nil
	}
	ids := make([]string, 0, len(e.Join))
	err := q.store.View(ctx, func(r store.Reader) error {
		for _, member := range e.Join {
			if foreign(member) {
				edge, err := access.Resolve(r, q.source, member)
				switch {
				case err == nil:
					member = edge.Member
				case !errors.Is(err, schema.ErrNotFound) && !errors.Is(err, schema.ErrConflict):
					return err
				}
			}
			ids = append(ids, member)
		}
		return ctx.Err()
	})
	e.Join = schema.Sorted(ids...)
	return e, err
}

// heard returns edits without those of very many members of whom nobody has told and
// for whom there can be no room: who they are is found out here, where it keeps
// nobody waiting.
func (q *request) heard(ctx context.Context, group string, e wire.Edits, t *tally) (wire.Edits, error) {
	if len(e.Join) <= access.MaxParkedGroup {
		return e, nil
	}
	rest, room := make([]string, 0, len(e.Join)), access.MaxParkedGroup
	err := q.store.View(ctx, func(r store.Reader) error {
		parked, err := store.ParkedGroup.Kept(r, group)
		room -= int(parked)
		return err
	})
	if err != nil {
		return e, err
	}
	for some := range slices.Chunk(e.Join, maxRead) {
		err := q.store.View(ctx, func(r store.Reader) error {
			for _, member := range some {
				nobody, err := access.Unheard(r, q.source, group, member)
				if err != nil {
					return err
				}
				if nobody && room <= 0 {
					t.over++
					t.miss(member, false)
					continue
				}
				if rest = append(rest, member); nobody {
					room--
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return e, err
		}
	}
	e.Join = rest
	return e, nil
}

// foreign reports whether what names a member can be none of the ids that the
// bridge makes, which are UUIDs of version 7.
func foreign(member string) bool {
	const length, version = 36, 14
	return len(member) != length || member[version] != '7'
}

// unparkRest forgets the edges that wait in a group whose members were replaced,
// but for those that were named again.
func (q *request) unparkRest(ctx context.Context, p access.Provenance, group string, e wire.Edits) error {
	if !e.Replace {
		return nil
	}
	var rest []string
	err := q.store.View(ctx, func(r store.Reader) error {
		rest = rest[:0]
		for edge, err := range store.ParkedMembers.All(r, group) {
			if err != nil {
				return err
			}
			if _, again := slices.BinarySearch(e.Join, edge.Member); !again {
				rest = append(rest, edge.Member)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(rest, maxEdits) {
		err := q.store.Update(ctx, func(tx store.Tx) error {
			for _, member := range some {
				if _, err := access.UnparkMember(tx, p, group, member); err != nil {
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
