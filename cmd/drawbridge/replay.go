package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"drawbridge/server/api"
)

func connectorReplayCommand() *cobra.Command {
	var a about
	var f format
	var identity string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "replay NAME [--account USER] --server URL",
		Short: "Tell a target again of what is decided, after it lost what it was told",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.ask()
			if err != nil {
				return err
			}
			r, err := c.replay(cmd.Context(), args[0], identity, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), r, func(out io.Writer) error {
				did := "is told again"
				if dryRun {
					did = "would be told again"
				}
				_, err := fmt.Fprintf(out, "connector %s %s of %d accounts\n", r.Connector, did, r.Accounts)
				return err
			})
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&identity, "account", "", "whose account: an id, a userName or an email address; left out: all that are known there")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how many there are, and do nothing")
	return cmd
}

func (c *client) replay(ctx context.Context, connector, identity string, dryRun bool) (r api.ReplayReply, err error) {
	body := map[string]string{"connector": connector, "identity": identity}
	err = c.call(ctx, http.MethodPost, dry("/api/v1/accounts/replay", dryRun), body, &r)
	return r, err
}
