package scheduler

import (
	"context"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/store"
)

// Rotate has secrets of machines changed that are too old, or that somebody who left
// could read: by whoever keeps them, where a connector can ask for that, or by people, where
// they tend the target. What else people have to do themselves is theirs.
func Rotate(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, store.Item) (access.Finish, error) {
	return func(ctx context.Context, item store.Item) (access.Finish, error) {
		var due []access.Rotation
		var wait bool
		err := s.View(ctx, func(r store.Reader) (err error) {
			due, wait, err = access.Rotations(r, rules, item.ID)
			return err
		})
		if err != nil {
			return nil, err
		}
		var done []access.RotationOutcome
		asked := map[access.Rotation]connectors.Terms{} // of people
		var failed error                                // for now: what was changed is noted first, and the rest tried again with patience
		for _, d := range due {
			if people, ok := targets[d.Connector].(connectors.Asker); ok {
				asked[d] = people.Terms()
				continue
			}
			target, ok := targets[d.Connector].(connectors.Rotator)
			if !ok || !target.Rotates() {
				continue
			}
			at, err := target.Rotate(ctx, d.Rotation)
			if err != nil && connectors.KindOf(err) == connectors.Transient {
				failed = fmt.Errorf("connector %s: change %s of %s: %w", d.Connector, d.Credential, d.Machine, err)
				break
			}
			done = append(done, access.RotationOutcome{Rotation: d, At: at, Err: err})
		}
		return func(tx store.Tx) (time.Time, error) {
			again, err := access.RotateDone(tx, rules.Book(), item.ID, done, wait)
			for _, d := range due {
				terms, asks := asked[d]
				if err != nil || !asks {
					continue
				}
				var next time.Time
				if next, err = access.AskRotation(tx, rules, item.ID, d, terms); !next.IsZero() && (again.IsZero() || next.Before(again)) {
					again = next
				}
			}
			return again, err
		}, failed
	}
}
