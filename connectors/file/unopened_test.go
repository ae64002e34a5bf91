package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestUnopenedTouchesNothing asks a connector that was not opened for all that it does:
// every call fails, and no file is made. What is wrong with its options is said.
func TestUnopenedTouchesNothing(t *testing.T) {
	for _, format := range []string{formatJournal, formatTable} {
		t.Run(format, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			cfg := connectors.Config{Name: "doors", Options: map[string]string{"format": format, "path": filepath.Join(dir, "doors")}}
			c, err := Unopened(cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, applied := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}})
			_, read := c.(connectors.Reader).Read(t.Context(), "1")
			var listed error
			for _, listed = range c.(connectors.Lister).List(t.Context()) {
			}
			for call, err := range map[string]error{"Apply": applied, "Read": read, "List": listed, "Probe": c.(connectors.Prober).Probe(t.Context())} {
				if !errors.Is(err, errUnopened) {
					t.Errorf("%s: %v, want %v", call, err, errUnopened)
				}
			}
			if err := c.(connectors.Closer).Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("its folder: %v, want none", err)
			}
			cfg.Options = map[string]string{"format": format, "path": "x", "unheard-of": "x"}
			if _, err := Unopened(cfg); err == nil {
				t.Error("an option that there is not was taken")
			}
		})
	}
}
