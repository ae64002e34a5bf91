package scim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// A request is one request of a source.
type request struct {
	*Handler
	c        echo.Context
	source   string
	received time.Time
	query    url.Values      // what its URL asks for
	turn     *turns          // it holds one of these, for its body
	raw      *schema.RawCopy // of a body with attributes in it that no schema has
	sealed   schema.RawCopy  // the same, as the transaction that runs keeps it

	inner bool   // one of many in a Bulk
	data  []byte // its body, where it is
}

// id is the request's own, as the middleware before us gave it.
func (q *request) id() string { return q.c.Response().Header().Get(echo.HeaderXRequestID) }

// buffers are kept for bodies and answers of the usual size.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxPooled = 64 << 10

func release(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		b.Reset()
		buffers.Put(b)
	}
}

// A body that is longer than smallBody waits for a turn when that much of it came,
// and one that is longer than largeBody, or does not say how long it is, for one of
// few: so that bodies take no more memory together than turns allow, and one that
// waits takes next to none.
const (
	smallBody   = maxPooled
	largeBody   = 1 << 20
	maxMiddling = 32
	maxLarge    = 4
	// The rest of it must come within restTime once it is its turn, and a turn must
	// come within turnTime: slow senders hold up others no longer.
	restTime = 20 * time.Second
	turnTime = 30 * time.Second
)

// withBody hands the body to a function, which keeps nothing of it.
func (q *request) withBody(limit int64, read func(body []byte) error) error {
	if q.inner {
		return read(q.data)
	}
	r := q.c.Request()
	if err := acceptable(r.Header); err != nil {
		return err
	}
	tooLarge := &wire.Error{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes", limit)}
	if r.ContentLength > limit {
		return tooLarge
	}
	b, _ := buffers.Get().(*bytes.Buffer)
	defer release(b)
	body := http.MaxBytesReader(q.c.Response(), r.Body, limit)
	n, err := b.ReadFrom(io.LimitReader(body, smallBody))
	if n == smallBody && err == nil {
		if err := q.takeTurn(r.Context(), r.ContentLength); err != nil {
			return err
		}
		if rest := r.ContentLength - n; rest > 0 { // it is within the limit: nothing need be moved while it grows
			b.Grow(int(rest) + bytes.MinRead)
		}
		_, err = b.ReadFrom(body)
		q.readUntil(time.Time{}) // what follows is not reading
	}
	var cut *http.MaxBytesError
	switch {
	case errors.As(err, &cut):
		return tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &wire.Error{Status: http.StatusRequestTimeout, Detail: "the body did not come in time; send it again"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return wire.Invalid(wire.InvalidSyntax, "the body ends before its length")
	case err != nil:
		return wire.Invalid(wire.InvalidSyntax, "the body could not be read to its end")
	}
	return read(b.Bytes())
}

// takeTurn waits until a body of a length, negative if that is not said, may be read
// on. What was waited is not counted against the sender.
func (q *request) takeTurn(ctx context.Context, length int64) error {
	soon, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	of := q.large
	if 0 <= length && length <= largeBody {
		of = q.middling
	}
	switch err := of.take(soon, q.source); {
	case err != nil && ctx.Err() == nil:
		return &wire.Error{Status: http.StatusServiceUnavailable, Detail: "there are too many large bodies at once; send it again later"}
	case err != nil:
		return err
	}
	q.turn = of
	q.readUntil(time.Now().Add(restTime))
	q.moreTime()
	return nil
}

// endTurn lets the next body in, once the request is answered: what was read of one
// is in memory as long as its members come and go.
func (q *request) endTurn() {
	if q.turn != nil {
		q.turn.release(q.source)
	}
}

// readUntil moves the end of the time that a body has. A connection without
// deadlines has nothing to move.
func (q *request) readUntil(end time.Time) {
	_ = http.NewResponseController(q.c.Response()).SetReadDeadline(end)
}

// answerTime is how long the sender may take for what is written at once.
const answerTime = time.Minute

// moreTime moves the end of the time that an answer has: for what takes long and
// goes on.
func (q *request) moreTime() {
	_ = http.NewResponseController(q.c.Response()).SetWriteDeadline(time.Now().Add(answerTime))
}

// acceptable returns an error unless the body is said to be JSON, as it is. Who
// says nothing is believed to send it.
func acceptable(h http.Header) error {
	if coding := h.Get(echo.HeaderContentEncoding); coding != "" && !strings.EqualFold(coding, "identity") {
		return &wire.Error{Status: http.StatusUnsupportedMediaType, Detail: "send the body as it is, without a Content-Encoding"}
	}
	contentType := h.Get(echo.HeaderContentType)
	switch contentType {
	case "", mediaType, echo.MIMEApplicationJSON:
		return nil
	}
	kind, with, err := mime.ParseMediaType(contentType)
	if err == nil && (kind == mediaType || kind == echo.MIMEApplicationJSON) {
		if charset := with["charset"]; charset == "" || strings.EqualFold(charset, "utf-8") {
			return nil
		}
		return &wire.Error{Status: http.StatusUnsupportedMediaType, Detail: "send JSON in UTF-8, which it is in anyway: leave the charset out"}
	}
	return &wire.Error{Status: http.StatusUnsupportedMediaType, Detail: "send " + mediaType}
}

// provenance says where a change comes from. Its own time counts where the
// source stated it: by our extension, or by a meta.lastModified that is newer
// than what is stored, because senders echo ours. A time that is yet to come is
// not believed.
func (q *request) provenance(occurred, modified, stored time.Time) access.Provenance {
	if occurred.IsZero() && modified.After(stored) {
		occurred = modified
	}
	if occurred.After(q.received) {
		occurred = time.Time{}
	}
	return access.Provenance{Source: q.source, Occurred: occurred, Received: q.received, Request: q.id(), Book: q.rules.Book()}
}

// param is the id that the path ends in. Some senders end it with a slash, which is not one
// that is encoded.
func (q *request) param() string {
	id := q.c.Param("id")
	if strings.HasSuffix(echo.GetPath(q.c.Request()), "/") {
		return strings.TrimSuffix(id, "/")
	}
	return id
}

// matches returns an error unless the version is one that If-Match allows. What is
// shown beside a resource is not what is changed, and makes no difference.
func (q *request) matches(version int64) error {
	header := q.c.Request().Header
	if want := header.Get("If-Match"); want != "" && !ofVersion(want, version) {
		return changed(version)
	}
	if not := header.Get("If-None-Match"); not != "" && !q.reads() && ofVersion(not, version) { // RFC 9110, section 13.1.2
		return &wire.Error{Status: http.StatusPreconditionFailed, Detail: "the resource is there, at version " + etag(version, "")}
	}
	return nil
}

func (q *request) reads() bool {
	method := q.c.Request().Method
	return method == http.MethodGet || method == http.MethodHead
}

// ofVersion reports whether a list of ETags has one of a version.
func ofVersion(tags string, version int64) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		own, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`), "-")
		if own == "*" || own == strconv.FormatInt(version, 10) {
			return true
		}
	}
	return false
}

func changed(version int64) error {
	return &wire.Error{Status: http.StatusPreconditionFailed, Detail: "the resource has changed: it is at version " + etag(version, "")}
}

// unchanged reports whether the sender has what it would be sent already.
func (q *request) unchanged(s stored) bool {
	have := q.c.Request().Header.Get("If-None-Match")
	return have != "" && listed(have, s.etag())
}

// listed reports whether a list of ETags has one. They are weak, so that the mark
// of weakness makes no difference.
func listed(tags, own string) bool {
	own = strings.TrimPrefix(own, "W/")
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || tag == own {
			return true
		}
	}
	return false
}

// once are the parameters that say one thing: who said two may have been heard to say
// the other one by what is in front of us.
var once = []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "cursor"}

// parseQuery reads the parameters of a request. A semicolon is part of a value; what
// can not be read is refused, because a filter that is lost on the way would find
// everybody, and a projection would show everything.
func parseQuery(raw string) (url.Values, error) {
	v, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return nil, wire.Invalid(wire.InvalidSyntax, "the query can not be read; write a percent sign as %%25")
	}
	for _, name := range once {
		if len(v[name]) > 1 {
			return nil, wire.Invalid(wire.InvalidSyntax, "%s: the query has it twice, so that it says two things: say it once", name)
		}
	}
	return v, nil
}

// projection is which attributes the sender wants to see.
func (q *request) projection(t *wire.Type) wire.Projection {
	if len(q.query) == 0 {
		return t.Everything()
	}
	return projection(t, q.query)
}

func projection(t *wire.Type, v url.Values) wire.Projection {
	return t.ParseProjection(strings.Join(v["attributes"], ","), strings.Join(v["excludedAttributes"], ","))
}
