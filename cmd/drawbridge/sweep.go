package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/schema"
	"drawbridge/store"
)

func sweepCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sweep", Short: "Searches for what no change announces"}
	cmd.AddCommand(sweepListCommand(), sweepRunCommand())
	return cmd
}

func sweepListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --server URL)",
		Short: "List the sweeps, when they are due, and what the last run found",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			sweeps, err := listSweeps(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), sweeps, func(out io.Writer) error {
				var rows [][]string
				for _, s := range sweeps {
					rows = append(rows, []string{s.Name, s.due(), moment(s.last().Started), s.outcome()})
				}
				return table(out, "sweep due last outcome", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

// A sweepStatus is one sweep, when it is due, and its newest run.
type sweepStatus struct {
	Name string      `json:"name"`
	Next time.Time   `json:"next,omitzero"` // when it is due
	Last *schema.Run `json:"last,omitempty"`

	Running bool `json:"running"`
}

func (s sweepStatus) due() string {
	if s.Running {
		return "running"
	}
	return moment(s.Next)
}

func (s sweepStatus) last() schema.Run {
	if s.Last == nil {
		return schema.Run{}
	}
	return *s.Last
}

// outcome says in a few words what the last run came to.
func (s sweepStatus) outcome() string {
	r := s.last()
	switch {
	case s.Last == nil:
		return "never ran"
	case r.Held != "":
		return "held: " + r.Held
	case r.Problem != "":
		return "failed: " + strings.ReplaceAll(r.Problem, "\n", "; ")
	}
	return fmt.Sprintf("%d looked at, %d found, %d acted on, %d reported", r.Looked, r.Found, r.Done, r.Reported)
}

func listSweeps(ctx context.Context, a about) (sweeps []sweepStatus, err error) {
	running, err := a.running()
	if err != nil {
		return nil, err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return nil, err
		}
		return c.sweeps(ctx)
	}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			sweeps, err = readSweeps(r, s.cfg.Sweeps)
			return err
		})
	})
	return sweeps, err
}

func readSweeps(r store.Reader, configured []configs.Sweep) ([]sweepStatus, error) {
	due := map[string]time.Time{}
	for item, err := range store.Items(r, access.LaneSweep) {
		if err != nil {
			return nil, err
		}
		due[item.ID] = item.Due
	}
	sweeps := []sweepStatus{}
	for _, c := range configured {
		s := sweepStatus{Name: c.Name, Next: due[c.Name]}
		run, err := access.LastRun(r, c.Name, func(schema.Run) bool { return true })
		switch {
		case err == nil:
			s.Last = &run
		case !errors.Is(err, schema.ErrNotFound):
			return nil, err
		}
		sweeps = append(sweeps, s)
	}
	slices.SortFunc(sweeps, func(a, b sweepStatus) int { return strings.Compare(a.Name, b.Name) })
	return sweeps, nil
}

func sweepRunCommand() *cobra.Command {
	var a about
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "run NAME (--config FILE | --server URL)",
		Short: "Make a sweep due now; a bridge that is stopped runs it when it starts",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := runSweep(cmd.Context(), a, args[0], dryRun); err != nil {
				return err
			}
			did := "is due now"
			if dryRun {
				did = "would be due now"
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "sweep %s %s\n", args[0], did)
			return err
		},
	}
	a.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

func runSweep(ctx context.Context, a about, name string, dryRun bool) error {
	running, err := a.running()
	if err != nil {
		return err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return err
		}
		return c.runSweep(ctx, name, dryRun)
	}
	return a.change(func(s stopped) error {
		var names []string
		for _, c := range s.cfg.Sweeps {
			names = append(names, c.Name)
		}
		if !slices.Contains(names, name) {
			return hint(fmt.Errorf("sweep %s: %w", name, schema.ErrNotFound), "there are %s", strings.Join(names, ", "))
		}
		return s.try(ctx, dryRun, func(tx store.Tx) error { return access.RunSweep(tx, name) })
	})
}
