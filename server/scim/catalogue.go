package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"drawbridge/policy"
	wire "drawbridge/schema/scim"
)

// A Catalogue is a resource type that is read here, and changed elsewhere: what its
// resources are made of is data, and where they come from is one function of what
// policy says. Every source is told of all of them: what there is to hold is no
// secret, who holds it is.
type Catalogue struct {
	Type  *wire.Type
	Lines func(*policy.Book) []Line
}

// A Line is one resource of a catalogue.
type Line struct {
	Name       string         // from which its id is made
	Attributes map[string]any // by their names in the type's schema
}

// catalogues are those that are always there.
func catalogues() ([]Catalogue, error) {
	roles, err := wire.Roles()
	if err != nil {
		return nil, err
	}
	entitlements, err := wire.Entitlements()
	return []Catalogue{{roles, rolesOf}, {entitlements, entitlementsOf}}, err
}

func rolesOf(book *policy.Book) (lines []Line) {
	for _, r := range book.Roles() {
		name := r.Metadata.Name
		lines = append(lines, Line{name, map[string]any{
			"value": name, "display": name, "displayName": name, "type": r.Spec.Type, "description": strings.TrimSpace(r.Spec.Intent), "supported": true,
		}})
	}
	return lines
}

func entitlementsOf(book *policy.Book) (lines []Line) {
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
			lines = append(lines, Line{one.Ref(), map[string]any{
				"value": one.Ref(), "display": one.ID, "displayName": one.ID, "type": one.Connector, "description": described, "supported": true,
			}})
		}
	}
	return lines
}

// listedLines are what the catalogues have by one policy.
type listedLines struct {
	book  *policy.Book
	lines map[*wire.Type][]catalogued // in the order of their ids
}

type catalogued struct {
	id       string
	resource []byte
}

// lines returns what a catalogue has, made once for each policy that comes into
// force.
func (h *Handler) lines(t *wire.Type) ([]catalogued, error) {
	book := h.rules.Book()
	if l := h.listed.Load(); l != nil && l.book == book {
		return l.lines[t], nil
	}
	l := &listedLines{book: book, lines: map[*wire.Type][]catalogued{}}
	for _, c := range h.catalogues {
		for _, line := range c.Lines(book) {
			resource, err := c.Type.Resource(line.Attributes)
			if err != nil {
				return nil, err
			}
			l.lines[c.Type] = append(l.lines[c.Type], catalogued{plainID(line.Name), resource})
		}
		slices.SortFunc(l.lines[c.Type], func(a, b catalogued) int { return strings.Compare(a.id, b.id) })
	}
	h.listed.Store(l)
	return l.lines[t], nil
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
	for _, c := range h.catalogues {
		t := c.Type
		list := func(q *request, v url.Values) error { return q.listCatalogue(t, v) }
		routes = append(routes,
			route{t.Endpoint, verbs{http.MethodGet: func(q *request) error { return list(q, q.query) }}},
			route{t.Endpoint + "/.search", verbs{http.MethodPost: func(q *request) error {
				return q.search(func(v url.Values) error { return list(q, v) })
			}}},
			route{t.Endpoint + "/:id", verbs{http.MethodGet: func(q *request) error { return q.getCatalogued(t) }}})
	}
	return routes
}

func (q *request) getCatalogued(t *wire.Type) error {
	lines, err := q.lines(t)
	if err != nil {
		return err
	}
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

func (q *request) listCatalogue(t *wire.Type, v url.Values) error {
	ask, err := newQuery(t, v)
	if err != nil {
		return err
	}
	found, err := q.findCatalogued(t, ask)
	if err != nil {
		return err
	}
	return respond(q, ask, found, func(s *stream, page []catalogued) (int, error) { return 1, s.catalogued(t, page[0], ask.projection) })
}

// findCatalogued returns a page of what is meant. A catalogue is in memory already,
// so that any filter and any order is served.
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
		if ask.after, err = rankAt(place); err != nil {
			return found, err
		}
	}
	lines, order, err := q.meant(t, ask)
	if err != nil {
		return found, err
	}
	found.total = len(order)
	order = order.behind(ask.after, ask.sort.Descending)
	order = order[min(ask.page.StartIndex-1, len(order)):]
	page := order[:min(ask.page.Count, len(order))]
	for _, one := range page {
		found.page = append(found.page, lines[one.at])
	}
	if ask.byCursor && len(page) < len(order) && len(page) > 0 {
		found.next = q.cursor(key, t, ask, page[len(page)-1].place())
	}
	return found, nil
}

// meant returns a catalogue's lines, and which of them a filter means, in the order
// that is asked for: without one, in that of their ids.
func (q *request) meant(t *wire.Type, ask query) (lines []catalogued, order ranks, err error) {
	if lines, err = q.lines(t); err != nil {
		return nil, nil, err
	}
	for i, l := range lines {
		c := wire.Candidate{
			ID: l.id, Resource: l.resource,
			Location: func() string { return q.base + t.Endpoint + "/" + l.id },
			Version:  func(func(int) error) (string, error) { return l.etag(), nil },
		}
		ok, err := ask.filter.Match(&c)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		one := rank{id: l.id, at: i}
		if !ask.sort.None() {
			key, ok := ask.sort.Key(&c)
			one.key, one.none = key, !ok
		}
		order = append(order, one)
	}
	order.sort(ask.sort.Descending)
	return lines, order, nil
}

func (l catalogued) etag() string {
	sum := sha256.Sum256(l.resource)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
}

// catalogued writes one line.
func (s *stream) catalogued(t *wire.Type, l catalogued, p wire.Projection) error {
	dst, err := s.q.appendCatalogued(s.buf.AvailableBuffer(), t, l, p)
	s.buf.Write(dst)
	return err
}

// appendCatalogued writes one line as a resource. Nobody knows when it was made.
func (q *request) appendCatalogued(dst []byte, t *wire.Type, l catalogued, p wire.Projection) ([]byte, error) {
	of := stored{typ: t, id: l.id, resource: l.resource, tag: l.etag()}
	dst, err := of.open(dst, p)
	if err != nil {
		return dst, err
	}
	return q.finish(dst, of, p), nil
}
