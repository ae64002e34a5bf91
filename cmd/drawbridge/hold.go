package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/schema"
)

// holdText says what is held, what of, why, and what ends it.
func holdText(out io.Writer, h schema.Hold) error {
	ends := fmt.Sprintf("plan %s, agreed to by %s", short(h.Plan), orDash(agreed(h)))
	switch {
	case h.Ends != "":
		ends = "ends when " + h.Ends
	case !h.Released.IsZero():
		ends = "released, and about to be done"
	}
	_, err := fmt.Fprintf(out, "\nheld: %s, since %s: %s\n", h.ID, moment(h.Since), h.Reason)
	for _, d := range h.First {
		if err == nil {
			_, err = fmt.Fprintf(out, "  %s: %s\n", nameOr(d.UserName, d.Identity), d.What)
		}
	}
	if more := h.Count - len(h.First); more > 0 && err == nil {
		_, err = fmt.Fprintf(out, "  and %d more\n", more)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "  %s\n", ends)
	}
	return err
}

func agreed(h schema.Hold) string {
	var names []string
	for _, a := range h.Agreed {
		names = append(names, a.By)
	}
	return strings.Join(names, ", ")
}

func nameOr(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func sweepReleaseCommand() *cobra.Command {
	var a about
	var f format
	var reason, plan string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "release ID --reason WHY [--plan PLAN] [--dry-run] --server URL",
		Short: "Agree to what is held, as 'sweep list' shows it; the second person's yes releases it",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			c, err := a.ask()
			if err != nil {
				return err
			}
			h, err := c.hold(cmd.Context(), args[0], plan)
			if err != nil {
				return err
			}
			r, err := c.release(cmd.Context(), h, reason, dryRun)
			if err != nil {
				return err
			}
			awaits := access.Awaits(r.Hold)
			err = f.print(cmd.OutOrStdout(), r, func(out io.Writer) error {
				if err := holdText(out, h); err != nil {
					return err
				}
				did := "agreed to"
				if awaits == 0 {
					did = "released"
				}
				if dryRun {
					did = "would be " + did
				}
				_, err := fmt.Fprintf(out, "%s: plan %s %s\n", r.ID, short(r.Plan), did)
				return err
			})
			if err == nil && awaits > 0 {
				err = hint(fmt.Errorf("%s: a second person is awaited: %w", r.ID, schema.ErrHeld),
					"with another token: drawbridge sweep release %s --plan %s --reason WHY --server %s", r.ID, short(r.Plan), a.server)
			}
			return err
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().StringVar(&plan, "plan", "", "the plan you looked at, or how it begins; left out: the present one")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

// hold returns what is held under an id, if its plan begins as is said.
func (c *client) hold(ctx context.Context, id, plan string) (schema.Hold, error) {
	holds, err := c.holds(ctx)
	if err != nil {
		return schema.Hold{}, err
	}
	i := slices.IndexFunc(holds, func(h schema.Hold) bool { return h.ID == id })
	switch {
	case i < 0:
		return schema.Hold{}, hint(fmt.Errorf("nothing is held as %s: %w", id, schema.ErrNotFound), "'drawbridge sweep list' shows what is held")
	case holds[i].Ends != "":
		return schema.Hold{}, fmt.Errorf("%s is for nobody to release; it ends when %s: %w", id, holds[i].Ends, schema.ErrForbidden)
	case !strings.HasPrefix(holds[i].Plan, plan):
		return schema.Hold{}, hint(fmt.Errorf("%s: its plan is %s now: %w", id, short(holds[i].Plan), schema.ErrConflict),
			"what it would do has changed; look at it again")
	}
	return holds[i], nil
}
