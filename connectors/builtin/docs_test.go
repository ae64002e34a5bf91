package builtin_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
)

var example = regexp.MustCompile("(?s)```yaml\n(connectors:\n.*?)```")

// TestThePagesExamples opens what the page of each kind tells people to write.
func TestThePagesExamples(t *testing.T) {
	for kind := range builtin.Kinds() {
		page := filepath.Join("..", "..", "docs", "connectors", kind+".md")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("kind %s has no page: %v", kind, err)
			continue
		}
		all := example.FindAllSubmatch(text, -1)
		if len(all) == 0 {
			t.Errorf("%s has no example that begins with connectors:", page)
		}
		for _, found := range all {
			opens(t, page, kind, found[1])
		}
	}
}

// opens holds that the example, which is on the page of the kind, can be opened.
func opens(t *testing.T, page, kind string, text []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "drawbridge.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := configs.Load(path, func(string) (string, bool) { return "whsec_YSBzZWNyZXQgb2Ygc29tZSBsZW5ndGgsIHllcw==", true })
	if err != nil {
		t.Errorf("%s: the example is refused: %v", page, err)
		return
	}
	for _, c := range config.Connectors {
		opened, err := builtin.Kinds().Open(connectors.Options{Config: c})
		if err != nil {
			t.Errorf("%s: the example does not open: %v", page, err)
			continue
		}
		if c.Kind != kind {
			t.Errorf("%s: the example is of kind %s", page, c.Kind)
		}
		if closer, ok := opened.(connectors.Closer); ok {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
