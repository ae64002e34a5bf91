package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func connectorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "connector", Short: "The systems downstream"}
	cmd.AddCommand(connectorListCommand(), connectorCredentialsCommand(), connectorProfilesCommand(), connectorDescribeCommand(), connectorNewCommand(), connectorCheckCommand(), connectorImportCommand(), connectorAdoptCommand(), connectorRampCommand(), connectorFakeCommand(), connectorUnparkCommand(), connectorReplayCommand())
	return cmd
}

func connectorListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --server URL)",
		Short: "List the connectors, and what waits for them",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listConnectors(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, c := range all {
					rows = append(rows, []string{
						c.Name, orDash(c.Breaker.State), orDash(c.Type), orDash(string(c.Mode)), orDash(c.Ramp), fmt.Sprint(c.Waiting), fmt.Sprint(c.Retrying), fmt.Sprint(c.Parked), moment(c.Open),
					})
				}
				return table(out, "connector breaker type mode ramp waiting retrying parked open-since", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func connectorUnparkCommand() *cobra.Command {
	var a about
	var f format
	var identity string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "unpark NAME [--identity USER] --server URL",
		Short: "Have accounts tried again that were given up, once what was wrong is mended",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.ask()
			if err != nil {
				return err
			}
			r, err := c.unpark(cmd.Context(), args[0], identity, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), r, func(out io.Writer) error {
				did := "are tried again"
				if dryRun {
					did = "would be tried again"
				}
				_, err := fmt.Fprintf(out, "%d accounts of connector %s %s\n", r.Accounts, r.Connector, did)
				return err
			})
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&identity, "identity", "", "whose account: an id, a userName or an email address; left out: all that are parked")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how many there are, and do nothing")
	return cmd
}

func listConnectors(ctx context.Context, a about) (all []api.ConnectorView, err error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		return c.connectors(ctx)
	}
	err = a.read(func(s stopped) error {
		var book *policy.Book
		rules, err := s.rules(ctx)
		switch {
		case err == nil:
			book = rules.Book()
		case !errors.Is(err, schema.ErrNotFound):
			return err
		}
		var names []string
		for _, c := range s.cfg.Connectors {
			names = append(names, c.Name)
		}
		return s.store.View(ctx, func(r store.Reader) error {
			all, err = api.ConnectorsOf(r, book, schema.Sorted(names...))
			return err
		})
	})
	return all, err
}
