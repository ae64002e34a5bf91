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
