package access_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every verb in the picture of the package's comment, which is what people read first,
// is a function of it.
func TestDocDrawsWhatIsThere(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn, there := "", map[string]bool{}
	verb := regexp.MustCompile(`(?m)^func ([A-Z]\w+)\(`)
	for _, name := range names {
		text, err := os.ReadFile(name)
		switch {
		case err != nil:
			t.Fatal(err)
		case name == "doc.go":
			drawn = strings.Join(regexp.MustCompile(`(?m)^//\t.*$`).FindAllString(string(text), -1), "\n")
		case !strings.HasSuffix(name, "_test.go"):
			for _, found := range verb.FindAllStringSubmatch(string(text), -1) {
				there[found[1]] = true
			}
		}
	}
	all := regexp.MustCompile(`[\s·]([A-Z]\w+)`).FindAllStringSubmatch(drawn, -1)
	if len(all) < 30 {
		t.Errorf("doc.go draws %d verbs: the picture is gone", len(all))
	}
	for _, found := range all {
		if !there[found[1]] {
			t.Errorf("doc.go draws %s, which is no function of this package", found[1])
		}
	}
}

// Every kind of finding is one of a list, which docs/sweeps.md tells people of.
func TestFindingKindsAreToldOf(t *testing.T) {
	list, err := os.ReadFile("finding_kinds.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/sweeps.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, kind := range regexp.MustCompile(`= "([a-z-]+)"`).FindAllStringSubmatch(string(list), -1) {
		if known[kind[1]] {
			t.Errorf("%s is in the list twice", kind[1])
		}
		known[kind[1]] = true
		if !strings.Contains(string(page), "| `"+kind[1]+"` |") {
			t.Errorf("docs/sweeps.md does not tell of the kind %s", kind[1])
		}
	}
	told := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [^|]* \\|$").FindAllStringSubmatch(string(page[strings.Index(string(page), "## Kinds"):]), -1)
	if len(told) != len(known) {
		t.Errorf("docs/sweeps.md tells of %d kinds, want %d", len(told), len(known))
	}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "finding_kinds.go" && regexp.MustCompile(`(?m)^\s*(const )?finding[A-Z]\w*\s+= "|schema\.Finding\{\s*Kind: "`).Match(text) && !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s names a kind of finding of its own: add it to finding_kinds.go", name)
		}
	}
}
