package scim

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// A bulk runs the operations of one request, each as though it had come by
// itself: the same code answers it, in a transaction of its own. An operation
// that refers to what another one makes runs after it. Where they refer to each
// other in a circle, one is made without what it refers to, and gets it once that
// is there.
type bulk struct {
	*request
	wire.Bulk
	byID     map[string]int // operation, by its bulkId
	outcomes []outcome      // by operation
	open     []int          // operations that were made without what they refer to
	errors   int
}

// An outcome is what became of one operation. Its status is 0 before it ran.
type outcome struct {
	running           bool // it, or what it waits for
	status            int
	location, version string
	response          []byte // of an error
}

func bulkRequest(q *request) error {
	return q.withBody(q.limits.BulkBody, func(body []byte) error {
		asked, err := wire.ParseBulk(body, q.wireLimits(), q.limits.BulkOperations)
		if err != nil {
			return err
		}
		b := bulk{request: q, Bulk: asked, byID: map[string]int{}, outcomes: make([]outcome, len(asked.Operations))}
		for i := range b.Operations {
			o := &b.Operations[i]
			o.Path = strings.TrimSuffix(strings.TrimPrefix(o.Path, b.base), "/")
			if o.ID != "" {
				b.byID[o.ID] = i
			}
		}
		if err := b.run(q.c.Request().Context()); err != nil {
			return err
		}
		return q.blob(http.StatusOK, b.answer())
	})
}

// run runs the operations, in their order where nothing speaks against it. All
// but the first give way to what others send.
func (b *bulk) run(ctx context.Context) error {
	for i := range b.Operations {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.moreTime()
		b.operation(ctx, i)
		b.complete(ctx)
		ctx = store.Background(ctx)
	}
	return nil
}

// stopped reports whether there were as many errors as the sender accepts.
func (b *bulk) stopped() bool { return b.FailOnErrors > 0 && b.errors >= b.FailOnErrors }

// operation runs an operation, after those that it refers to.
func (b *bulk) operation(ctx context.Context, i int) {
	if b.stopped() || b.outcomes[i].running || b.outcomes[i].status != 0 {
		return
	}
	b.outcomes[i].running = true
	o := b.Operations[i]
	for _, id := range o.References() {
		if other, ok := b.byID[id]; ok {
			b.operation(ctx, other)
		}
	}
	if b.stopped() {
		return
	}
	parts, ok := o.ResolvePath(b.made)
	data, whole := o.Resolve(b.made)
	switch {
	case !ok || !whole && (o.Method != http.MethodPost || !b.inCircle(o)):
		b.outcomes[i] = b.unresolved(o)
	default:
		b.outcomes[i] = b.send(ctx, o, o.Method, parts, data)
	}
	if b.outcomes[i].status >= http.StatusBadRequest {
		b.errors++
	} else if !whole {
		b.open = append(b.open, i)
	}
}

// made returns the id of what the operation with a bulkId made, or changed.
func (b *bulk) made(bulkID string) (id string, ok bool) {
	i, ok := b.byID[bulkID]
	if !ok || b.outcomes[i].status == 0 || b.outcomes[i].status >= http.StatusBadRequest {
		return "", false
	}
	location := b.outcomes[i].location
	return location[strings.LastIndexByte(location, '/')+1:], true
}

// inCircle reports whether all that an operation refers to in vain is yet to be
// made: it waits for this very operation.
func (b *bulk) inCircle(o wire.BulkOperation) bool {
	for _, id := range o.References() {
		i, ok := b.byID[id]
		if !ok || b.outcomes[i].status >= http.StatusBadRequest || b.outcomes[i].status == 0 && !b.outcomes[i].running {
			return false
		}
	}
	return true
}

// complete gives what was made without what it refers to the rest, by a PUT of
// all of it, where the rest is there by now.
func (b *bulk) complete(ctx context.Context) {
	for _, i := range b.open {
		o, was := b.Operations[i], b.outcomes[i]
		now := b.unresolved(o)
		if data, whole := o.Resolve(b.made); whole {
			id, _ := b.made(o.ID)
			of, _ := o.ResolvePath(b.made)
			now = b.send(ctx, wire.BulkOperation{ID: o.ID}, http.MethodPut, append(of, id), data)
		}
		if now.status < http.StatusBadRequest {
			was.version = now.version
			b.outcomes[i] = was
			continue
		}
		now.location, now.version = was.location, was.version // it was made all the same
		b.outcomes[i] = now
		b.errors++
	}
	b.open = nil
}

// unresolved is the outcome of an operation that refers to what is not there.
func (b *bulk) unresolved(o wire.BulkOperation) outcome {
	missing := ""
	for _, id := range o.References() {
		if _, ok := b.made(id); !ok {
			missing = id
		}
	}
	return b.refused(o, &wire.Error{Status: http.StatusConflict,
		Detail: "it refers to bulkId " + strconv.Quote(missing) + ", which made nothing"})
}

func (b *bulk) refused(o wire.BulkOperation, err error) outcome {
	e := errorOf(err)
	out := outcome{status: e.Status, response: appendError(nil, e)}
	if o.Method != http.MethodPost {
		out.location = b.base + o.Path
	}
	return out
}

// send runs an operation as a request of its own, to a path of these parts.
func (b *bulk) send(ctx context.Context, o wire.BulkOperation, method string, parts []string, data []byte) outcome {
	to := address(parts)
	answer, id, err := b.target(method, to.Path, parts)
	if err != nil {
		return b.refused(o, err)
	}
	r := (&http.Request{Method: method, URL: to, Header: http.Header{}, Body: http.NoBody}).WithContext(ctx)
	if o.Version != "" {
		r.Header.Set("If-Match", o.Version)
	}
	if method != http.MethodPatch {
		r.URL.RawQuery = "attributes=id" // what it answers with is not read
	}
	w := &recorder{header: http.Header{echo.HeaderXRequestID: {b.id()}}}
	c := b.c.Echo().NewContext(r, w)
	c.SetParamNames("id")
	c.SetParamValues(id)
	one := &request{Handler: b.Handler, c: c, source: b.source, received: b.received, data: data, inner: true}
	if err := one.answer(answer); err != nil {
		return b.refused(o, err)
	}
	out := outcome{status: w.status, location: w.header.Get(echo.HeaderLocation), version: w.header.Get("ETag")}
	if out.location == "" && method != http.MethodPost {
		out.location = b.base + to.EscapedPath()
	}
	if w.status >= http.StatusBadRequest {
		out.version, out.response = "", w.body.Bytes()
	}
	return out
}

// address is where parts lead that are not encoded.
func address(parts []string) *url.URL {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	return &url.URL{Path: "/" + strings.Join(parts, "/"), RawPath: "/" + strings.Join(escaped, "/")}
}

// target returns what answers an operation, and the last part of its path, which is the id
// of the one that it is about: a resource's own verbs that change something, and nothing else.
func (b *bulk) target(method, path string, parts []string) (answer func(*request) error, last string, err error) {
	const form = "an operation is a POST of /Users or /Groups, or a PUT, PATCH or DELETE of one resource"
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, "", wire.Invalid(wire.InvalidSyntax, "method: %q is none of POST, PUT, PATCH and DELETE", method)
	}
	if path == "/" {
		return nil, "", wire.Invalid(wire.InvalidSyntax, "path: it is missing; %s", form)
	}
	for _, r := range resources() {
		endpoint, one := strings.CutSuffix(strings.TrimPrefix(r.path, "/"), "/:id")
		if !strings.EqualFold(endpoint, parts[0]) || one != (len(parts) == 2) || len(parts) > 2 || strings.HasSuffix(endpoint, ".search") {
			continue
		}
		if answer := r.verbs[method]; answer != nil {
			return answer, parts[len(parts)-1], nil
		}
		return nil, "", &wire.Error{Status: http.StatusMethodNotAllowed, Detail: "there is no " + method + " of " + path + "; " + form}
	}
	return nil, "", &wire.Error{Status: http.StatusNotFound, Detail: "there is no " + method + " of " + path + "; " + form}
}

// answer is what became of the operations that ran, in their order.
func (b *bulk) answer() []byte {
	dst := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],"Operations":[`)
	for i, o := range b.Operations {
		out := b.outcomes[i]
		if out.status == 0 {
			continue
		}
		if dst[len(dst)-1] == '}' {
			dst = append(dst, ',')
		}
		dst = wire.AppendText(append(dst, `{"method":`...), o.Method)
		for _, member := range [][2]string{{"bulkId", o.ID}, {"location", out.location}, {"version", out.version}} {
			if member[1] != "" {
				dst = append(append(append(dst, `,"`...), member[0]...), `":`...)
				dst = wire.AppendText(dst, member[1])
			}
		}
		dst = append(strconv.AppendInt(append(dst, `,"status":"`...), int64(out.status), 10), '"')
		if len(out.response) > 0 {
			dst = append(append(dst, `,"response":`...), out.response...)
		}
		dst = append(dst, '}')
	}
	return append(dst, `]}`...)
}

// A recorder is where an operation's answer goes: what it says of an error is
// kept, and nothing else.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header    { return w.header }
func (w *recorder) WriteHeader(status int) { w.status = status }

func (w *recorder) Write(p []byte) (int, error) {
	if w.status < http.StatusBadRequest {
		return len(p), nil
	}
	return w.body.Write(p)
}
