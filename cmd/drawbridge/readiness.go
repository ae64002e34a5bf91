package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
)

func readinessCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "readiness (--config FILE | --server URL)",
		Short: "Say what is still to be decided, by role and connector, by whom, and what of it first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var r access.Readiness
				if err := c.get(cmd.Context(), "/api/v1/readiness", nil, &r); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), r, readinessText(r))
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}

func readinessText(r access.Readiness) func(io.Writer) error {
	return func(out io.Writer) error {
		fmt.Fprintf(out, "policy %s\n%s\n", short(r.Policy), coverageText(r.Coverage))
		for _, part := range []struct {
			heading string
			all     []access.Readied
		}{{"role score mode gaps", r.Roles}, {"connector score mode gaps", r.Connectors}} {
			var rows [][]string
			for _, one := range part.all {
				rows = append(rows, []string{one.Name, fmt.Sprint(one.Score), string(one.Mode), fmt.Sprint(len(one.Gaps))})
			}
			if len(rows) == 0 {
				continue
			}
			fmt.Fprintln(out)
			if err := table(out, part.heading, rows); err != nil {
				return err
			}
		}
		if len(r.Gaps) == 0 {
			_, err := fmt.Fprintln(out, "\nnothing is to be decided")
			return err
		}
		var rows [][]string
		for _, g := range r.Gaps {
			what := g.What
			if g.Code != "" && !strings.HasPrefix(what, g.Code) {
				what = g.Code + ": " + what
			}
			rows = append(rows, []string{fmt.Sprint(g.Weight), g.About, orDash(g.Who), what})
		}
		fmt.Fprintln(out)
		return table(out, "weight about who next", rows)
	}
}
