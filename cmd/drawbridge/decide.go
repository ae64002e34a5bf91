package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// A verb is what a command decides about one of several things, by its id: the API
// has it below the thing, by the same name. V is how the thing stands afterwards.
type verb[V any] struct {
	things      string // as the API calls them
	thing       string
	name, short string
	text        func(V) func(io.Writer) error
	outcome     func(V) error // nil, or what of how it stands is a failure
}

// command makes the command, for a bridge that runs and for one that is stopped.
// Whether a reason is wanted is for the API to say.
func (d verb[V]) command() *cobra.Command {
	var w who
	var f format
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   d.name + " " + strings.ToUpper(d.thing) + " --reason WHY [--dry-run] (--config FILE --as USER | --server URL)",
		Short: d.short,
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var v V
				path := "/api/v1/" + d.things + "/" + url.PathEscape(args[0]) + "/" + d.name
				if err := c.call(cmd.Context(), http.MethodPost, dry(path, dryRun), map[string]string{"reason": reason}, &v); err != nil {
					return err
				}
				if err := f.print(cmd.OutOrStdout(), v, d.text(v)); err != nil || d.outcome == nil {
					return err
				}
				return d.outcome(v)
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}
