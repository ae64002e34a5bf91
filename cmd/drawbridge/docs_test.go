package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFirstPolicy holds the policy in the README to what lint and test say.
func TestFirstPolicy(t *testing.T) {
	_, rest, _ := strings.Cut(document(t, "README.md"), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the README has no policy")
	}
	text = strings.ReplaceAll("\n"+text, "\n   ", "\n")
	set, found := policy.Load(fstest.MapFS{"first.yaml": {Data: []byte(text)}})
	book, more := policy.Compile(set)
	if found = append(found, more...); len(found) > 0 {
		t.Fatalf("the README's policy:\n%s", found)
	}
	results := policytest.Run(book, set)
	if len(results) == 0 {
		t.Error("the README's policy has no test")
	}
	for _, r := range results {
		if !r.OK() {
			t.Errorf("%s: %v", r.Name, r.Failures)
		}
	}
}

// TestCodes holds the pages about policy to the codes that there are.
func TestCodes(t *testing.T) {
	code := regexp.MustCompile(`[EW]-[A-Z]+[0-9]*(-[A-Z]+)*`)
	page := document(t, "docs/policy.md") + document(t, "docs/machine-identities.md")
	codes := code.FindAllString(document(t, "policy/finding.go"), -1)
	if len(codes) < 20 {
		t.Fatalf("found only %v", codes)
	}
	for _, c := range codes {
		if !strings.Contains(page, "`"+c+"`") {
			t.Errorf("neither docs/policy.md nor docs/machine-identities.md explains %s", c)
		}
	}
}
