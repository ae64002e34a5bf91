package bridge

import (
	"context"

	"drawbridge/access"
	"drawbridge/store"
)

// InForce returns the policy that a store was last run under, from the text that
// was kept of it. One that this version of the program cannot read is salvaged.
func InForce(ctx context.Context, s *store.Store) (p *Policy, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		p, err = access.InForceAnyhow(r)
		return err
	})
	return p, err
}
