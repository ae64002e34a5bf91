package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/store"
)

// issuedPrefix is before the id of a token among credentials of other kinds.
const issuedPrefix = "token/"

func tokenListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --server URL)",
		Short: "List the credentials by which people and programs are known: age, end, last use, and what is the matter",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listCredentials(cmd.Context(), a)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(c access.Credential) bool { return !strings.HasPrefix(c.Holder, "token/") })
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error { return printCredentials(out, "name", all, time.Now()) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func sourceTokenListCommand() *cobra.Command {
	var a about
	var f format
	var everyone bool
	cmd := &cobra.Command{
		Use:   "list [--all] (--config FILE | --server URL)",
		Short: "List the credentials by which sources are known: age, end, last use, and what is the matter",
		Long: "Lists the credentials by which sources are known: tokens that were issued or are configured, certificates that were shown,\n" +
			"and issuers whose tokens were. When one was last used is known to the hour. With --all, those of the API and of the bridge itself too.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listCredentials(cmd.Context(), a)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(c access.Credential) bool {
				_, of := c.Source()
				return !of && !everyone
			})
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error { return printCredentials(out, "source", all, time.Now()) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().BoolVar(&everyone, "all", false, "of the API and of the bridge itself too")
	return cmd
}

// printCredentials prints them under a heading that says what their holders are.
func printCredentials(out io.Writer, holder string, all []access.Credential, now time.Time) error {
	var rows [][]string
	for _, c := range all {
		end := "never"
		switch {
		case !c.Revoked.IsZero():
			end = "revoked " + ago(now.Sub(c.Revoked))
		case !c.Expires.IsZero() && now.Before(c.Expires):
			end = "in " + span(c.Expires.Sub(now))
		case !c.Expires.IsZero():
			end = "expired " + ago(now.Sub(c.Expires))
		}
		used := "-"
		if !c.Used.IsZero() {
			used = ago(now.Sub(c.Used))
		}
		age := "-"
		if !c.Since.IsZero() {
			age = span(now.Sub(c.Since))
		}
		rows = append(rows, []string{strings.TrimPrefix(c.ID, issuedPrefix), strings.TrimPrefix(strings.TrimPrefix(c.Holder, "source/"), "token/"), string(c.Kind), age, end, used, orDash(c.Problem)})
	}
	if err := table(out, "credential "+holder+" kind age ends used problem", rows); err != nil {
		return err
	}
	for _, c := range all {
		if c.Problem != "" {
			fmt.Fprintf(out, "\n%s of %s: %s\n", strings.TrimPrefix(c.ID, issuedPrefix), c.Holder, c.Reason)
		}
	}
	return nil
}

// span is about how long something takes, as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(0, d)/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	}
	return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
}

func ago(d time.Duration) string { return span(d) + " ago" }

func listCredentials(ctx context.Context, a about) ([]access.Credential, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		return c.credentials(ctx)
	}
	var all []access.Credential
	err = a.read(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) (err error) {
			all, err = access.Credentials(r, rules.Book(), s.cfg.Credentials.WarnBefore, bridge.Shown(s.cfg, rules.Book())...)
			return err
		})
	})
	return all, err
}
