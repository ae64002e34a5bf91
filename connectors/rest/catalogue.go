package rest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Entitlements returns the names in the catalogues of every kind there is, and what an
// account holds by being active. Where one kind has no catalogue, nobody knows what
// there is.
func (c *Connector) Entitlements(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if slices.ContainsFunc(c.kinds, func(k *kind) bool { return k.Catalogue == nil }) {
			yield("", fmt.Errorf("the profile has entitlements without a catalogue, which would say which there are: %w", errors.ErrUnsupported))
			return
		}
		if name := c.o.Profile.Account; name != "" && !yield(name, nil) {
			return
		}
		for _, k := range c.kinds {
			names, err := k.all(ctx)
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range names {
				if !yield(k.Prefix+name, nil) {
					return
				}
			}
		}
	}
}
