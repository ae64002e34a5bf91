package policy

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryCodeHasItsPage lints the examples of docs/codes: the first of a page has
// the mistake that the page is about, the second has none. R-POL-2.
func TestEveryCodeHasItsPage(t *testing.T) {
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`"[EW]-[A-Z]+[0-9]*(-[A-Z]+)*"`).FindAllString(string(source), -1)
	if len(codes) < 30 {
		t.Fatalf("found only the codes %v", codes)
	}
	for _, quoted := range codes {
		code := Code(strings.Trim(quoted, `"`))
		t.Run(string(code), func(t *testing.T) {
			page, err := os.ReadFile("../docs/codes/" + string(code) + ".md")
			if err != nil {
				t.Fatal("write the page of this code: ", err)
			}
			examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
			if len(examples) != 2 {
				t.Fatalf("the page has %d examples, want one with the mistake and one without", len(examples))
			}
			for i, example := range examples {
				files := map[string]string{"example.yaml": example[1]}
				if strings.Contains(example[1], "kind: PolicySet") { // there is one
					_, files["base.yaml"], _ = strings.Cut(baseText(t), "\n---\n")
				}
				_, found := lint(folder(t, files))
				found = slices.DeleteFunc(found, func(f Finding) bool { return f.Code == CodeUntested && code != CodeUntested })
				if i == 0 && !slices.ContainsFunc(found, func(f Finding) bool { return f.Code == code }) {
					t.Errorf("the first example has no %s, but\n%s", code, found)
				}
				if i == 0 && slices.ContainsFunc(found, func(f Finding) bool { return f.Code != code }) {
					t.Errorf("the first example has more than %s:\n%s", code, found)
				}
				if i == 1 && len(found) > 0 {
					t.Errorf("the second example:\n%s", found)
				}
			}
		})
	}
}
