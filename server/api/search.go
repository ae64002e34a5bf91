package api

import (
	"context"
	"errors"
	"strings"

	"drawbridge/schema"
	"drawbridge/store"
)

// search lists the identities that begin as somebody typed: by userName, then by
// email address, at each source; and the one of that id. It has one page: who finds
// too many types more.
func (a *API) search(ctx context.Context, in *identitiesInput, keep func(schema.Identity) bool) (*Reply[List[schema.Identity]], error) {
	list := List[schema.Identity]{Items: []schema.Identity{}}
	typed := store.Fold(strings.TrimSpace(in.Starts))
	seen := map[string]bool{}
	take := func(id schema.Identity) bool {
		if !seen[id.ID] && keep(id) {
			seen[id.ID] = true
			list.Items = append(list.Items, id)
		}
		return len(list.Items) < in.Limit
	}
	err := a.Store.View(ctx, func(r store.Reader) error {
		id, err := store.Identities.Get(r, typed)
		if err == nil {
			take(id)
		} else if !errors.Is(err, schema.ErrNotFound) {
			return err
		}
		for _, x := range []*store.Index[schema.Identity]{store.IdentityUserName, store.IdentityEmail} {
			if err := beginning(r, x, typed, in.most(), take); err != nil {
				return err
			}
		}
		return nil
	})
	return reply(list), err
}

// beginning walks what an index that is by source has under what begins so, until
// nothing more is taken or enough was looked at.
func beginning(r store.Reader, x *store.Index[schema.Identity], typed string, most int, take func(schema.Identity) bool) error {
	for source, err := range x.Firsts(r) {
		if err != nil {
			return err
		}
		looked := 0
		for id, err := range store.Identities.Beginning(r, x, source, typed) {
			if err != nil {
				return err
			}
			if looked++; looked > most {
				break
			}
			if !take(id) {
				return nil
			}
		}
	}
	return nil
}

// one lists the identity, or the record, of an id.
func one(r store.Reader, id string, keep func(schema.Identity) bool) (List[schema.Identity], error) {
	list := List[schema.Identity]{Items: []schema.Identity{}}
	found, err := store.Identities.Get(r, id)
	if errors.Is(err, schema.ErrNotFound) {
		return list, nil
	}
	if err == nil && keep(found) {
		list.Items = append(list.Items, found)
	}
	return list, err
}
