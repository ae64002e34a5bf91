package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/notice"
	"drawbridge/server/api"
)

func noticeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "notice", Aliases: []string{"notices"}, Short: "What people are told, and by which way"}
	cmd.AddCommand(noticeListCommand(), noticeTestCommand())
	return cmd
}

func noticeListCommand() *cobra.Command {
	var w who
	var f format
	var to string
	var waiting bool
	cmd := &cobra.Command{
		Use:   "list [--to USER|operators] [--waiting] (--config FILE | --server URL)",
		Short: "List what people are to be told, and what they were told in the last 90 days",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				query := url.Values{"to": {to}}
				if waiting {
					query.Set("waiting", strconv.FormatBool(waiting))
				}
				found, err := pages[api.NoticeView](cmd.Context(), c, "/api/v1/notices", query, mostListed)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), found, func(out io.Writer) error {
					var rows [][]string
					for _, n := range found {
						rows = append(rows, []string{nameOr(n.UserName, n.To), n.Kind, n.Subject, moment(n.Raised), moment(n.Told), orDash(strings.Join(n.By, ", ")), n.What})
					}
					return table(out, "to notice about raised told by what", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&to, "to", "", "only what is for this person, or for the operators")
	cmd.Flags().BoolVar(&waiting, "waiting", false, "only what is yet to be told")
	return cmd
}

// errUntold is of a trial that some way did not take, or that none takes to whom it is for.
var errUntold = errors.New("the trial did not come by every way, or by any")

// untold returns errUntold where a way that reaches whom a trial is for did not take it, or
// where there is none, so that whoever watches over notices learns it from the exit code.
func untold(tried []notice.Trial) error {
	failed := slices.ContainsFunc(tried, func(t notice.Trial) bool { return t.Problem != "" })
	if failed || !slices.ContainsFunc(tried, func(t notice.Trial) bool { return t.Reaches }) {
		return errUntold
	}
	return nil
}

func noticeTestCommand() *cobra.Command {
	var w who
	var f format
	var to string
	cmd := &cobra.Command{
		Use:   "test [--to USER|operators] --server URL",
		Short: "Send a trial by every way that is configured, now, and say what each made of it",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var tried api.List[notice.Trial]
				if err := c.call(cmd.Context(), http.MethodPost, "/api/v1/notices/test", map[string]string{"to": to}, &tried); err != nil {
					return err
				}
				err := f.print(cmd.OutOrStdout(), tried.Items, func(out io.Writer) error { return trialText(out, tried.Items) })
				return errors.Join(err, untold(tried.Items))
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&to, "to", "operators", "whom to send it to")
	return cmd
}

func trialText(out io.Writer, tried []notice.Trial) error {
	if len(tried) == 0 {
		_, err := fmt.Fprintln(out, "no way is configured by which people are told anything: see notices in drawbridge.yaml")
		return err
	}
	var rows [][]string
	for _, t := range tried {
		came := "taken"
		switch {
		case !t.Reaches:
			came = "does not reach them"
		case t.Problem != "":
			came = "not taken: " + t.Problem
		}
		rows = append(rows, []string{t.Channel, came})
	}
	return table(out, "way outcome", rows)
}
