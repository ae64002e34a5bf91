package sql

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/connectors"
	"drawbridge/schema"
)

var _ connectors.Examiner = (*Connector)(nil)

// Find returns the account that the profile's match attributes find.
func (c *Connector) Find(ctx context.Context, attributes map[string]string) (found schema.Account, err error) {
	err = c.with(ctx, "find", func(s *session) error {
		p, err := s.find("", attributes)
		if err == nil {
			found = p.account
		}
		return err
	})
	return found, err
}

// Examine has nothing to tell: a database does what its statements say, and Probe
// tries those.
func (c *Connector) Examine(ctx context.Context, _ schema.Account, _ func(connectors.Fact)) error {
	return ctx.Err()
}

// Delete says that it cannot: no statement is for that alone.
func (c *Connector) Delete(context.Context, string) error {
	return fmt.Errorf("the options have no statement that deletes an account: %w", errors.ErrUnsupported)
}
