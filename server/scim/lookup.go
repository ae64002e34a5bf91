package scim

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// A kind is what users and groups differ in when they are listed.
type kind[R any] struct {
	typ       *wire.Type
	order     *store.Index[R] // in which they are listed
	natural   string          // the attribute that it is the order of
	in        *store.Collection[R]
	find      func(q *request, r store.Reader, l wire.Lookup) iter.Seq2[R, error]
	candidate func(r store.Reader, rec R) wire.Candidate
	named     func(rec R) string // what the order is of
}

func (h *Handler) userKind() kind[schema.Identity] {
	return kind[schema.Identity]{h.users, store.IdentityUserName, "userName", store.Identities, findUsers, h.userCandidate,
		func(id schema.Identity) string { return store.Fold(id.UserName) }}
}

func (h *Handler) groupKind() kind[schema.Group] {
	return kind[schema.Group]{h.groups, store.GroupName, "displayName", store.Groups, findGroups, h.groupCandidate,
		func(g schema.Group) string { return store.Fold(g.DisplayName) }}
}

// findUsers asks an index for users of the source.
func findUsers(q *request, r store.Reader, l wire.Lookup) iter.Seq2[schema.Identity, error] {
	switch l.By {
	case wire.ByID:
		return only(q.ownUser(r, l.Value))
	case wire.ByUserName:
		return store.Identities.By(r, store.IdentityUserName, q.source, store.Fold(l.Value))
	case wire.ByExternalID:
		return store.Identities.By(r, store.IdentityExternalID, q.source, l.Value)
	case wire.ByEmail:
		return store.Identities.By(r, store.IdentityEmail, q.source, store.Fold(l.Value))
	case wire.ByGroup:
		return q.usersIn(r, l.Value)
	case wire.ByModified:
		return since(r, store.Identities, store.IdentityModified, q.source, l.Value)
	default:
		return only(schema.Identity{}, fmt.Errorf("users are not found by %s: %w", l.By, schema.ErrInvalid))
	}
}

// byTime reports whether look-ups ask for what changed since a time, which may be
// everything.
func byTime(lookups []wire.Lookup) bool {
	return slices.ContainsFunc(lookups, func(l wire.Lookup) bool { return l.By == wire.ByModified })
}

// since walks what changed since a time.
func since[R any](r store.Reader, c *store.Collection[R], x *store.Index[R], source, from string) iter.Seq2[R, error] {
	at, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		var none R
		return only(none, fmt.Errorf("%q is no time: %w", from, err))
	}
	return c.Since(r, x, source, at)
}

// usersIn walks the users in a group. What it comes by in vain is ErrNotFound, so
// that it is counted.
func (q *request) usersIn(r store.Reader, group string) iter.Seq2[schema.Identity, error] {
	if _, err := q.ownGroup(r, group); err != nil {
		return only(schema.Identity{}, err)
	}
	return func(yield func(schema.Identity, error) bool) {
		for m, err := range store.Edges(r, group, "") {
			var id schema.Identity
			switch {
			case err != nil:
			case m.Nested:
				err = schema.ErrNotFound
			default:
				id, err = q.ownUser(r, m.Member) // it may be gone, and the edge yet to be cleared
			}
			if !yield(id, err) {
				return
			}
		}
	}
}

// findGroups asks an index for groups of the source.
func findGroups(q *request, r store.Reader, l wire.Lookup) iter.Seq2[schema.Group, error] {
	switch l.By {
	case wire.ByID:
		return only(q.ownGroup(r, l.Value))
	case wire.ByExternalID:
		return store.Groups.By(r, store.GroupExternalID, q.source, l.Value)
	case wire.ByName:
		return store.Groups.By(r, store.GroupName, q.source, store.Fold(l.Value))
	case wire.ByMember:
		return q.groupsWith(r, l.Value)
	case wire.ByModified:
		return since(r, store.Groups, store.GroupModified, q.source, l.Value)
	default:
		return only(schema.Group{}, fmt.Errorf("groups are not found by %s: %w", l.By, schema.ErrInvalid))
	}
}

// groupsWith walks the groups that a member is in, as usersIn does: some are
// another source's, or gone.
func (q *request) groupsWith(r store.Reader, member string) iter.Seq2[schema.Group, error] {
	return func(yield func(schema.Group, error) bool) {
		for m, err := range store.Members.By(r, store.MemberOf, member) {
			var g schema.Group
			if err == nil {
				g, err = q.ownGroup(r, m.Group)
			}
			if !yield(g, err) {
				return
			}
		}
	}
}

// only is a walk over one record, or over none where there is none.
func only[R any](rec R, err error) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		if !errors.Is(err, schema.ErrNotFound) {
			yield(rec, err)
		}
	}
}

func (h *Handler) userCandidate(r store.Reader, id schema.Identity) wire.Candidate {
	return wire.Candidate{
		ID: id.ID, Resource: id.Resource, Created: id.Created, Modified: id.Modified,
		Related:  func(group string) (bool, error) { return related(r, group, id.ID) },
		Edges:    func(_ bool, yield func([]byte) bool) error { return h.eachGroup(r, id.ID, yield) },
		Location: func() string { return h.location(h.storedUser(id)) },
		Version: func(spend func(int) error) (string, error) {
			s, in := h.storedUser(id), groupCursor{user: id.ID, show: wholeEdge, more: true}
			for in.more {
				text, err := h.groupsOf(r, nil, &in)
				if err = cmp.Or(err, spend(len(text))); err != nil {
					return "", err
				}
			}
			s.beside = in.beside()
			return s.etag(), nil
		},
	}
}

func (h *Handler) groupCandidate(r store.Reader, g schema.Group) wire.Candidate {
	return wire.Candidate{
		ID: g.ID, Resource: g.Resource, Created: g.Created, Modified: g.Modified,
		Related:  func(member string) (bool, error) { return related(r, g.ID, member) },
		Edges:    func(display bool, yield func([]byte) bool) error { return h.eachMember(r, g.ID, display, yield) },
		Location: func() string { return h.location(h.storedGroup(g)) },
		Version:  func(func(int) error) (string, error) { return h.storedGroup(g).etag(), nil },
	}
}

// wholeEdge is all that a group or a member is shown with.
var wholeEdge = wire.EdgePart{Value: true, Ref: true, Type: true, Display: true}

// eachGroup walks the groups that a user is in, each as the user is shown with it.
func (h *Handler) eachGroup(r store.Reader, user string, yield func([]byte) bool) error {
	for m, err := range store.Members.By(r, store.MemberOf, user) {
		if err != nil {
			return err
		}
		g, err := store.Groups.Get(r, m.Group)
		if errors.Is(err, schema.ErrNotFound) {
			continue // its source deleted it; the edge is yet to be cleared
		}
		if err != nil {
			return err
		}
		if !yield(h.appendGroup(nil, g, wholeEdge)) {
			break
		}
	}
	return nil
}

// eachMember walks the members of a group, each as the group is shown with it.
func (h *Handler) eachMember(r store.Reader, group string, display bool, yield func([]byte) bool) error {
	for m, err := range store.Edges(r, group, "") {
		if err != nil {
			return err
		}
		called := ""
		if display {
			if called, err = h.display(r, m); err != nil {
				return err
			}
		}
		if !yield(h.member(nil, m, wholeEdge, called)) {
			break
		}
	}
	return nil
}

func related(r store.Reader, group, member string) (bool, error) {
	_, err := store.Members.Get(r, group, member)
	if errors.Is(err, schema.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
