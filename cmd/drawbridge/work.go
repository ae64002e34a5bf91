package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"drawbridge/schema"
	"drawbridge/server/api"
)

func workCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "work", Short: "What people are asked: to do what no program can reach, to release what is proposed"}
	cmd.AddCommand(workListCommand(), workChooseCommand("release"), workChooseCommand("dismiss"), workSayCommand("confirm"), workSayCommand("decline"))
	return cmd
}

// mostWork is how many work items are listed.
const mostWork = 10_000

func workListCommand() *cobra.Command {
	var a about
	var f format
	var connector, kind, of string
	var overdue bool
	cmd := &cobra.Command{
		Use:   "list [--kind task|proposal] [--of CAUSE] [--connector NAME] [--overdue] --server URL",
		Short: "List what is asked and nobody has confirmed; with --kind proposal, what is proposed and nobody has released",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind != "task" && kind != "proposal" || of != "" && kind != "proposal" {
				return fmt.Errorf("%w: --kind is task or proposal; --of goes with proposals", errUsage)
			}
			c, err := a.ask()
			if err != nil {
				return err
			}
			if kind == "proposal" {
				return c.listProposals(cmd, f, of)
			}
			query := url.Values{"connector": {connector}}
			if overdue {
				query.Set("overdue", strconv.FormatBool(overdue))
			}
			items, err := pages[schema.WorkItem](cmd.Context(), c, "/api/v1/work-items", query, mostWork)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), items, func(out io.Writer) error {
				var rows [][]string
				for _, w := range items {
					rows = append(rows, []string{w.Connector, w.UserName, w.What, orDash(w.Assignee), moment(w.Due), short(w.Plan)})
				}
				return table(out, "connector user what assignee due plan", rows)
			})
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&kind, "kind", "task", "task: what people are to do at a target; proposal: what waits to be released")
	cmd.Flags().StringVar(&of, "of", "", "the lines of one cause, by its id")
	cmd.Flags().StringVar(&connector, "connector", "", "only at this one")
	cmd.Flags().BoolVar(&overdue, "overdue", false, "only what should have been confirmed by now")
	return cmd
}

// workSayCommand is what a person says of a work item: that it is done, or will not
// be.
func workSayCommand(verb string) *cobra.Command {
	var a about
	var f format
	var plan, words, remoteID string
	var dryRun bool
	flag, help, short := "evidence", "how it can be seen that it was done", "Say that what was asked is done, and how that can be seen"
	if verb == "decline" {
		flag, help, short = "reason", "why it will not be done", "Say that what was asked will not be done, and why"
	}
	cmd := &cobra.Command{
		Use:   verb + " CONNECTOR USER --plan PLAN --" + flag + " TEXT --server URL",
		Short: short,
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if plan == "" || words == "" {
				return fmt.Errorf("%w: --plan says what you looked at, and --%s %s", errUsage, flag, help)
			}
			c, err := a.ask()
			if err != nil {
				return err
			}
			said, err := c.sayOfWork(cmd.Context(), verb, args[0], args[1], map[string]string{"plan": plan, "words": words, "remoteId": remoteID}, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), said, func(out io.Writer) error {
				did := map[string]string{"confirm": "confirmed", "decline": "declined"}[verb]
				if dryRun {
					did = "would be " + did
				}
				_, err := fmt.Fprintf(out, "%s at %s %s: %s\n", said.UserName, said.Connector, did, said.What)
				return err
			})
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&plan, "plan", "", "the plan that you looked at, or how it begins")
	cmd.Flags().StringVar(&words, flag, "", help)
	if verb == "confirm" {
		cmd.Flags().StringVar(&remoteID, "id", "", "what the target calls an account that was made; left out: its userName")
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and change nothing")
	return cmd
}

func (c *client) sayOfWork(ctx context.Context, verb, connector, user string, body map[string]string, dryRun bool) (said api.Said, err error) {
	path := "/api/v1/work-items/" + url.PathEscape(connector) + "/" + url.PathEscape(user) + "/" + verb
	return said, c.call(ctx, http.MethodPost, dry(path, dryRun), body, &said)
}
