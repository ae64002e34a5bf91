package configs

import (
	"strings"
	"testing"
)

// TestLinesOfOptions finds where the text of each option begins, so that a
// connector can say which line of it is wrong.
func TestLinesOfOptions(t *testing.T) {
	const text = `policy: { path: testdata/policy }
connectors:
  - { name: flow, kind: file, options: { path: a.jsonl } }
  - name: block
    kind: file
    options:
      path: b.jsonl
      literal: |
        first
        second
      folded: >-
        first
`
	c, err := parse("bridge.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{"path": "bridge.yaml:7: ", "literal": "bridge.yaml:9: ", "folded": "bridge.yaml:12: ", "absent": ""} {
		if got := c.Connectors[1].At(option, 0); got != want {
			t.Errorf("option %s is at %q, want %q", option, got, want)
		}
	}
	if got, want := c.Connectors[1].At("literal", 2), "bridge.yaml:10: "; got != want {
		t.Errorf("its second line is at %q, want %q", got, want)
	}
	if got, want := c.Connectors[0].At("path", 1), "bridge.yaml:3: "; got != want {
		t.Errorf("an option within a line is at %q, want %q", got, want)
	}
}

func TestProfileOfAnotherKind(t *testing.T) {
	const text = `policy: { path: testdata/policy }
profiles: { path: testdata/profiles }
connectors: [{ name: crm, kind: file, profile: tables }]
`
	_, err := parse("bridge.yaml", []byte(text), environment)
	if err == nil || !strings.Contains(err.Error(), "bridge.yaml:3: connectors.0.profile is tables, which is for kind sql") {
		t.Errorf("a profile of another kind: %v, want it refused", err)
	}
}
