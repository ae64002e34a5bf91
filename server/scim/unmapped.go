package scim

import (
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// maxRaw is how long a raw copy may be, in bytes.
const maxRaw = 16 << 10

// sent takes a raw copy of a body with attributes in it that no schema has. Of
// any other body, the record says all.
func (q *request) sent(body []byte, dropped []string) {
	if len(dropped) == 0 {
		return
	}
	raw, cut := wire.Raw(body, maxRaw)
	q.raw = &schema.RawCopy{Method: q.c.Request().Method, Attributes: schema.Sorted(dropped...), Body: raw, Cut: cut}
}

// seal has the decision about a resource name the raw copy of the request. A new one
// has no id yet.
func (q *request) seal(r store.Reader, p *access.Provenance, id string) error {
	if q.raw == nil {
		return nil
	}
	c, err := access.SealRaw(r, id, *q.raw)
	q.sealed, p.Raw = c, c.Digest
	return err
}

// keep stores the raw copy of a request beside the record that it changed.
func (q *request) keep(tx store.Tx, p access.Provenance, id string) error {
	if q.raw == nil {
		return nil
	}
	c := q.sealed
	c.Resource = id
	return access.KeepRaw(tx, p, c)
}

// report tells of attributes that were sent and are in no schema.
func (q *request) report(t *wire.Type, id string) {
	if q.dropped == nil || q.raw == nil {
		return
	}
	where := strings.TrimSuffix(strings.TrimPrefix(t.Endpoint, "/")+"/"+id, "/")
	for _, name := range q.raw.Attributes {
		q.dropped(q.source, name, where)
	}
}
