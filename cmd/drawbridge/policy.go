package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
)

// errWeak is the answer to a policy with mistakes in it, or failing tests.
var errWeak = errors.New("the policy is not as it should be")

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Look at policy documents; no server is needed"}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "lint DIR",
			Short: "Say what is wrong with the documents below a folder",
			Args:  exactly(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return lintPolicy(cmd, args[0]) },
		},
		&cobra.Command{
			Use:   "test DIR",
			Short: "Run the tests among the documents below a folder",
			Args:  exactly(1),
			RunE:  func(cmd *cobra.Command, args []string) error { return testPolicy(cmd, args[0]) },
		},
	)
	return cmd
}

// readPolicy reads and compiles the documents below a folder. The book is nil
// where they are too broken for one.
func readPolicy(dir string) (*policy.Set, *policy.Book, policy.Findings, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil, nil, fmt.Errorf("policy: %q is not a folder that can be read", dir)
	}
	set, findings := policy.Load(os.DirFS(dir))
	book, more := policy.Compile(set)
	return set, book, append(findings, more...), nil
}

func lintPolicy(cmd *cobra.Command, dir string) error {
	set, book, findings, err := readPolicy(dir)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, f := range findings {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	if book != nil {
		_, err = fmt.Fprintf(out, "%d roles in force, %d refused, %d connectors, %d sources; %d findings\n",
			len(book.Roles()), len(book.Refused()), len(book.Connectors()), len(book.Sources()), len(findings))
		if err != nil {
			return err
		}
	}
	if findings.Errors() || set == nil {
		return errWeak
	}
	return nil
}

func testPolicy(cmd *cobra.Command, dir string) error {
	set, book, findings, err := readPolicy(dir)
	if err != nil {
		return err
	}
	if book == nil {
		return fmt.Errorf("%w:\n%v", errWeak, findings)
	}
	results := policytest.Run(book, set)
	out, passed := cmd.OutOrStdout(), 0
	for _, r := range results {
		word := "FAIL"
		if r.OK() {
			word = "ok"
			passed++
		}
		if _, err := fmt.Fprintf(out, "%-4s %s\n", word, r.Name); err != nil {
			return err
		}
		for _, failure := range r.Failures {
			if _, err := fmt.Fprintf(out, "     %s:%d: %s\n", r.File, r.Line, failure); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintf(out, "%d/%d tests pass\n", passed, len(results)); err != nil {
		return err
	}
	if passed < len(results) {
		return errWeak
	}
	return nil
}
