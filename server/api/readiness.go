package api

import (
	"context"

	"drawbridge/access"
)

func (a *API) readiness(ctx context.Context, _ *struct{}) (*Reply[access.Readiness], error) {
	done, err := a.onePlan(ctx) // which it is, of the policy in force
	if err != nil {
		return nil, err
	}
	defer done()
	ready, err := access.Ready(ctx, a.Store, a.Rules)
	return reply(ready), err
}
