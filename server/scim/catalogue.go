package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"drawbridge/policy"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Roles and entitlements are what policy says there is. They are read, and
// changed where policy is. Every source is told of all of them: what there is to
// hold is no secret, who holds it is.

// A catalogue is what a policy has, made once for each that comes into force.
type catalogue struct {
	book  *policy.Book
	lines map[*wire.Type][]catalogued // in the order of their ids
}

type catalogued struct {
	id       string
	resource []byte
}

func (h *Handler) catalogue() *catalogue {
	book := h.rules.Book()
	if c := h.listed.Load(); c != nil && c.book == book {
		return c
	}
	c := &catalogue{book: book, lines: map[*wire.Type][]catalogued{}}
	add := func(t *wire.Type, id string, e wire.Entry) {
		c.lines[t] = append(c.lines[t], catalogued{plainID(id), t.Entry(e)})
	}
	for _, r := range book.Roles() {
		add(h.roles, r.Metadata.Name, wire.Entry{
			Value: r.Metadata.Name, Display: r.Metadata.Name, Type: string(r.Spec.Type), Description: strings.TrimSpace(r.Spec.Intent),
		})
	}
	for _, doc := range book.Connectors() {
		for _, e := range doc.Spec.Entitlements {
			one, ok := book.Entitlement(doc.Metadata.Name, e.ID)
			if !ok || one.Target != e.Target {
				continue // policy refuses it
			}
			described := one.Target
			if one.Risk != "" {
				described += ", risk " + one.Risk
			}
			add(h.entitlements, one.Ref(), wire.Entry{Value: one.Ref(), Display: one.ID, Type: one.Connector, Description: described})
		}
	}
	for _, lines := range c.lines {
		slices.SortFunc(lines, func(a, b catalogued) int { return strings.Compare(a.id, b.id) })
	}
	h.listed.Store(c)
	return c
}

// plainID turns a name into what stands for itself in a path, and no other name
// turns into.
func plainID(name string) string {
	var id strings.Builder
	for _, c := range []byte(name) {
		switch {
		case c == '/':
			id.WriteByte(':')
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			id.WriteByte(c)
		default:
			fmt.Fprintf(&id, "~%02x", c)
		}
	}
	return id.String()
}

func (h *Handler) catalogueRoutes() []route {
	var routes []route
	for _, t := range []*wire.Type{h.roles, h.entitlements} {
		list := func(q *request, v url.Values) error { return q.listCatalogue(t, v) }
		routes = append(routes,
			route{t.Endpoint, verbs{http.MethodGet: func(q *request) error {
				return q.asked(func(v url.Values) error { return list(q, v) })
			}}},
			route{t.Endpoint + "/.search", verbs{http.MethodPost: func(q *request) error {
				return q.search(func(v url.Values) error { return list(q, v) })
			}}},
			route{t.Endpoint + "/:id", verbs{http.MethodGet: func(q *request) error { return q.getCatalogued(t) }}})
	}
	return routes
}

func (q *request) getCatalogued(t *wire.Type) error {
	lines := q.catalogue().lines[t]
	i, ok := slices.BinarySearchFunc(lines, q.param(), func(l catalogued, id string) int { return strings.Compare(l.id, id) })
	if !ok {
		return &wire.Error{Status: http.StatusNotFound, Detail: "there is no such " + strings.ToLower(t.Name) + " in force: " + q.param()}
	}
	header := q.c.Response().Header()
	header.Set(echo.HeaderLocation, q.base+t.Endpoint+"/"+lines[i].id)
	header.Set("ETag", lines[i].etag())
	if have := q.c.Request().Header.Get("If-None-Match"); have != "" && listed(have, lines[i].etag()) {
		return q.c.NoContent(http.StatusNotModified)
	}
	dst, err := q.appendCatalogued(nil, t, lines[i], q.projection(t))
	if err != nil {
		return err
	}
	return q.blob(http.StatusOK, dst)
}

// listCatalogue answers a list. A catalogue is in memory already, so that any
// filter and any order is served.
func (q *request) listCatalogue(t *wire.Type, v url.Values) error {
	ask, err := newQuery(t, v)
	if err != nil {
		return err
	}
	found, err := q.findCatalogued(t, ask)
	if err != nil {
		return err
	}
	return respond(q, ask, found, func(s *stream, page []catalogued) (int, error) {
		dst, err := q.appendCatalogued(s.buf.AvailableBuffer(), t, page[0], ask.projection)
		s.buf.Write(dst)
		return 1, err
	})
}

// findCatalogued returns a page of what is meant. Its cursors are of a place among
// that.
func (q *request) findCatalogued(t *wire.Type, ask query) (found listing[catalogued], err error) {
	var key []byte
	if ask.byCursor {
		if key, err = q.cursorKey(q.c.Request().Context()); err != nil {
			return found, err
		}
		place, err := q.place(key, t, ask)
		if err != nil {
			return found, err
		}
		passed, _ := strconv.Atoi(string(place))
		ask.page.StartIndex = passed + 1
	}
	meant, err := q.meant(t, ask)
	if err != nil {
		return found, err
	}
	found.total = len(meant)
	first := min(ask.page.StartIndex-1, len(meant))
	found.page = meant[first:min(first+ask.page.Count, len(meant))]
	if last := first + len(found.page); ask.byCursor && last < len(meant) && ask.page.Count > 0 {
		found.next = q.cursor(key, t, ask, store.Place(strconv.Itoa(last)))
	}
	return found, nil
}

// meant returns the lines that a filter means, in the order that is asked for.
func (q *request) meant(t *wire.Type, ask query) ([]catalogued, error) {
	var meant []catalogued
	var order ranks
	for _, l := range q.catalogue().lines[t] {
		c := wire.Candidate{ID: l.id, Resource: l.resource}
		ok, err := ask.filter.Match(&c)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if !ask.sort.None() {
			key, ok := ask.sort.Key(&c)
			order = append(order, rank{key: key, none: !ok, id: l.id, at: len(meant)})
		}
		meant = append(meant, l)
	}
	if !ask.sort.None() {
		order.sort(ask.sort.Descending)
		inOrder := make([]catalogued, len(meant))
		for i, r := range order {
			inOrder[i] = meant[r.at]
		}
		meant = inOrder
	}
	return meant, nil
}

func (l catalogued) etag() string {
	sum := sha256.Sum256(l.resource)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
}

// appendCatalogued writes one line as a resource. Nobody knows when it was made.
func (q *request) appendCatalogued(dst []byte, t *wire.Type, l catalogued, p wire.Projection) ([]byte, error) {
	dst, err := stored{typ: t, id: l.id, resource: l.resource}.open(dst, p)
	if err != nil {
		return dst, err
	}
	if p.Meta() {
		dst = wire.AppendText(append(dst, `,"meta":{"resourceType":`...), t.Name)
		dst = q.appendLocation(append(dst, `,"location":`...), t, l.id)
		dst = append(wire.AppendText(append(dst, `,"version":`...), l.etag()), '}')
	}
	return append(dst, '}'), nil
}
