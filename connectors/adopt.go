package connectors

import (
	"context"

	"drawbridge/schema"
)

// An account that a connector finds by its name may be that of somebody else: of one
// who was renamed a moment ago, and whose account still has the name that a new one is
// known by. Who knows whose accounts are is asked before anything is written to one.

type ownersKey struct{}

// WithOwners returns a context in which connectors ask may before they write to an
// account that was found and is not the one they were told of. Of what was found it is
// given the id, and the attributes as far as they were read. Its error says why the
// account is not to be taken over.
func WithOwners(ctx context.Context, may func(ctx context.Context, found schema.Account) error) context.Context {
	return context.WithValue(ctx, ownersKey{}, may)
}

// Claim is called by a connector that looked for an account and found one, before it
// writes to it. With an error it is somebody else's, and is left
// alone; where the account was only to be disabled there is nothing to be done then,
// which others says without an error.
func Claim(ctx context.Context, have, want, found schema.Account) (others bool, err error) {
	may, ok := ctx.Value(ownersKey{}).(func(context.Context, schema.Account) error)
	if !ok || found.RemoteID == "" || found.RemoteID == have.RemoteID {
		return false, nil
	}
	err = may(ctx, found)
	if err != nil && !want.Active {
		return true, nil
	}
	return err != nil, err
}
