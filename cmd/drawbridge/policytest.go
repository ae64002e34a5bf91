package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
)

// testPolicy runs the tests below a folder, of which a name may be given.
func testPolicy(out io.Writer, dir string, f format) error {
	set, book, findings, err := readPolicy(dir)
	if err != nil {
		return err
	}
	if book == nil {
		return fmt.Errorf("%w:\n%v", errWeak, findings)
	}
	if len(set.Tests) == 0 {
		return hint(fmt.Errorf("policy: there is no test below %s: nothing was tried", dir),
			"a document of kind Test states facts about one identity, and what must come of them")
	}
	results := policytest.Run(book, set)
	for i := range results {
		results[i].File = filepath.Join(dir, results[i].File)
	}
	failed := len(policytest.Failed(results))
	err = f.print(out, results, func(out io.Writer) error {
		for _, r := range results {
			testText(out, r)
		}
		_, err := fmt.Fprintf(out, "%d/%d tests pass\n", len(results)-failed, len(results))
		return err
	})
	mistakes := slices.DeleteFunc(findings, func(f policy.Finding) bool { return f.Severity != policy.Error })
	switch {
	case err != nil:
		return err
	case len(mistakes) > 0: // what is refused is not in force, whatever its tests say
		return fmt.Errorf("%w: %s that lint refuses: drawbridge policy lint %s", errWeak, plural(len(mistakes), "mistake"), dir)
	case failed > 0:
		return errWeak
	}
	return nil
}

// testText writes what came of a test: of one that failed, where what was expected stands,
// what of it is not so (-), and what is so instead (+).
func testText(out io.Writer, r policytest.Result) {
	if r.OK {
		fmt.Fprintf(out, "ok   %s\n", r.Name)
		return
	}
	fmt.Fprintf(out, "FAIL %s\n", r.Name)
	for _, f := range r.Failures {
		at := f.At.UTC().Format(time.RFC3339)
		if f.Message != "" {
			at += ": " + f.Message
		}
		fmt.Fprintf(out, "     %s:%d: %s at %s\n", r.File, f.Line, f.Field, at)
		for _, line := range f.Missing {
			fmt.Fprintf(out, "       - %s\n", line)
		}
		for _, line := range f.Extra {
			fmt.Fprintf(out, "       + %s\n", line)
		}
	}
}
