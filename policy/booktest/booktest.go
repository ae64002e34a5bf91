// Package booktest compiles documents that a test has as text.
package booktest

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"drawbridge/policy"
)

// Compile compiles documents, after replacing some of their text: old, new, ... What is
// wrong with them fails the test.
func Compile(t testing.TB, text string, replace ...string) *policy.Book {
	t.Helper()
	b := CompileBut(t, "", text, replace...)
	for _, r := range b.Refused() {
		t.Fatalf("role %s is refused: %v", r.Role, r.Findings)
	}
	return b
}

// before are the books that were compiled already, by kind and text. Nothing changes a book,
// and properties want the same one in each of their many histories.
var before sync.Map

// CompileBut is Compile, where documents of a kind may have errors, such as Role: these
// are refused.
func CompileBut(t testing.TB, kind, text string, replace ...string) *policy.Book {
	t.Helper()
	text = strings.NewReplacer(replace...).Replace(text)
	known, _ := before.Load([2]string{kind, text})
	if b, ok := known.(*policy.Book); ok {
		return b
	}
	set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
	b, more := policy.Compile(set)
	for _, f := range append(findings, more...) {
		if f.Severity == policy.Error && (kind == "" || !strings.HasPrefix(f.Object, kind+"/")) {
			t.Fatal(f)
		}
	}
	before.Store([2]string{kind, text}, b)
	return b
}
