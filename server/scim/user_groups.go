package scim

import (
	"errors"
	"strconv"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// A user is answered with the groups it is in. They may be very many, and are
// written while a cursor walks over them, as a group's members are; but the ETag,
// which comes first, tells of all of them.

// maxGroups is how many groups are read at once: about as many as fit into the
// buffer.
const maxGroups = 200

// A groupCursor is how far somebody's groups were read, and a sum of them as they
// are shown.
type groupCursor struct {
	user string
	show wire.EdgePart
	last string // group that was looked at
	any  bool   // one was shown
	more bool   // there may be others after the last
	sum  uint64
}

// beside returns the part of an etag that stands for the groups that were read:
// nothing where there are none.
func (c groupCursor) beside() string {
	if !c.any {
		return ""
	}
	return "-" + strconv.FormatUint(c.sum, 36)
}

// add adds bytes to the sum, which is FNV-1a.
func (c *groupCursor) add(text []byte) {
	const basis, prime = 14695981039346656037, 1099511628211
	if c.sum == 0 {
		c.sum = basis
	}
	for _, b := range text {
		c.sum = (c.sum ^ uint64(b)) * prime
	}
}

// groups writes some of the groups that a user is in.
func (h *Handler) groupsOf(r store.Reader, dst []byte, c *groupCursor) ([]byte, error) {
	var after []string
	if c.last != "" {
		after = []string{c.last, c.user}
	}
	n, begin := 0, len(dst)
	c.more = false
	for m, err := range store.Members.ByFrom(r, store.MemberOf, []string{c.user}, after...) {
		if err != nil {
			return dst, err
		}
		if n++; n > maxGroups {
			c.more = true
			break
		}
		c.last = m.Group
		g, err := store.Groups.Get(r, m.Group)
		if errors.Is(err, schema.ErrNotFound) {
			continue // its source deleted it; the edge is yet to be cleared
		}
		if err != nil {
			return dst, err
		}
		if !c.any {
			dst = append(dst, `,"groups":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = h.appendGroup(dst, g, c.show)
		c.any = true
	}
	if c.any && !c.more {
		dst = append(dst, ']')
	}
	c.add(dst[begin:])
	return dst, nil
}

// appendGroup writes one group that a user is in.
func (h *Handler) appendGroup(dst []byte, g schema.Group, show wire.EdgePart) []byte {
	open := len(dst)
	if show.Value {
		dst = wire.AppendText(append(dst, `,"value":`...), g.ID)
	}
	if show.Ref {
		dst = h.appendLocation(append(dst, `,"$ref":`...), h.groups, g.ID)
	}
	if show.Display {
		dst = wire.AppendText(append(dst, `,"display":`...), g.DisplayName)
	}
	if show.Type {
		dst = append(dst, `,"type":"direct"`...)
	}
	if len(dst) == open {
		return append(dst, "{}"...)
	}
	dst[open] = '{'
	return append(dst, '}')
}

// A belonging is the groups of a user who is to be shown.
type belonging struct {
	text []byte      // of the first of them, as they are shown
	read groupCursor // behind those
	all  groupCursor // behind all of them
}

// belonging reads the first of somebody's groups, where they are asked for.
func (h *Handler) belonging(r store.Reader, user string, p wire.Projection) (in belonging, err error) {
	if !p.Edges() {
		return in, nil
	}
	in.read.user, in.read.show = user, p.Groups()
	in.text, err = h.groupsOf(r, nil, &in.read)
	in.all = in.read
	return in, err
}

// sumUp reads what there is beyond the first, and keeps nothing but the sum.
func (q *request) sumUp(in *belonging) error {
	var text []byte
	for in.all.more {
		err := q.store.View(q.c.Request().Context(), func(r store.Reader) (err error) {
			text, err = q.groupsOf(r, text[:0], &in.all)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// user answers with a user, and the groups it is in where they are asked for.
func (q *request) user(status int, id schema.Identity, in belonging, p wire.Projection) error {
	of := q.storedUser(id)
	of.beside = in.all.beside()
	q.head(of)
	s := q.stream(status)
	dst, err := of.open(s.buf.AvailableBuffer(), p)
	if err == nil {
		s.buf.Write(append(dst, in.text...))
		err = s.restOf(&in.read)
	}
	if err == nil {
		s.buf.Write(q.finish(s.buf.AvailableBuffer(), of, p))
	}
	return s.end(err)
}

// restOf writes the groups behind those that were read.
func (s *stream) restOf(c *groupCursor) error {
	for c.more {
		if err := s.flush(); err != nil {
			return err
		}
		err := s.q.store.View(s.q.c.Request().Context(), func(r store.Reader) error {
			dst, err := s.q.groupsOf(r, s.buf.AvailableBuffer(), c)
			s.buf.Write(dst)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// users writes as many users of a page as the buffer is meant for, with the groups
// that they are in, as of one moment; of one who is in very many, the rest is read
// afterwards.
func (s *stream) users(page []schema.Identity, p wire.Projection) (n int, err error) {
	var in groupCursor
	err = s.q.store.View(s.q.c.Request().Context(), func(r store.Reader) error {
		for _, id := range page {
			if n > 0 {
				s.buf.WriteByte(',')
			}
			of := s.q.storedUser(id)
			dst, err := of.open(s.buf.AvailableBuffer(), p)
			if in = (groupCursor{user: id.ID, show: p.Groups()}); err == nil && p.Edges() {
				dst, err = s.q.groupsOf(r, dst, &in)
			}
			if err != nil {
				return err
			}
			n++
			if in.more {
				s.buf.Write(dst)
				return nil
			}
			of.beside = in.beside()
			s.buf.Write(s.q.finish(dst, of, p))
			if s.buf.Len() > maxPooled/2 {
				break
			}
		}
		return nil
	})
	if err != nil || !in.more {
		return n, err
	}
	of := s.q.storedUser(page[n-1])
	if err := s.restOf(&in); err != nil {
		return n, err
	}
	of.beside = in.beside()
	s.buf.Write(s.q.finish(s.buf.AvailableBuffer(), of, p))
	return n, nil
}
