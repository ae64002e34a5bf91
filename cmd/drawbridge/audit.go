package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
)

func auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove what was decided"}
	var keyFile string
	verify := &cobra.Command{
		Use:   "verify FILE --key KEYFILE",
		Short: "Check an exported decision log with the public key alone",
		Args:  exactly(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return verifyExport(cmd, args[0], keyFile) },
	}
	verify.Flags().StringVar(&keyFile, "key", "", "file with the log's public key")
	cmd.AddCommand(verify)
	return cmd
}

func verifyExport(cmd *cobra.Command, file, keyFile string) error {
	if keyFile == "" {
		return fmt.Errorf("%w: --key names the file with the log's public key", errUsage)
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("public key %s: %w", keyFile, err)
	}
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("exported log: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	report, err := audit.VerifyExport(in, verifier)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "verified: %d entries are what %s signed\n", report.Entries, verifier.Name())
	return err
}
