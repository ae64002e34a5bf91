package bridge

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// InForce returns the policy that a store was last run under, from the text that
// was kept of it.
func InForce(ctx context.Context, s *store.Store) (*Policy, error) {
	var version store.PolicyVersion
	err := s.View(ctx, func(r store.Reader) error {
		current, err := store.Settings.Get(r, "policy")
		if err != nil {
			return err
		}
		version, err = store.Policies.Get(r, current.Value)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) {
		return nil, fmt.Errorf("no policy was ever in force in this store: %w", err)
	}
	if err != nil {
		return nil, err
	}
	folder, err := policy.Files(version.Files)
	if err != nil {
		return nil, err
	}
	return ReadPolicy(folder)
}
