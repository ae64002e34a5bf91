package api

import (
	"context"

	"drawbridge/access"
)

// listCredentials says how credentials stand: whom each lets in, since when, until
// when, when it was last used, and what is the matter with it.
func (a *API) listCredentials(ctx context.Context, _ *struct{}) (*Reply[List[access.Credential]], error) {
	list := List[access.Credential]{Items: []access.Credential{}}
	if a.Standing == nil {
		return reply(list), nil
	}
	all, err := a.Standing(ctx)
	list.Items = append(list.Items, all...)
	return reply(list), err
}
