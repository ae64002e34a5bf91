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

// missing tells of members that the source has nobody for.
func (q *request) missing(group string, t tally) {
	if t.parked+t.ignored == 0 {
		return
	}
	q.log.WarnContext(q.c.Request().Context(), "the source has nobody of the name that it gave as a member",
		"source", q.source, "group", group, "parked", t.parked, "passedOver", t.ignored, "example", t.example, "request", q.id())
}

// move makes edges come and go; those that go, first.
func (q *request) move(tx store.Tx, p access.Provenance, group string, moves []move, t *tally) error {
	for _, joins := range []bool{false, true} {
		for _, m := range moves {
			if m.joins != joins {
				continue
			}
			move := q.leave
			if joins {
				move = q.join
			}
			news, err := move(tx, p, group, m.member, t)
			if err != nil {
				return err
			}
			if news {
				t.moved++
			}
		}
	}
	return nil
}

// join makes a member of whoever the source means, or parks the edge.
func (q *request) join(tx store.Tx, p access.Provenance, group, member string, t *tally) (news bool, err error) {
	edge, err := access.Resolve(tx, q.source, member)
	switch {
	case errors.Is(err, schema.ErrNotFound):
		room, err := access.Park(tx, p, group, member)
		t.miss(member, room)
		return false, err
	case errors.Is(err, schema.ErrConflict), err == nil && edge.Member == group:
		t.miss(member, false)
		return false, nil
	case err != nil:
		return false, err
	}
	edge.Group = group
	return access.Join(tx, p, edge)
}

// leave ends the membership of whoever the source means, or the wait for them.
func (q *request) leave(tx store.Tx, p access.Provenance, group, member string, _ *tally) (news bool, err error) {
	news, err = access.Leave(tx, p, schema.Member{Group: group, Member: member})
	if err != nil || news {
		return news, err
	}
	if parked, err := access.UnparkMember(tx, p, group, member); err != nil || parked {
		return false, err
	}
	edge, err := access.Resolve(tx, q.source, member)
	if errors.Is(err, schema.ErrNotFound) || errors.Is(err, schema.ErrConflict) || err == nil && edge.Member == member {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	edge.Group = group
	return access.Leave(tx, p, edge)
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
