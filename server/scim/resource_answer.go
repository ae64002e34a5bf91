package scim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// An answer is put together from what is stored: a canonical resource is copied
// into it, and neither decoded nor encoded.

const timeFormat = "2006-01-02T15:04:05.000Z"

// An etag is of a resource's version, and of what is shown beside it and changes
// without it: the groups that a user is in.
func etag(version int64, beside string) string {
	return `W/"` + strconv.FormatInt(version, 10) + beside + `"`
}

// A stored resource is what users and groups have in common.
type stored struct {
	typ               *wire.Type
	id                string
	resource          []byte
	created, modified time.Time
	version           int64
	beside            string // of its etag
	tag               string // instead of both
}

func (s stored) etag() string {
	if s.tag != "" {
		return s.tag
	}
	return etag(s.version, s.beside)
}

func (h *Handler) storedUser(id schema.Identity) stored {
	return stored{typ: h.users, id: id.ID, resource: id.Resource, created: id.Created, modified: id.Modified, version: id.Version}
}

func (h *Handler) storedGroup(g schema.Group) stored {
	return stored{typ: h.groups, id: g.ID, resource: g.Resource, created: g.Created, modified: g.Modified, version: g.Version}
}

func (h *Handler) location(s stored) string { return h.base + s.typ.Endpoint + "/" + s.id }

// appendLocation writes a resource's location as JSON.
func (h *Handler) appendLocation(dst []byte, t *wire.Type, id string) []byte {
	dst = wire.AppendText(dst, h.base)
	dst = append(append(dst[:len(dst)-1], t.Endpoint...), '/')
	at := len(dst)
	dst = wire.AppendText(dst, id)
	return append(dst[:at], dst[at+1:]...) // one string, of three parts
}

// open writes a resource up to where its edges, if any, come: schemas, id and
// attributes.
func (s stored) open(dst []byte, p wire.Projection) ([]byte, error) {
	resource, err := p.Resource(s.resource)
	if err != nil {
		return dst, err
	}
	dst = s.typ.SchemasOf(append(dst, `{"schemas":`...), resource)
	dst = wire.AppendText(append(dst, `,"id":`...), s.id)
	if len(resource) > 2 {
		dst = append(append(dst, ','), resource[1:len(resource)-1]...)
	}
	return dst, nil
}

// finish writes what comes after the edges: meta.
func (h *Handler) finish(dst []byte, s stored, p wire.Projection) []byte {
	show := p.Meta()
	open := len(dst)
	dst = append(dst, `,"meta":`...)
	begin := len(dst)
	if show.ResourceType {
		dst = wire.AppendText(append(dst, `,"resourceType":`...), s.typ.Name)
	}
	if show.Created && !s.created.IsZero() {
		dst = append(s.created.UTC().AppendFormat(append(dst, `,"created":"`...), timeFormat), '"')
	}
	if show.LastModified && !s.modified.IsZero() {
		dst = append(s.modified.UTC().AppendFormat(append(dst, `,"lastModified":"`...), timeFormat), '"')
	}
	if show.Location {
		dst = h.appendLocation(append(dst, `,"location":`...), s.typ, s.id)
	}
	if show.Version {
		dst = wire.AppendText(append(dst, `,"version":`...), s.etag())
	}
	if len(dst) == begin {
		return append(dst[:open], '}')
	}
	dst[begin] = '{'
	return append(dst, "}}"...)
}

// head sets the headers that say which version of what it is.
func (q *request) head(s stored) {
	header := q.c.Response().Header()
	header.Set(echo.HeaderLocation, q.location(s))
	header.Set("ETag", s.etag())
}

// notModified answers that the sender has the version already.
func (q *request) notModified(s stored) error {
	q.head(s)
	return q.c.NoContent(http.StatusNotModified)
}
