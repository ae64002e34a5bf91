package main

import (
	"os/user"

	"github.com/spf13/cobra"
)

func sourceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Where identities come from"}
	token := &cobra.Command{Use: "token", Short: "The credentials by which a source is known"}
	token.AddCommand(sourceTokenIssueCommand(), sourceTokenListCommand(), tokenRevokeCommand("source token"), tokenCutCommand())
	cmd.AddCommand(sourceListCommand(), sourceUnmappedCommand(), sourceParkedCommand(), sourceRecordsCommand(), sourceJoinCommand(), sourceSplitCommand(), token)
	return cmd
}

// local is how decisions name whoever works on the store of a stopped bridge.
func local() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local/" + u.Username
	}
	return "local/unknown"
}
