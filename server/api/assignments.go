package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

type assignmentsInput struct {
	Paging
	Identity    string    `query:"identity" doc:"An id, a userName or an email address."`
	Entitlement string    `query:"entitlement" doc:"connector/id"`
	Role        string    `query:"role" doc:"Those that somebody has by this role."`
	At          time.Time `query:"at" doc:"As of this time, from the log: also of who is gone since. An identity or an entitlement is to be named. Without it, as things are."`
}

// An AssignmentView is a line of desired state, with whose it is by name.
type AssignmentView struct {
	schema.Assignment
	UserName string    `json:"userName"`
	Decision string    `json:"decision,omitempty" doc:"As of a time: the decision that made it so."`
	Reason   string    `json:"reason,omitempty" doc:"As of a time: why."`
	Agreed   time.Time `json:"agreed,omitzero" doc:"As of a time: when its target agreed; missing where it had not by then."`
}

func (a *API) listAssignments(ctx context.Context, in *assignmentsInput) (*Reply[List[AssignmentView]], error) {
	if !in.At.IsZero() {
		return a.assignmentsAt(ctx, in)
	}
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	var named List[AssignmentView]
	err = a.Store.View(ctx, func(r store.Reader) error {
		list, err := in.from(r, after)
		if err != nil {
			return err
		}
		named = List[AssignmentView]{Items: []AssignmentView{}, Next: list.Next}
		for _, line := range list.Items {
			id, err := store.Identities.Get(r, line.Identity)
			if err != nil && !errors.Is(err, schema.ErrNotFound) {
				return err
			}
			named.Items = append(named.Items, AssignmentView{Assignment: line, UserName: id.UserName})
		}
		return nil
	})
	return reply(named), err
}

// assignmentsAt answers from the log.
func (a *API) assignmentsAt(ctx context.Context, in *assignmentsInput) (*Reply[List[AssignmentView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	list := List[AssignmentView]{Items: []AssignmentView{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		lines, next, err := LinesAt(r, in.Identity, in.Entitlement, in.At, in.Limit, after...)
		if err == nil && next != "" {
			list.Next = cursor([]string{next})
		}
		for _, l := range lines {
			if in.byRole(l.Assignment) {
				list.Items = append(list.Items, l)
			}
		}
		return err
	})
	return reply(list), err
}

// LinesAt returns up to n lines as they were at a time: of an identity, or of an
// entitlement; of the latter those behind an identity, and the one to go on behind.
func LinesAt(r store.Reader, identity, entitlement string, at time.Time, n int, behind ...string) (views []AssignmentView, next string, err error) {
	view := func(l access.PastLine) error {
		name, err := access.NameAt(r, l.Identity)
		views = append(views, AssignmentView{l.Assignment, name, l.Decision, l.Reason, l.Agreed})
		return err
	}
	switch {
	case identity != "":
		id, err := access.FindIdentity(r, identity)
		if err != nil {
			return nil, "", err
		}
		lines, err := access.HeldAt(r, id.ID, at)
		for _, l := range lines {
			if entitlement == "" || l.Ref() == entitlement {
				err = errors.Join(err, view(l))
			}
		}
		return views, "", err
	case entitlement == "":
		return nil, "", fmt.Errorf("as of a time, name an identity or an entitlement: %w", schema.ErrInvalid)
	}
	for l, err := range access.HoldersAt(r, entitlement, at, strings.Join(behind, "")) {
		if err != nil {
			return nil, "", err
		}
		if len(views) == n {
			return views, next, nil
		}
		if err := view(l); err != nil {
			return nil, "", err
		}
		next = l.Identity
	}
	return views, "", nil
}

// byRole reports whether a line is one by the role that is asked for.
func (in *assignmentsInput) byRole(l schema.Assignment) bool {
	return in.Role == "" || slices.Contains(l.Because, "role/"+in.Role)
}

// from takes the page from the store, by the index that answers.
func (in *assignmentsInput) from(r store.Reader, after []string) (list List[schema.Assignment], err error) {
	wanted := pick[schema.Assignment]{
		key:  func(l schema.Assignment) []string { return []string{l.Identity, l.Connector, l.Entitlement} },
		keep: in.byRole,
	}
	switch {
	case in.Identity != "":
		id, err := access.FindIdentity(r, in.Identity)
		if err != nil {
			return list, err
		}
		if after == nil {
			after = []string{id.ID}
		}
		wanted.within = func(l schema.Assignment) bool { return l.Identity == id.ID }
		wanted.keep = func(l schema.Assignment) bool {
			return (in.Entitlement == "" || l.Ref() == in.Entitlement) && in.byRole(l)
		}
		return page(in.Paging, store.Assignments.From(r, after...), wanted)
	case in.Entitlement != "":
		connector, entitlement, err := splitRef(in.Entitlement)
		if err != nil {
			return list, err
		}
		walk := store.Assignments.ByFrom(r, store.AssignmentHeld, []string{connector, entitlement}, after...)
		return page(in.Paging, walk, wanted)
	}
	return page(in.Paging, store.Assignments.From(r, after...), wanted)
}
