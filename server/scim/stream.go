package scim

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// A stream is an answer that is written while it is read: a group's members are
// never held as a whole, and no transaction is open while the sender takes its
// time.
type stream struct {
	q      *request
	status int
	buf    *bytes.Buffer
	begun  bool
}

// maxMembers is how many members are read at once: about as many as fit into
// the buffer.
const maxMembers = 300

func (q *request) stream(status int) *stream {
	b, _ := buffers.Get().(*bytes.Buffer)
	return &stream{q: q, status: status, buf: b}
}

// flush writes what has gathered.
func (s *stream) flush() error {
	if !s.begun {
		s.begun = true
		s.q.c.Response().Header().Set(echo.HeaderContentType, media(s.q.c.Request()))
		s.q.c.Response().WriteHeader(s.status)
	}
	s.q.moreTime() // as long as the sender takes some of it
	_, err := s.q.c.Response().Write(s.buf.Bytes())
	s.buf.Reset()
	return err
}

// end writes the rest. After an error, an answer that has begun is broken off, so
// that nobody takes what came for all there is.
func (s *stream) end(err error) error {
	defer release(s.buf)
	switch {
	case err == nil && !s.begun:
		return s.q.blob(s.status, s.buf.Bytes())
	case err == nil:
		return s.flush()
	case s.begun:
		_ = http.NewResponseController(s.q.c.Response()).SetWriteDeadline(time.Unix(1, 0))
	}
	return err
}

// group answers with a group.
func (q *request) group(status int, g schema.Group, p wire.Projection) error {
	q.head(q.storedGroup(g))
	s := q.stream(status)
	return s.end(s.group(g, p))
}

// group writes a group, its members while a cursor walks over them.
func (s *stream) group(g schema.Group, p wire.Projection) error {
	of := s.q.storedGroup(g)
	dst, err := of.open(s.buf.AvailableBuffer(), p)
	if err != nil {
		return err
	}
	s.buf.Write(dst)
	if p.Edges() {
		if err := s.members(g.ID, p.Members()); err != nil {
			return err
		}
	}
	s.buf.Write(s.q.finish(s.buf.AvailableBuffer(), of, p))
	return nil
}

func (s *stream) members(group string, show wire.EdgePart) error {
	after, count := "", 0
	for {
		n := 0
		err := s.q.store.View(s.q.c.Request().Context(), func(r store.Reader) error {
			for m, err := range store.Edges(r, group, after) {
				if err != nil {
					return err
				}
				if n == maxMembers {
					break
				}
				display := ""
				if show.Display {
					if display, err = s.q.display(r, m); err != nil {
						return err
					}
				}
				if count == 0 {
					s.buf.WriteString(`,"members":[`)
				} else {
					s.buf.WriteByte(',')
				}
				s.buf.Write(s.q.member(s.buf.AvailableBuffer(), m, show, display))
				after, n, count = m.Member, n+1, count+1
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n < maxMembers {
			break
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
	if count > 0 {
		s.buf.WriteByte(']')
	}
	return nil
}

// member writes one member, with what is to be shown of it.
func (h *Handler) member(dst []byte, m schema.Member, show wire.EdgePart, display string) []byte {
	of, kind := h.users, `"User"`
	if m.Nested {
		of, kind = h.groups, `"Group"`
	}
	open := len(dst)
	if show.Value {
		dst = wire.AppendText(append(dst, `,"value":`...), m.Member)
	}
	if show.Ref {
		dst = h.appendLocation(append(dst, `,"$ref":`...), of, m.Member)
	}
	if show.Type {
		dst = append(append(dst, `,"type":`...), kind...)
	}
	if display != "" {
		dst = wire.AppendText(append(dst, `,"display":`...), display)
	}
	if len(dst) == open {
		return append(dst, "{}"...)
	}
	dst[open] = '{'
	return append(dst, '}')
}

// display returns what a member is called: nothing if it is gone.
func (h *Handler) display(r store.Reader, m schema.Member) (string, error) {
	if m.Nested {
		g, err := store.Groups.Get(r, m.Member)
		return g.DisplayName, unlessGone(err)
	}
	id, err := store.Identities.Get(r, m.Member)
	if err != nil {
		return "", unlessGone(err)
	}
	if name := h.users.Text(id.Resource, "displayName"); name != "" {
		return name, nil
	}
	return id.UserName, nil
}

func unlessGone(err error) error {
	if errors.Is(err, schema.ErrNotFound) {
		return nil
	}
	return err
}
