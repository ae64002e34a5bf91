package scim

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// A query is what a list is asked for.
type query struct {
	filter     wire.Filter
	sort       wire.Sort
	page       wire.Page
	projection wire.Projection

	byCursor bool // instead of by startIndex
	cursor   string
	after    *rank  // where the last page ended, of what is ranked
	said     string // what must be the same on every page
	count    int    // likewise, as it was asked for: what is left of it may be less
}

func newQuery(t *wire.Type, v url.Values) (query, error) {
	filter, err := t.ParseFilter(v.Get("filter"))
	if err != nil {
		return query{}, err
	}
	sort, err := t.ParseSort(v)
	if err != nil {
		return query{}, err
	}
	return filtered(t, v, filter, sort)
}

func filtered(t *wire.Type, v url.Values, filter wire.Filter, sort wire.Sort) (query, error) {
	page, err := wire.ParsePage(v)
	ask := query{filter: filter, sort: sort, page: page, projection: projection(t, v)}
	if ask.byCursor = v.Has("cursor"); ask.byCursor {
		ask.cursor, ask.said, ask.count, ask.page.StartIndex = v.Get("cursor"), said(v), page.Count, 1
	}
	return ask, err
}

// walks reports whether a page is asked for by cursor. Who wants none of it, and is
// told how many there are, is answered as by index: there is no next page.
func (ask query) walks() bool { return ask.byCursor && (ask.page.Count > 0 || ask.cursor != "") }

// A listing is one page of what a query found.
type listing[R any] struct {
	total int
	page  []R
	size  int
	next  string // the cursor of the next page, where there is one

	last rank // of what is ranked, the last on the page
	more bool // others are behind it
}

// unknown is a total that nobody counted.
const unknown = -1

// list answers a query: from an index where one serves it, by counting and
// skipping where everything is meant, and by looking at a bounded number of
// resources otherwise.
func list[R any](q *request, k kind[R], ask query) (listing[R], error) {
	ctx := q.c.Request().Context()
	switch lookups := ask.filter.Lookups(); {
	case ask.walks():
		return walk(q, k, ask)
	case ask.sorts(k.natural):
		return sorted(ctx, q, k, ask)
	case lookups != nil:
		return lookUp(ctx, q, k, ask, lookups)
	case ask.filter.All():
		return everything(ctx, q, k, ask.page)
	}
	found, err := scan(ctx, q, k, ask)
	var refused *wire.Error
	if ask.byCursor && errors.As(err, &refused) && refused.Type == wire.TooMany {
		return listing[R]{total: unknown}, nil // nobody is wanted, and they are too many to count
	}
	return found, err
}

func lookUp[R any](ctx context.Context, q *request, k kind[R], ask query, lookups []wire.Lookup) (found listing[R], err error) {
	err = look(ctx, q, k, ask, lookups, func(rec R, c *wire.Candidate) { found.add(ask.page, rec, len(c.Resource)) })
	return found, err
}

// look hands on what indexes have and the filter means, each resource once. Where
// that may be many, it takes a turn.
func look[R any](ctx context.Context, q *request, k kind[R], ask query, lookups []wire.Lookup, keep func(R, *wire.Candidate)) error {
	many, err := q.many(ctx, lookups)
	if err != nil {
		return err
	}
	if many {
		if err := q.takeSlot(ctx); err != nil {
			return err
		}
		defer q.freeSlot()
	}
	return q.store.View(ctx, func(r store.Reader) error {
		e, seen := q.effort(ask), map[string]bool{}
		for _, l := range lookups {
			for rec, err := range k.find(q, r, l) {
				if e.spent() {
					return e.tooMuch(k.typ, k.natural)
				}
				if err != nil && !errors.Is(err, schema.ErrNotFound) {
					return err
				}
				var c wire.Candidate
				if err == nil {
					c = k.candidate(r, rec)
				}
				if err := e.one(ctx, &c); err != nil {
					return err
				}
				if err != nil || seen[c.ID] {
					continue
				}
				ok, err := ask.filter.Match(&c)
				if err != nil {
					return err
				}
				if ok {
					seen[c.ID] = true
					keep(rec, &c)
				}
			}
		}
		return nil
	})
}

// maxPage is how many bytes of resources are on a page, but for one resource that
// is larger. What does not fit is on the next.
const maxPage = 4 << 20

// add counts a record, and keeps it if it is on the page.
func (l *listing[R]) add(p wire.Page, rec R, size int) {
	l.total++
	if l.total >= p.StartIndex && !l.full(p) {
		l.page, l.size = append(l.page, rec), l.size+size
	}
}

func (l *listing[R]) full(p wire.Page) bool { return len(l.page) >= p.Count || l.size >= maxPage }

func everything[R any](ctx context.Context, q *request, k kind[R], p wire.Page) (found listing[R], err error) {
	err = q.store.View(ctx, func(r store.Reader) (err error) {
		total, err := k.order.Kept(r, q.source)
		found.total = int(total)
		if err != nil || p.Count == 0 || p.StartIndex > found.total {
			return err
		}
		for rec, err := range k.in.Skip(r, k.order, p.StartIndex-1, q.source) {
			if err != nil {
				return err
			}
			c := k.candidate(r, rec)
			found.page, found.size = append(found.page, rec), found.size+len(c.Resource)
			if found.full(p) {
				break
			}
		}
		return nil
	})
	return found, err
}

// maxChunk is how many resources one transaction looks at.
const maxChunk = 500

// scan looks at the source's resources one by one: few enough of them, a part at
// a time, and by few requests at once, so that it costs the others nothing. Where
// there are more, the sender is told what is answered at any size.
func scan[R any](ctx context.Context, q *request, k kind[R], ask query) (found listing[R], err error) {
	err = lookAtAll(ctx, q, k, ask, func(rec R, c *wire.Candidate) { found.add(ask.page, rec, len(c.Resource)) })
	return found, err
}

// lookAtAll hands on those of the source's resources that the filter means. For an order
// that no index has it looks at any number of them, within what one request may look through.
func lookAtAll[R any](ctx context.Context, q *request, k kind[R], ask query, keep func(R, *wire.Candidate)) (err error) {
	if err := q.takeSlot(ctx); err != nil {
		return err
	}
	defer q.freeSlot()
	e := q.effort(ask)
	if ask.sorts(k.natural) {
		e.most = math.MaxInt // whatever comes first may be the last that is looked at
	}
	var place store.Place
	for more := true; more && err == nil; {
		more = false
		err = q.store.View(ctx, func(r store.Reader) error {
			e.begin()
			n := 0
			for p, err := range k.in.Walk(r, k.order, place, q.source) {
				if err != nil {
					return err
				}
				if e.spent() {
					return e.tooMuch(k.typ, k.natural)
				}
				if more = n == maxChunk || e.rests(); more {
					break
				}
				n++
				place = p.Place
				c := k.candidate(r, p.Record)
				if err := e.one(ctx, &c); err != nil {
					return err
				}
				ok, err := ask.filter.Match(&c)
				if err != nil {
					return err
				}
				if ok {
					keep(p.Record, &c)
				}
			}
			return nil
		})
	}
	return err
}

func (q *request) tooManyToLookAt(t *wire.Type) error {
	return wire.Invalid(wire.TooMany, "filter: no index serves it, and there are more than %d resources to look at; "+
		"ask for %s with eq, alone or with and, or page by cursor", q.limits.Scan, indexed(t))
}

// takeSlot waits for its turn to look at many resources.
func (q *request) takeSlot(ctx context.Context) error { return q.scans.take(ctx, q.source) }

func (q *request) freeSlot() { q.scans.release(q.source) }

func indexed(t *wire.Type) string {
	if t.Name == "User" {
		return "id, userName, externalId, emails.value or groups.value"
	}
	return "id, displayName, externalId or members.value"
}

func listUsers(q *request) error { return q.listUsers(q.query) }

func listGroups(q *request) error { return q.listGroups(q.query) }

// searchUsers is listUsers with what is asked for in the body, where no proxy
// writes it down (RFC 7644, section 3.4.3).
func searchUsers(q *request) error { return q.search(q.listUsers) }

func searchGroups(q *request) error { return q.search(q.listGroups) }

func (q *request) search(list func(url.Values) error) error {
	var v url.Values
	err := q.withBody(q.limits.UserBody, func(body []byte) (err error) {
		v, err = wire.ParseSearch(body, q.wireLimits())
		return err
	})
	if err != nil {
		return err
	}
	return list(v)
}

func (q *request) listUsers(v url.Values) error {
	ask, err := newQuery(q.users, v)
	if err != nil {
		return err
	}
	found, err := list(q, q.userKind(), ask)
	if err != nil {
		return err
	}
	return respond(q, ask, found, func(s *stream, page []schema.Identity) (int, error) { return s.users(page, ask.projection) })
}

func (q *request) listGroups(v url.Values) error {
	ask, err := newQuery(q.groups, v)
	if err != nil {
		return err
	}
	found, err := list(q, q.groupKind(), ask)
	if err != nil {
		return err
	}
	return respond(q, ask, found, func(s *stream, page []schema.Group) (int, error) { return 1, s.group(page[0], ask.projection) })
}

// respond writes a ListResponse. Some writes the first few of what is left of
// the page, and returns how many.
func respond[R any](q *request, ask query, found listing[R], some func(*stream, []R) (int, error)) error {
	s := q.stream(http.StatusOK)
	dst := append(s.buf.AvailableBuffer(), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"]`...)
	if found.total != unknown {
		dst = strconv.AppendInt(append(dst, `,"totalResults":`...), int64(found.total), 10)
	}
	if !ask.byCursor {
		dst = strconv.AppendInt(append(dst, `,"startIndex":`...), int64(ask.page.StartIndex), 10)
	}
	if found.next != "" {
		dst = wire.AppendText(append(dst, `,"nextCursor":`...), found.next)
	}
	dst = strconv.AppendInt(append(dst, `,"itemsPerPage":`...), int64(len(found.page)), 10)
	s.buf.Write(append(dst, `,"Resources":[`...))
	for page := found.page; len(page) > 0; {
		n, err := some(s, page)
		if err != nil {
			return s.end(err)
		}
		if page = page[n:]; len(page) > 0 {
			s.buf.WriteByte(',')
		}
		if s.buf.Len() > maxPooled/2 {
			if err := s.flush(); err != nil {
				return s.end(err)
			}
		}
	}
	s.buf.WriteString("]}")
	return s.end(nil)
}
