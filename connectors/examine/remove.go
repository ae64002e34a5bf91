package examine

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Remove takes a canary away that may be there. Where nothing says how to delete it,
// or the target refuses to, it is disabled, and the error is errors.ErrUnsupported.
func Remove(ctx context.Context, c connectors.Connector, connector string, canary map[string]string) (disabled bool, err error) {
	refused := errors.New("nothing says how an account is deleted there")
	if x, ok := c.(connectors.Examiner); ok {
		found, err := x.Find(ctx, canary)
		if err != nil || !found.Exists() {
			return false, err
		}
		err = x.Delete(ctx, found.RemoteID)
		switch {
		case err == nil, connectors.KindOf(err) == connectors.Gone:
			return false, nil
		case !errors.Is(err, errors.ErrUnsupported) && connectors.KindOf(err) == connectors.Transient:
			return !found.Active, err
		}
		refused = err
	}
	have := schema.Account{Connector: connector, Identity: "canary", RemoteID: connectors.Unnamed(canary["userName"]), Active: true, Attributes: canary}
	if _, err := c.Apply(ctx, have, schema.Account{Connector: connector, Identity: "canary"}); err != nil {
		return false, err
	}
	return true, fmt.Errorf("%w: %w", errors.ErrUnsupported, refused)
}
