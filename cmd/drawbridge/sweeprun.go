package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func sweepRunCommand() *cobra.Command {
	var a about
	var f format
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "run NAME [--dry-run] (--config FILE | --server URL)",
		Short: "Make a sweep due now; a bridge that is stopped runs it when it starts. With --dry-run, say what it would come to",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ran, err := runSweep(cmd.Context(), a, args[0], dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), ran, func(out io.Writer) error {
				if ran.Preview != nil {
					return previewText(out, *ran.Preview)
				}
				did := "is due now"
				if dryRun {
					did = "would be due now"
				}
				_, err := fmt.Fprintf(out, "sweep %s %s\n", args[0], did)
				return err
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

func runSweep(ctx context.Context, a about, name string, dryRun bool) (ran api.SweepRun, err error) {
	ran = api.SweepRun{Sweep: name, DryRun: dryRun}
	c, err := a.client()
	if err != nil {
		return ran, err
	}
	if c != nil {
		path := "/api/v1/sweeps/" + url.PathEscape(name) + "/run"
		return ran, c.call(ctx, http.MethodPost, dry(path, dryRun), nil, &ran)
	}
	return ran, a.change(func(s stopped) error {
		names := s.sweeps()
		if !slices.Contains(names, name) {
			return hint(fmt.Errorf("sweep %s: %w", name, schema.ErrNotFound), "there are %s", strings.Join(names, ", "))
		}
		return s.try(ctx, dryRun, func(tx store.Tx) error { return access.RunSweep(tx, name) })
	})
}

// previewText says what a run would come to.
func previewText(out io.Writer, p access.Preview) error {
	if err := runText(out, p.Run); err != nil {
		return err
	}
	for _, h := range p.Plans {
		if _, err := fmt.Fprintf(out, "%s: %d, plan %s%s\n", h.Subject, h.Count, short(h.Plan), ifAny("; the guard holds it: ", h.Reason)); err != nil {
			return err
		}
	}
	return nil
}

func ifAny(before, words string) string {
	if words == "" {
		return ""
	}
	return before + words
}

// runText says what a run came to.
func runText(out io.Writer, r schema.Run) error {
	would := ""
	if r.DryRun {
		would = " (only looked)"
	}
	_, err := fmt.Fprintf(out, "sweep %s at %s%s: %d looked at, %d found, %d proposed, %d acted on, %d reported\n",
		r.Sweep, moment(r.Started), would, r.Looked, r.Found, r.Proposed, r.Done, r.Reported)
	for _, line := range []string{ifAny("held: ", r.Held), ifAny("failed: ", r.Problem)} {
		if err == nil && line != "" {
			_, err = fmt.Fprintln(out, line)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(r.PassedOver)) {
		if err == nil {
			_, err = fmt.Fprintf(out, "passed over: %d, for %s\n", r.PassedOver[why], why)
		}
	}
	if err == nil && r.Resumed > 0 {
		_, err = fmt.Fprintf(out, "cut off and resumed %d times\n", r.Resumed)
	}
	for _, d := range r.First {
		if err == nil {
			_, err = fmt.Fprintf(out, "  %s: %s\n", nameOr(d.UserName, d.Identity), d.What)
		}
	}
	return err
}

func sweepRunsCommand() *cobra.Command {
	var w who
	var f format
	var sweep string
	cmd := &cobra.Command{
		Use:   "runs [--sweep NAME] (--config FILE | --server URL)",
		Short: "List runs of sweeps, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				runs, err := pages[schema.Run](cmd.Context(), c, "/api/v1/runs", url.Values{"sweep": {sweep}}, mostListed)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), runs, func(out io.Writer) error {
					var rows [][]string
					for _, r := range runs {
						when, outcome := lastRun(&r)
						rows = append(rows, []string{strings.Replace(r.ID, "/", ":", 1), r.Sweep, when, outcome})
					}
					return table(out, "run sweep started outcome", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&sweep, "sweep", "", "only of this one")
	return cmd
}

func sweepShowCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "show RUN (--config FILE | --server URL)",
		Short: "Say what a run looked at, found, proposed, did, and was held from",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var r schema.Run
				if err := c.get(cmd.Context(), "/api/v1/runs/"+url.PathEscape(args[0]), nil, &r); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), r, func(out io.Writer) error { return runText(out, r) })
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}
