package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"drawbridge/policy"
)

// errWeak is the answer to a policy with mistakes in it, or failing tests.
var errWeak = errors.New("the policy is not as it should be")

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Look at policy documents, at what they would change, and put them in force"}
	var lint, test format
	lintCmd := &cobra.Command{
		Use:   "lint DIR",
		Short: "Say what is wrong with the documents below a folder",
		Args:  exactly(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return lintPolicy(cmd.OutOrStdout(), args[0], lint) },
	}
	testCmd := &cobra.Command{
		Use:   "test DIR",
		Short: "Run the tests among the documents below a folder",
		Args:  exactly(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return testPolicy(cmd.OutOrStdout(), args[0], test) },
	}
	lint.flag(lintCmd)
	test.flag(testCmd)
	cmd.AddCommand(lintCmd, testCmd, planCommand(), schemaCommand(), explainCodeCommand())
	cmd.AddCommand(publicationCommands()...)
	cmd.AddCommand(versionCommands()...)
	cmd.AddCommand(readinessCommand())
	return cmd
}

// readPolicy reads and compiles the documents below a folder: what does not read
// right comes before what follows from it. The book is nil where they are too
// broken for one.
func readPolicy(dir string) (*policy.Set, *policy.Book, policy.Findings, error) {
	if err := isFolder(dir); err != nil {
		return nil, nil, nil, err
	}
	set, findings := policy.Load(os.DirFS(dir))
	book, more := policy.Compile(set)
	findings = slices.Concat(findings, more)
	for i, f := range findings {
		findings[i].File = filepath.Join(dir, f.File) // as it is called from where one stands
	}
	return set, book, findings, nil
}

func isFolder(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("policy: %q is not a folder that can be read", dir)
	}
	return nil
}

// linted is the answer of lint.
type linted struct {
	Findings   []policy.Finding `json:"findings"`
	Roles      int              `json:"roles"`
	Refused    int              `json:"refused"`
	Connectors int              `json:"connectors"`
	Sources    int              `json:"sources"`
}

func lintPolicy(out io.Writer, dir string, f format) error {
	set, book, findings, err := readPolicy(dir)
	if err != nil {
		return err
	}
	answer := linted{Findings: append([]policy.Finding{}, findings...)}
	if book != nil {
		answer.Roles, answer.Refused = len(book.Roles()), len(book.Refused())
		answer.Connectors, answer.Sources = len(book.Connectors()), len(book.Sources())
	}
	err = f.print(out, answer, func(out io.Writer) error {
		for _, f := range findings {
			fmt.Fprintln(out, f)
		}
		_, err := fmt.Fprintf(out, "%s in force, %d refused, %s, %s; %s\n",
			plural(answer.Roles, "role"), answer.Refused, plural(answer.Connectors, "connector"), plural(answer.Sources, "source"),
			plural(len(findings), "finding"))
		return err
	})
	if err == nil && (findings.Errors() || set == nil) {
		return errWeak
	}
	return err
}
