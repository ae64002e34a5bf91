package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"drawbridge/server/api"
)

func connectorRampCommand() *cobra.Command {
	var o ramping
	var f format
	cmd := &cobra.Command{
		Use:   "ramp NAME (--to one|5%|all [--pause DUR] | --status | --stop | --resume) --server URL",
		Short: "Have a target written to a few accounts at first, and say what it takes",
		Long: "Has one account written to, then one in twenty, then all, as far as --to, with a pause between. Which accounts\n" +
			"are first depends on who they are alone. It stops by itself when too many fail: one of the first, two in a\n" +
			"hundred, or twenty. What takes access away from accounts that the bridge manages is never held by it.\n" +
			"Without a ramp everybody is written to at once. --dry-run says what it would take, and does nothing.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.ask()
			if err != nil {
				return err
			}
			v, err := o.do(cmd.Context(), c, "/api/v1/connectors/"+url.PathEscape(args[0])+"/ramp")
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return rampText(out, v) })
		},
	}
	o.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&o.to, "to", "", "one, a percentage such as 5%, or all")
	cmd.Flags().StringVar(&o.pause, "pause", "", "between one stage and the next; left out, 15m")
	cmd.Flags().BoolVar(&o.status, "status", false, "say how far it has come")
	cmd.Flags().BoolVar(&o.stop, "stop", false, "have it stand still")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "have it go on, after it was stopped")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what it would take, and do nothing")
	return cmd
}

// A ramping is one thing to do about a ramp.
type ramping struct {
	about
	to, pause                    string
	status, stop, resume, dryRun bool
}

func (o *ramping) do(ctx context.Context, c *client, path string) (v api.RampView, err error) {
	asked := 0
	for _, is := range []bool{o.to != "", o.status, o.stop, o.resume} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		return v, fmt.Errorf("%w: say one of --to, --status, --stop and --resume", errUsage)
	}
	if o.status {
		return v, c.get(ctx, path, nil, &v)
	}
	body := map[string]string{}
	switch {
	case o.stop:
		body["do"] = "stop"
	case o.resume:
		body["do"] = "resume"
	default:
		body["to"] = o.to
		if o.pause != "" {
			body["pause"] = o.pause
		}
	}
	err = c.call(ctx, http.MethodPost, dry(path, o.dryRun), body, &v)
	return v, err
}

func rampText(out io.Writer, v api.RampView) error {
	if v.State == "none" {
		_, err := fmt.Fprintf(out, "%s has no ramp: everybody is written to\n", v.Connector)
		return err
	}
	if v.Told != "" {
		fmt.Fprintf(out, "to %s: %s, %s\n", v.Goal, plural(v.Tally.Accounts, "account"), v.Told)
	}
	if v.DryRun {
		return nil
	}
	fmt.Fprintf(out, "%s: %s", v.Connector, v.Summary())
	if v.Population > 0 {
		fmt.Fprintf(out, "; %d of %d accounts may be written to, %d wait, %d failed", v.Admitted, v.Population, v.Waiting, v.Failed)
	}
	fmt.Fprintln(out)
	var err error
	switch {
	case v.Stopped != "":
		_, err = fmt.Fprintf(out, "stopped since %s: %s\nan operator has it go on: drawbridge connector ramp %s --resume\n", moment(v.Since), v.Stopped, v.Connector)
	case !v.Next.IsZero():
		_, err = fmt.Fprintf(out, "the next stage begins at %s\n", moment(v.Next))
	}
	return err
}
