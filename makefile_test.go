package drawbridge_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLongTestsAreRun finds each test that the Makefile leaves out under the race
// detector where the Makefile runs it without, and nowhere else.
func TestLongTestsAreRun(t *testing.T) {
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	variable := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + ` := (.+)$`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("the Makefile has no %s", name)
		}
		return string(m[1])
	}
	var dirs []string
	for dir := range strings.FieldsSeq(variable("OF_LONG")) {
		dirs = append(dirs, filepath.Clean(dir))
	}
	in := map[string][]string{}
	header := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, file := range files(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range header.FindAllSubmatch(code, -1) {
			in[string(m[1])] = append(in[string(m[1])], filepath.Dir(file))
		}
	}
	for name := range strings.SplitSeq(variable("LONG"), "|") {
		if len(in[name]) != 1 || !slices.Contains(dirs, in[name][0]) {
			t.Errorf("%s is of %v, want one of %v alone", name, in[name], dirs)
		}
	}
}
