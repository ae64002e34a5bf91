package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/policy"
	"drawbridge/server/api"
)

func findingCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "finding", Short: "What is not as it should be, and what people decide about it"}
	cmd.AddCommand(
		findingListCommand(), findingShowCommand(),
		findingDecideCommand("adopt", "Say whose an account is that no identity explains"),
		findingDecideCommand("revoke", "Take away the access that it is about"),
		findingDecideCommand("except", "Allow it for a time, with what is done instead"),
		findingDecideCommand("assign", "Have a person see to it"),
		findingDecideCommand("ignore", "Put it aside until a day, on which it comes back"),
	)
	return cmd
}

func findingListCommand() *cobra.Command {
	var w who
	var f format
	var kind, connector string
	var all bool
	cmd := &cobra.Command{
		Use:   "list [--kind KIND] [--connector NAME] [--all] (--config FILE | --server URL)",
		Short: "List findings, with how old each is",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				query := url.Values{"kind": {kind}, "connector": {connector}}
				if all {
					query.Set("quiet", strconv.FormatBool(all))
				}
				found, err := pages[api.FindingView](cmd.Context(), c, "/api/v1/findings", query, mostListed)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), found, func(out io.Writer) error {
					var rows [][]string
					for _, v := range found {
						rows = append(rows, []string{v.ID, v.Kind, orDash(v.Connector), nameOr(v.UserName, v.Subject), orDash(v.Object), v.Age, settled(v), v.Reason})
					}
					return table(out, "finding kind connector subject object age decided reason", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&kind, "kind", "", "only of this kind")
	cmd.Flags().StringVar(&connector, "connector", "", "only at this one")
	cmd.Flags().BoolVar(&all, "all", false, "those too that somebody put aside, or allowed, for now")
	return cmd
}

// settled says in a few words what a person decided about a finding.
func settled(v api.FindingView) string {
	s := v.Settled
	switch {
	case s == nil:
		return "-"
	case s.Excepted:
		return "allowed until " + moment(s.Until)
	case !s.Until.IsZero():
		return "aside until " + moment(s.Until)
	}
	return "assigned to " + nameOr(v.Assignee, s.Assignee)
}

func findingShowCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "show FINDING (--config FILE | --server URL)",
		Short: "Say what a finding is about, and what was decided",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var v api.FindingView
				if err := c.get(cmd.Context(), "/api/v1/findings/"+url.PathEscape(args[0]), nil, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return findingText(out, v) })
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}

// findingText says what a finding is about, and what was decided: by whom, why and what
// is done instead. Why is left out for those whom the bridge does not tell.
func findingText(out io.Writer, v api.FindingView) error {
	if v.DryRun {
		fmt.Fprintln(out, "nothing was done; it would be:")
	}
	_, err := fmt.Fprintf(out, "finding %s, %s: %s %s %s: %s\nfirst found at %s, %s ago; last at %s; decided: %s\n",
		v.ID, v.Kind, orDash(v.Connector), nameOr(v.UserName, v.Subject), orDash(v.Object), v.Reason, moment(v.First), v.Age, moment(v.Last), settled(v))
	s := v.Settled
	if err != nil || s == nil {
		return err
	}
	fmt.Fprintf(out, "by %s at %s", s.By, moment(s.At))
	if s.Reason != "" {
		fmt.Fprintf(out, ": %s", s.Reason)
	}
	if len(s.Compensating) > 0 {
		fmt.Fprintf(out, "\ninstead: %s", strings.Join(s.Compensating, "; "))
	}
	if s.Assignee != "" && !s.Until.IsZero() {
		fmt.Fprintf(out, "\n%s is to see to it", nameOr(v.Assignee, s.Assignee))
	}
	_, err = fmt.Fprintln(out)
	return err
}

// A settling is what the command line says of a finding.
type settling struct {
	Reason       string     `json:"reason"`
	Until        *time.Time `json:"until,omitempty"`
	To           string     `json:"to,omitempty"`
	Compensating []string   `json:"compensating,omitempty"`
	Leavers      bool       `json:"leavers,omitempty"`
}

// findingDecideCommand is one thing that people decide about a finding.
func findingDecideCommand(name, short string) *cobra.Command {
	var w who
	var f format
	var s settling
	var lasts string
	var dryRun bool
	further := map[string]string{
		"ignore": " --for 30d", "except": " --for 30d --compensating WHAT...", "assign": " --to USER", "adopt": " --to USER [--leavers]",
	}[name]
	cmd := &cobra.Command{
		Use:   name + " FINDING" + further + " --reason WHY [--dry-run] (--config FILE --as USER | --server URL)",
		Short: short,
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lasts != "" {
				d, err := policy.ParseDuration(lasts)
				if err != nil || d <= 0 {
					return fmt.Errorf("%w: --for is how long, as in 30d", errUsage)
				}
				at := time.Now().Add(time.Duration(d)).UTC().Truncate(time.Second)
				s.Until = &at
			}
			return w.with(cmd.Context(), func(c *client) error {
				var v api.FindingView
				path := "/api/v1/findings/" + url.PathEscape(args[0]) + "/" + name
				if err := c.call(cmd.Context(), http.MethodPost, dry(path, dryRun), s, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return findingText(out, v) })
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.Reason, "reason", "", "why, for the decision log")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	switch name {
	case "ignore", "except":
		flags.StringVar(&lasts, "for", "", "how long, as in 30d; 366d at most")
		if name == "except" {
			flags.StringArrayVar(&s.Compensating, "compensating", nil, "what is done instead")
		}
	case "assign":
		flags.StringVar(&s.To, "to", "", "who is to see to it")
	case "adopt":
		flags.StringVar(&s.To, "to", "", "whose account it is")
		flags.BoolVar(&s.Leavers, "leavers", false, "it may be of somebody who left, and is then disabled")
	}
	return cmd
}
