package rest

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/connectors"
	"drawbridge/schema"
)

var _ connectors.Examiner = (*Connector)(nil)

// Find returns the account that the declaration's searches find.
func (c *Connector) Find(ctx context.Context, attributes map[string]string) (schema.Account, error) {
	item, err := c.find(ctx, c.fit(attributes))
	if err != nil || item == nil {
		return schema.Account{}, err
	}
	return c.person(item)
}

// Examine has nothing to tell: what an API does is what its declaration says, and
// the walk with a canary tries that.
func (c *Connector) Examine(ctx context.Context, _ schema.Account, _ func(connectors.Fact)) error {
	return ctx.Err()
}

// Delete says that it cannot: a declaration says how accounts are disabled, and not
// how they are deleted.
func (c *Connector) Delete(context.Context, string) error {
	return fmt.Errorf("the declaration does not say how an account is deleted: %w", errors.ErrUnsupported)
}
