package console

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDifferences compares documents of which one goes, one comes, one stays and one changes.
func TestDifferences(t *testing.T) {
	was := map[string]string{"gone.yaml": "a\n", "stays.yaml": "a\n", "roles.yaml": "one\ntwo\nthree\n"}
	is := map[string]string{"new.yaml": "b\n", "stays.yaml": "a\n", "roles.yaml": "one\n2\nthree\n"}
	want := []fileDiff{
		{Name: "gone.yaml", Goes: 1, Lines: []diffLine{{Text: "@@ -1,1 +0,0 @@", Skipped: true}, {Text: "a", Goes: true}}},
		{Name: "new.yaml", Comes: 1, Lines: []diffLine{{Text: "@@ -0,0 +1,1 @@", Skipped: true}, {Text: "b", Comes: true}}},
		{Name: "roles.yaml", Comes: 1, Goes: 1, Lines: []diffLine{
			{Text: "@@ -1,3 +1,3 @@", Skipped: true}, {Text: "one"}, {Text: "two", Goes: true}, {Text: "2", Comes: true}, {Text: "three"},
		}},
	}
	if diff := cmp.Diff(want, differences(was, is)); diff != "" {
		t.Error(diff)
	}
	if got := differences(nil, nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestLongDifference shows as much of a document as is bounded, and counts the rest.
func TestLongDifference(t *testing.T) {
	var long strings.Builder
	const many = 3 * mostDiffLines
	for i := range many {
		fmt.Fprintln(&long, "line", i)
	}
	f := difference("long.yaml", "", long.String())
	if f.Comes != many || len(f.Lines) != mostDiffLines || f.Beyond != many+1-mostDiffLines {
		t.Errorf("%d lines come, %d are shown and %d are not", f.Comes, len(f.Lines), f.Beyond)
	}
}
