package rest

import (
	"context"
	"time"

	"drawbridge/connectors"
)

var _ connectors.Rotator = (*Connector)(nil)

// Rotates reports whether the declaration says how secrets are changed.
func (c *Connector) Rotates() bool { return c.d.Rotate != nil }

// Rotate makes the declaration's request to have a secret changed. What it answers is
// not read beyond whether that was done, for it may be the new one.
func (c *Connector) Rotate(ctx context.Context, r connectors.Rotation) (time.Time, error) {
	_, err := c.ask(ctx, c.d.Rotate, c.vars(variables{
		"id": r.Account, "credential": map[string]string{"name": r.Credential, "ref": r.Ref, "machine": r.Machine},
	}))
	if err != nil {
		return time.Time{}, connectors.Discreet(err)
	}
	return c.o.Now(), nil
}
