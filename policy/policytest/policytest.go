// Package policytest runs a policy's own tests: the documents of kind Test, each
// of which states facts about one identity at a time and what must come of them.
// It is what `drawbridge policy test` runs, and what anyone's CI can.
package policytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
)

// A Result is what came of one test.
type Result struct {
	Name     string    `json:"name"`
	OK       bool      `json:"ok"`
	File     string    `json:"file"`
	Line     int       `json:"line"`
	Failures []Failure `json:"failures"`
}

// A Failure is one expectation that was not met, and where it stands.
type Failure struct {
	Line    int       `json:"line"`
	Field   string    `json:"field"` // of the document: then[1].expect.assigned
	At      time.Time `json:"at"`    // the moment, as the test tells time
	Message string    `json:"message,omitempty"`
	Missing []string  `json:"missing,omitempty"` // what was expected and is not so
	Extra   []string  `json:"extra,omitempty"`   // what is so and was not expected
}

// String writes the failure on one line.
func (f Failure) String() string {
	parts := []string{f.Field}
	if f.Message != "" {
		parts = append(parts, f.Message)
	}
	for _, line := range f.Missing {
		parts = append(parts, "- "+line)
	}
	for _, line := range f.Extra {
		parts = append(parts, "+ "+line)
	}
	return fmt.Sprintf("line %d: %s", f.Line, strings.Join(parts, ": "))
}

// Run runs every test of the set against the book, in the order of the documents.
func Run(book *policy.Book, set *policy.Set) []Result {
	results := make([]Result, len(set.Tests))
	for i, t := range set.Tests {
		file, line := t.Position()
		failures := run(book, t)
		results[i] = Result{Name: t.Metadata.Name, OK: len(failures) == 0, File: file, Line: line, Failures: failures}
	}
	return results
}

// Failed returns the results of the tests that did not pass.
func Failed(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.OK })
}

// run runs one test.
func run(book *policy.Book, t *policy.Test) []Failure {
	failures := []Failure{}
	for _, m := range book.Try(t) {
		c := comparison{Moment: m, book: book, test: t}
		c.access()
		c.lists()
		c.standing()
		failures = append(failures, c.failures...)
	}
	return failures
}
