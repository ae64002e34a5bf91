package api

import (
	"context"
	"errors"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

type assignmentsInput struct {
	Paging
	Identity    string `query:"identity" doc:"An id, a userName or an email address."`
	Entitlement string `query:"entitlement" doc:"connector/id"`
}

// An AssignmentView is a line of desired state, with whose it is by name.
type AssignmentView struct {
	schema.Assignment
	UserName string `json:"userName"`
}

func (a *API) listAssignments(ctx context.Context, in *assignmentsInput) (*Reply[List[AssignmentView]], error) {
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
			named.Items = append(named.Items, AssignmentView{line, id.UserName})
		}
		return nil
	})
	return reply(named), err
}

// from takes the page from the store, by the index that answers.
func (in *assignmentsInput) from(r store.Reader, after []string) (list List[schema.Assignment], err error) {
	wanted := pick[schema.Assignment]{key: func(l schema.Assignment) []string { return []string{l.Identity, l.Connector, l.Entitlement} }}
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
		wanted.keep = func(l schema.Assignment) bool { return in.Entitlement == "" || l.Ref() == in.Entitlement }
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
