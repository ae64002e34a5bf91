package scim

import (
	"context"
	"errors"
	"net/http"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// choose finds the members whom a patch chooses by what is shown of them, as in
// members[type eq "Group"]. It is as though the patch came when they were read, which
// is before it is written: meanwhile it keeps nobody waiting.
func (q *request) choose(p *wire.Patch) error {
	return p.Choose(func(c wire.Choice, named []string) ([]string, error) {
		n := &chooser{q: q, group: q.param(), choice: c, ctx: q.c.Request().Context()}
		err := q.store.View(n.ctx, func(r store.Reader) error {
			n.ids = n.ids[:0]
			_, err := q.ownGroup(r, n.group)
			if err == nil {
				err = n.named(r, named)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if ids, ok := c.Only(); ok {
			return n.ids, n.among(ids)
		}
		return n.ids, n.walk()
	})
}

// A chooser looks for those of a group's members whom one operation means.
type chooser struct {
	q      *request
	ctx    context.Context
	group  string
	choice wire.Choice
	work   int64
	ids    []string
}

var errManyChosen = &wire.Error{Status: http.StatusRequestEntityTooLarge, Type: wire.TooMany,
	Detail: "path: its filter looks through, or chooses, more members than one request may; choose them by their value"}

// maxChosen is how many members one filter may choose.
const maxChosen = 500_000

// look adds a member if it is chosen.
func (n *chooser) look(r store.Reader, m schema.Member) error {
	if n.work += n.choice.Cost(); n.work > n.q.limits.Work || len(n.ids) == maxChosen {
		return errManyChosen
	}
	display := ""
	if n.choice.Display() {
		var err error
		if display, err = n.q.display(r, m); err != nil {
			return err
		}
	}
	if n.choice.Match(n.q.member(nil, m, wholeEdge, display)) {
		n.ids = append(n.ids, m.Member)
	}
	return n.ctx.Err()
}

// named looks at those whom the request adds before it removes them.
func (n *chooser) named(r store.Reader, members []string) error {
	for _, member := range members {
		edge, err := access.Resolve(r, n.q.source, member)
		switch {
		case errors.Is(err, schema.ErrNotFound), errors.Is(err, schema.ErrConflict):
			continue // nothing is known of them, by which they could be chosen
		case err != nil:
			return err
		}
		edge.Group = n.group
		before := len(n.ids)
		if err := n.look(r, edge); err != nil {
			return err
		}
		if len(n.ids) > before && edge.Member != member {
			n.ids = append(n.ids, member) // by either name
		}
	}
	return nil
}

// among looks at members of which the filter says who they are.
func (n *chooser) among(ids []string) error {
	return n.q.store.View(n.ctx, func(r store.Reader) error {
		for _, id := range ids {
			m, err := store.Members.Get(r, n.group, id)
			if errors.Is(err, schema.ErrNotFound) {
				continue
			}
			if err == nil {
				err = n.look(r, m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// walk looks at every member, some at a time, when it is its turn.
func (n *chooser) walk() error {
	if err := n.q.takeSlot(n.ctx); err != nil {
		return err
	}
	defer n.q.freeSlot()
	for after, more := "", true; more; {
		err := n.q.store.View(n.ctx, func(r store.Reader) error {
			more = false
			seen := 0
			for m, err := range store.Edges(r, n.group, after) {
				if err != nil {
					return err
				}
				if seen++; seen > maxRead {
					more = true
					break
				}
				if err := n.look(r, m); err != nil {
					return err
				}
				after = m.Member
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
