package scheduler

import (
	"context"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
)

// Credentials is the sweep of those by which others are known, and the bridge is: what it
// finds are those that end soon, or are old. Look says how all of them stand, and makes the
// findings what they should be, unless the run is dry.
func Credentials(look func(ctx context.Context, dry bool) ([]access.Credential, error)) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		all, err := look(ctx, sweep.dry)
		for _, c := range all {
			if connector, ok := strings.CutPrefix(c.Holder, "connector/"); len(sweep.Scope.Connectors) > 0 && (!ok || !sweep.Scope.at(connector)) {
				continue
			}
			run.Looked++
			if c.Problem == "" {
				continue
			}
			run.Found++
			run.First = some(run.First, []schema.Deed{{Identity: c.Holder, What: c.ID + ": " + c.Problem + ": " + c.Reason}})
		}
		if !sweep.dry {
			run.Reported = run.Found
		}
		return err
	}
}
