package scheduler

import (
	"context"
	"fmt"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/store"
)

// nesting looks which groups of a target are in others, where it can tell, and reports
// what no catalogue says. Nothing is concluded from an answer that broke off.
func nesting(ctx context.Context, s *store.Store, rules *access.Rules, sweep Sweep, name string, target connectors.Lister) error {
	nester, ok := target.(connectors.Nester)
	if !ok || sweep.dry {
		return nil
	}
	var seen []connectors.Nest
	for n, err := range nester.Nesting(ctx) {
		if err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		seen = append(seen, n)
	}
	return s.Update(store.Background(ctx), func(tx store.Tx) error {
		return access.Nested(tx, rules.Book(), "sweep/"+sweep.Name, name, seen)
	})
}
