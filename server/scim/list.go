package scim

import (
	"context"
	"errors"
	"fmt"
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
	page       wire.Page
	projection wire.Projection
}

func newQuery(t *wire.Type, v url.Values) (query, error) {
	filter, err := t.ParseFilter(v.Get("filter"))
	if err != nil {
		return query{}, err
	}
	page, err := wire.ParsePage(v)
	return query{filter, page, projection(t, v)}, err
}

// A listing is one page of what a query found.
type listing[R any] struct {
	total int
	page  []R
}

// A kind is what users and groups differ in when they are listed.
type kind[R any] struct {
	typ       *wire.Type
	order     *store.Index[R] // in which they are listed
	in        *store.Collection[R]
	find      func(q *request, r store.Reader, l wire.Lookup) ([]R, error)
	candidate func(q *request, r store.Reader, rec R) wire.Candidate
}

func (h *Handler) userKind() kind[schema.Identity] {
	return kind[schema.Identity]{h.users, store.IdentityUserName, store.Identities, findUsers, userCandidate}
}

func (h *Handler) groupKind() kind[schema.Group] {
	return kind[schema.Group]{h.groups, store.GroupName, store.Groups, findGroups, groupCandidate}
}

// list answers a query: from an index where one serves it, by counting and
// skipping where everything is meant, and by looking at a bounded number of
// resources otherwise.
func list[R any](q *request, k kind[R], ask query) (listing[R], error) {
	ctx := q.c.Request().Context()
	switch lookups := ask.filter.Lookups(); {
	case lookups != nil:
		return lookUp(ctx, q, k, ask, lookups)
	case ask.filter.All():
		return everything(ctx, q, k, ask.page)
	}
	return scan(ctx, q, k, ask)
}

func lookUp[R any](ctx context.Context, q *request, k kind[R], ask query, lookups []wire.Lookup) (found listing[R], err error) {
	seen := map[string]bool{}
	err = q.store.View(ctx, func(r store.Reader) error {
		for _, l := range lookups {
			records, err := k.find(q, r, l)
			if err != nil {
				return err
			}
			for _, rec := range records {
				c := k.candidate(q, r, rec)
				if seen[c.ID] {
					continue
				}
				ok, err := ask.filter.Match(&c)
				if err != nil {
					return err
				}
				if ok {
					seen[c.ID] = true
					found.add(ask.page, rec)
				}
			}
		}
		return nil
	})
	return found, err
}

// add counts a record, and keeps it if it is on the page.
func (l *listing[R]) add(p wire.Page, rec R) {
	l.total++
	if l.total >= p.StartIndex && len(l.page) < p.Count {
		l.page = append(l.page, rec)
	}
}

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
			if found.page = append(found.page, rec); len(found.page) == p.Count {
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
	select {
	case q.scans <- struct{}{}:
		defer func() { <-q.scans }()
	case <-ctx.Done():
		return found, ctx.Err()
	}
	for looked, more := 0, true; more && err == nil; {
		err = q.store.View(ctx, func(r store.Reader) error {
			n := 0
			for rec, err := range k.in.Skip(r, k.order, looked, q.source) {
				if err != nil {
					return err
				}
				if looked+n == q.limits.Scan {
					return wire.Invalid(wire.TooMany, "filter: no index serves it, and there are more than %d resources to look at; "+
						"ask for %s with eq, alone or with and", q.limits.Scan, indexed(k.typ))
				}
				if n == maxChunk {
					break
				}
				n++
				c := k.candidate(q, r, rec)
				ok, err := ask.filter.Match(&c)
				if err != nil {
					return err
				}
				if ok {
					found.add(ask.page, rec)
				}
			}
			looked, more = looked+n, n == maxChunk
			return nil
		})
	}
	return found, err
}

func indexed(t *wire.Type) string {
	if t.Name == "User" {
		return "id, userName, externalId, emails.value or groups.value"
	}
	return "id, displayName, externalId or members.value"
}

func listUsers(q *request) error { return q.listUsers(q.c.Request().URL.Query()) }

func listGroups(q *request) error { return q.listGroups(q.c.Request().URL.Query()) }

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
	return respond(q, found.total, ask, found.page, func(s *stream, page []schema.Identity) (int, error) { return s.users(page, ask.projection) })
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
	return respond(q, found.total, ask, found.page, func(s *stream, page []schema.Group) (int, error) { return 1, s.group(page[0], ask.projection) })
}

// respond writes a ListResponse. Some writes the first few of what is left of
// the page, and returns how many.
func respond[R any](q *request, total int, ask query, page []R, some func(*stream, []R) (int, error)) error {
	s := q.stream(http.StatusOK)
	dst := append(s.buf.AvailableBuffer(), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":`...)
	dst = strconv.AppendInt(dst, int64(total), 10)
	dst = strconv.AppendInt(append(dst, `,"startIndex":`...), int64(ask.page.StartIndex), 10)
	dst = strconv.AppendInt(append(dst, `,"itemsPerPage":`...), int64(len(page)), 10)
	s.buf.Write(append(dst, `,"Resources":[`...))
	for len(page) > 0 {
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

// users writes as many users of a page as the buffer is meant for, with the
// groups that they are in, as of one moment.
func (s *stream) users(page []schema.Identity, p wire.Projection) (n int, err error) {
	err = s.q.store.View(s.q.c.Request().Context(), func(r store.Reader) error {
		for _, id := range page {
			if n > 0 {
				s.buf.WriteByte(',')
			}
			of := s.q.storedUser(id)
			dst, err := of.open(s.buf.AvailableBuffer(), p)
			if err != nil {
				return err
			}
			if dst, err = s.q.groupsOf(r, dst, id.ID, p); err != nil {
				return err
			}
			s.buf.Write(s.q.finish(dst, of, p))
			if n++; s.buf.Len() > maxPooled/2 {
				break
			}
		}
		return nil
	})
	return n, err
}

// findUsers asks an index for users of the source.
func findUsers(q *request, r store.Reader, l wire.Lookup) ([]schema.Identity, error) {
	var found []schema.Identity
	switch l.By {
	case wire.ByID:
		return only(q.ownUser(r, l.Value))
	case wire.ByUserName:
		return only(store.Identities.One(r, store.IdentityUserName, q.source, store.Fold(l.Value)))
	case wire.ByExternalID:
		return only(store.Identities.One(r, store.IdentityExternalID, q.source, l.Value))
	case wire.ByEmail:
		for id, err := range store.Identities.By(r, store.IdentityEmail, q.source, store.Fold(l.Value)) {
			if err != nil {
				return nil, err
			}
			found = append(found, id)
		}
		return found, nil
	case wire.ByGroup:
		if _, err := q.ownGroup(r, l.Value); err != nil {
			return nil, unlessNotFound(err)
		}
		for m, err := range store.Edges(r, l.Value, "") {
			if err != nil {
				return nil, err
			}
			if m.Nested {
				continue
			}
			if len(found) == q.limits.Scan {
				return nil, wire.Invalid(wire.TooMany, "filter: the group has more than %d members; read the group", q.limits.Scan)
			}
			id, err := store.Identities.Get(r, m.Member)
			if err != nil {
				return nil, err
			}
			found = append(found, id)
		}
		return found, nil
	default:
		return nil, fmt.Errorf("users are not found by %s: %w", l.By, schema.ErrInvalid)
	}
}

// findGroups asks an index for groups of the source.
func findGroups(q *request, r store.Reader, l wire.Lookup) ([]schema.Group, error) {
	var found []schema.Group
	switch l.By {
	case wire.ByID:
		return only(q.ownGroup(r, l.Value))
	case wire.ByExternalID:
		return only(store.Groups.One(r, store.GroupExternalID, q.source, l.Value))
	case wire.ByName:
		for g, err := range store.Groups.By(r, store.GroupName, q.source, store.Fold(l.Value)) {
			if err != nil {
				return nil, err
			}
			found = append(found, g)
		}
		return found, nil
	case wire.ByMember:
		for m, err := range store.Members.By(r, store.MemberOf, l.Value) {
			if err != nil {
				return nil, err
			}
			g, err := store.Groups.Get(r, m.Group)
			if err == nil && g.Source == q.source {
				found = append(found, g)
			} else if !errors.Is(err, schema.ErrNotFound) && err != nil {
				return nil, err
			}
		}
		return found, nil
	default:
		return nil, fmt.Errorf("groups are not found by %s: %w", l.By, schema.ErrInvalid)
	}
}

func only[R any](rec R, err error) ([]R, error) {
	if err != nil {
		return nil, unlessNotFound(err)
	}
	return []R{rec}, nil
}

// unlessNotFound returns the error, or nil where it says that nothing was found.
func unlessNotFound(err error) error {
	if errors.Is(err, schema.ErrNotFound) {
		return nil
	}
	return err
}

func userCandidate(_ *request, r store.Reader, id schema.Identity) wire.Candidate {
	return wire.Candidate{ID: id.ID, Resource: id.Resource, Created: id.Created, Modified: id.Modified,
		Related: func(group string) (bool, error) { return related(r, group, id.ID) }}
}

func groupCandidate(_ *request, r store.Reader, g schema.Group) wire.Candidate {
	return wire.Candidate{ID: g.ID, Resource: g.Resource, Created: g.Created, Modified: g.Modified,
		Related: func(member string) (bool, error) { return related(r, g.ID, member) }}
}

func related(r store.Reader, group, member string) (bool, error) {
	_, err := store.Members.Get(r, group, member)
	if errors.Is(err, schema.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
