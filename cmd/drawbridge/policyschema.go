package main

import (
	"github.com/spf13/cobra"

	"drawbridge/policy"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of policy documents, for editors",
		Long: "Write the JSON Schema of policy documents. Editors complete and check documents that begin with\n" +
			"# yaml-language-server: $schema=FILE",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := policy.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
