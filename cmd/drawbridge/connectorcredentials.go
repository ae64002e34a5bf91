package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
)

func connectorCredentialsCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "credentials (--config FILE | --server URL)",
		Short: "List the credentials that are shown to targets: who renews each, and when it ends",
		Long: "Lists the credentials by which the bridge is known to its targets, never the secrets: who answers for each, since when it is the one it is,\n" +
			"and when it ends, where the configuration declares it (auth.expires), the credential says so itself (a JWT, a certificate), or its profile\n" +
			"says how long such a one lives. A finding, a line in the log and a metric say so 30 days, 7 days and a day before.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listCredentials(cmd.Context(), a)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(c access.Credential) bool { return c.Kind != access.ShownCredential })
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error { return printShown(out, all, time.Now()) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func printShown(out io.Writer, all []access.Credential, now time.Time) error {
	var rows [][]string
	for _, c := range all {
		end, age := "unknown", "-"
		switch {
		case c.Expires.IsZero():
		case now.Before(c.Expires):
			end = "in " + span(c.Expires.Sub(now))
		default:
			end = "expired " + ago(now.Sub(c.Expires))
		}
		if !c.Since.IsZero() {
			age = span(now.Sub(c.Since))
		}
		rows = append(rows, []string{strings.TrimPrefix(c.Holder, "connector/"), orDash(c.Owner), age, end, orDash(c.Problem)})
	}
	if err := table(out, "connector owner age ends problem", rows); err != nil {
		return err
	}
	for _, c := range all {
		if c.Problem != "" {
			fmt.Fprintf(out, "\n%s: %s\n", strings.TrimPrefix(c.Holder, "connector/"), c.Reason)
		}
	}
	return nil
}
