package scim

import (
	"net/http"
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

// keep stores the raw copy of a request beside the record that it changed. A
// body that says all there is of a resource, and has nothing that is not mapped,
// makes an older copy untrue.
func (q *request) keep(tx store.Tx, p access.Provenance, id string) error {
	switch {
	case q.raw != nil:
		c := *q.raw
		c.Resource = id
		return access.KeepRaw(tx, p, c)
	case q.c.Request().Method == http.MethodPut:
		return access.ForgetRaw(tx, id)
	}
	return nil
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
