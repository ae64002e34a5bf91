package memory

import (
	"context"
	"fmt"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

var _ connectors.Examiner = (*System)(nil)

// Find returns the account with the user name.
func (s *System) Find(ctx context.Context, attributes map[string]string) (found schema.Account, err error) {
	err = s.call(ctx, "find", attributes["userName"], func() error { found = s.find("", attributes["userName"]); return nil })
	return found, err
}

// Examine has nothing to tell.
func (s *System) Examine(ctx context.Context, _ schema.Account, _ func(connectors.Fact)) error {
	return ctx.Err()
}

// Delete removes the account.
func (s *System) Delete(ctx context.Context, remoteID string) error {
	if err := connectors.Named(remoteID); err != nil {
		return err
	}
	return s.call(ctx, "delete", remoteID, func() error {
		a, ok := s.accounts[remoteID]
		if !ok {
			return &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("there is no account %s", remoteID)}
		}
		delete(s.byName, strings.ToLower(a.Attributes["userName"]))
		delete(s.accounts, remoteID)
		return nil
	})
}
