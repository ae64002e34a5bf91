package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/docs/codes"
)

func explainCodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain CODE",
		Short:   "Say what a code of lint means, with an example of the mistake and one without it",
		Example: "  drawbridge policy explain E-OPEN",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			page, ok := codes.Page(args[0])
			if !ok {
				return fmt.Errorf("policy explain: there is no code %q; there are %s", args[0], strings.Join(codes.All(), ", "))
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), page)
			return err
		},
	}
}
