package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func sweepCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sweep", Short: "Searches for what no change announces"}
	cmd.AddCommand(sweepListCommand(), sweepRunCommand(), sweepRunsCommand(), sweepShowCommand(), sweepReleaseCommand())
	return cmd
}

func sweepListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --server URL)",
		Short: "List the sweeps, what their last runs found, and all that is held until people decide",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listSweeps(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, all.text)
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

// A sweepList is the sweeps, and all that is held.
type sweepList struct {
	Sweeps []api.SweepView `json:"sweeps"`
	Holds  []schema.Hold   `json:"holds"`
}

func (l sweepList) text(out io.Writer) error {
	var rows [][]string
	for _, s := range l.Sweeps {
		when, outcome := lastRun(s.Last)
		rows = append(rows, []string{s.Name, sweepDue(s), when, outcome})
	}
	if err := table(out, "sweep due last outcome", rows); err != nil {
		return err
	}
	for _, h := range l.Holds {
		if err := holdText(out, h); err != nil {
			return err
		}
	}
	return nil
}

func sweepDue(s api.SweepView) string {
	if s.Running {
		return "running"
	}
	return moment(s.Next)
}

// lastRun says in a few words when a sweep ran last, and what that came to.
func lastRun(r *schema.Run) (when, outcome string) {
	switch {
	case r == nil:
		return moment(time.Time{}), "never ran"
	case r.Held != "":
		outcome = "held: " + r.Held
	case r.Problem != "":
		outcome = "failed: " + strings.ReplaceAll(r.Problem, "\n", "; ")
	default:
		outcome = fmt.Sprintf("%d looked at, %d found, %d acted on, %d reported", r.Looked, r.Found, r.Done, r.Reported)
		if r.Retried > 0 {
			outcome += fmt.Sprintf(", %d tried again", r.Retried)
		}
		for _, why := range slices.Sorted(maps.Keys(r.PassedOver)) {
			outcome += fmt.Sprintf(", %d passed over (%s)", r.PassedOver[why], why)
		}
	}
	return moment(r.Started), outcome
}

func listSweeps(ctx context.Context, a about) (l sweepList, err error) {
	c, err := a.client()
	if err != nil {
		return l, err
	}
	if c != nil {
		if l.Sweeps, err = c.sweeps(ctx); err == nil {
			l.Holds, err = c.holds(ctx)
		}
		return l, err
	}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			if l.Sweeps, err = api.SweepsOf(r, s.sweeps()); err == nil {
				l.Holds, err = access.ListHolds(r)
			}
			return err
		})
	})
	return l, err
}
