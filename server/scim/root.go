package scim

import (
	"net/url"
	"strconv"
	"strings"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// What is asked of the root (RFC 7644, section 3.4.2.1) is asked of each resource
// type: the list is that of users, with that of groups behind it, and the
// catalogues' behind that.

func listAll(q *request) error { return q.listAll(q.query) }

func searchAll(q *request) error { return q.search(q.listAll) }

// A section is the part of the root's list that is of one resource type.
type section struct {
	typ   *wire.Type
	known bool // it is in memory
	list  func(q *request, ask query) (listing[entry], error)
}

// any reports whether a section may have something. Of a catalogue that is known at
// once, and others are asked when it is their turn.
func (s section) any(q *request, ask query) (bool, error) {
	if !s.known {
		return true, nil
	}
	ask.byCursor, ask.page = false, wire.Page{StartIndex: 1}
	found, err := s.list(q, ask)
	return found.total > 0, err
}

// An entry is one resource of the root's list: it writes itself.
type entry func(s *stream) error

func (h *Handler) sections() []section {
	all := []section{
		{h.users, false, func(q *request, ask query) (listing[entry], error) {
			found, err := list(q, q.userKind(), ask)
			return entries(found, func(s *stream, id schema.Identity) error {
				_, err := s.users([]schema.Identity{id}, ask.projection)
				return err
			}), err
		}},
		{h.groups, false, func(q *request, ask query) (listing[entry], error) {
			found, err := list(q, q.groupKind(), ask)
			return entries(found, func(s *stream, g schema.Group) error { return s.group(g, ask.projection) }), err
		}},
	}
	for _, c := range h.catalogues {
		all = append(all, section{c.Type, true, func(q *request, ask query) (listing[entry], error) {
			found, err := q.findCatalogued(c.Type, ask)
			return entries(found, func(s *stream, l catalogued) error { return s.catalogued(c.Type, l, ask.projection) }), err
		}})
	}
	return all
}

func entries[R any](found listing[R], write func(*stream, R) error) listing[entry] {
	all := listing[entry]{total: found.total, size: found.size, next: found.next}
	for _, rec := range found.page {
		all.page = append(all.page, func(s *stream) error { return write(s, rec) })
	}
	return all
}

func (q *request) listAll(v url.Values) error {
	sections := q.sections()
	asks, err := queries(sections, v)
	if err != nil {
		return err
	}
	found, err := q.findAll(sections, asks)
	if err != nil {
		return err
	}
	return respond(q, asks[0], found, func(s *stream, page []entry) (int, error) { return 1, page[0](s) })
}

// queries returns what is asked of each section. What a resource does not have, it
// is neither found nor sorted by; what none has is refused.
func queries(sections []section, v url.Values) ([]query, error) {
	types := make([]*wire.Type, len(sections))
	for i, s := range sections {
		types[i] = s.typ
	}
	filters, err := wire.ParseAcross(v.Get("filter"), types...)
	if err != nil {
		return nil, err
	}
	asks, sorts := make([]query, len(sections)), make([]wire.Sort, len(sections))
	var refused error
	sorted := false
	for i, t := range types {
		if sorts[i], err = t.ParseSort(v); err != nil {
			refused = err
			continue
		}
		sorted = true
	}
	if !sorted {
		return nil, refused
	}
	for i, t := range types {
		if asks[i], err = filtered(t, v, filters[i], sorts[i]); err != nil {
			return nil, err
		}
	}
	return asks, nil
}

// findAll returns one page of the sections together. A cursor is that of a section,
// behind the section's number and a dot; there is a total where none is unknown.
func (q *request) findAll(sections []section, asks []query) (found listing[entry], err error) {
	first, cursor := 0, asks[0].cursor
	if number, rest, ok := strings.Cut(cursor, "."); ok {
		if first, err = strconv.Atoi(number); err != nil || first < 0 || first >= len(sections) || rest == "" {
			return found, wire.Invalid(wire.InvalidCursor, "cursor: it is none of ours; begin with an empty one")
		}
		cursor = rest
	}
	byCursor, most := asks[0].walks(), asks[0].page.Count
	for i := first; i < len(sections); i++ {
		ask := asks[i]
		if ask.cursor, cursor = cursor, ""; byCursor && most > 0 && (len(found.page) >= most || found.size >= maxPage) {
			if some, err := sections[i].any(q, ask); err != nil || !some {
				if err != nil {
					return found, err
				}
				continue
			}
			key, err := q.cursorKey(q.c.Request().Context())
			if err != nil {
				return found, err
			}
			found.next = strconv.Itoa(i) + "." + q.cursor(key, sections[i].typ, ask, "") // it begins on the next page
			break
		}
		if ask.page.Count -= len(found.page); found.size >= maxPage {
			ask.page.Count = 0
		}
		if !byCursor {
			ask.page.StartIndex = max(1, ask.page.StartIndex-found.total)
		}
		some, err := sections[i].list(q, ask)
		if err != nil {
			return found, err
		}
		if some.total == unknown && !byCursor {
			return listing[entry]{total: unknown}, nil
		}
		found.page, found.size, found.total = append(found.page, some.page...), found.size+some.size, found.total+some.total
		if some.next != "" {
			found.next = strconv.Itoa(i) + "." + some.next
			break
		}
	}
	if byCursor {
		found.total = unknown
	}
	return found, nil
}
