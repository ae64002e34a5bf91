package configs_test

import (
	"errors"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/schema"
)

// TestInto adds a connector to configurations of every shape: all that was there stays,
// to the letter, and one that cannot be added to is refused.
func TestInto(t *testing.T) {
	t.Parallel()
	s := configs.Starter{Name: "chat", Profile: "slack", File: "drawbridge.yaml"}
	begun, _, err := s.Write(configs.Profiles(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, text string
		before     string // of the entry, in what comes out
		wrong      error
	}{
		{"none yet", "listen: 127.0.0.1:8080\n", "listen: 127.0.0.1:8080\nconnectors:\n", nil},
		{"an empty file", "", "connectors:\n", nil},
		{"an empty list", "connectors: []\nlisten: 127.0.0.1:8080\n", "connectors:\n", nil},
		{"one, and more after", "connectors:\n  - name: wiki\n    kind: memory # a note\n\n# about sweeps\nsweeps: []\n", "    kind: memory # a note\n", nil},
		{"not indented", "connectors:\n- name: wiki\n  kind: memory\nsweeps: []\n", "  kind: memory\n", nil},
		{"text of several lines", "connectors:\n  - name: wiki\n    options:\n      accounts: |\n        SELECT 1\n\n        FROM x\nsweeps: []\n", "        FROM x\n", nil},
		{"without an end of line", "connectors:\n  - name: wiki\n    kind: memory", "    kind: memory\n", nil},
		{"in brackets", "connectors: [{ name: wiki, kind: memory }]\n", "", schema.ErrInvalid},
		{"there already", "connectors:\n  - name: chat\n    kind: memory\n", "", schema.ErrConflict},
		{"no YAML", "connectors: [\n", "", schema.ErrInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			all, err := configs.Into([]byte(row.text), begun)
			if row.wrong != nil {
				if !errors.Is(err, row.wrong) {
					t.Errorf("%v, want %v", err, row.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text := string(all)
			i, j := strings.Index(text, row.before), strings.Index(text, "# What the profile slack says of it")
			if i < 0 || j < i+len(row.before) || strings.TrimSpace(text[i+len(row.before):j]) != "" {
				t.Errorf("the entry is elsewhere:\n%s", text)
			}
			for _, line := range []string{"- name: chat", `  baseURL: "" # fill in`, "# - whoever leaves last"} {
				if !strings.Contains(text, line) {
					t.Errorf("%q is not in it:\n%s", line, text)
				}
			}
			for line := range strings.Lines(strings.Replace(row.text, "connectors: []", "connectors:", 1)) {
				if !strings.Contains(text, strings.TrimSuffix(line, "\n")+"\n") {
					t.Errorf("%q is gone", line)
				}
			}
		})
	}
}
