package sql

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsNoName(t *testing.T) {
	for name, refused := range map[string]string{
		"": "empty", "a\x00b": "control", "a\nb": "control", "a\xffb": "UTF-8", " a": "space", "a\u00a0": "space",
		strings.Repeat("a", 64): "64 bytes", strings.Repeat("ä", 32): "64 bytes",
		"pg_monitor": "server itself", "PG_x": "server itself", "postgres": "server itself", "Public": "server itself", "none": "server itself",
		"bridge": "log in with", "Bridge": "log in with",
	} {
		if got, err := dialects["postgres"].account(name, "bridge"); err == nil || !strings.Contains(err.Error(), refused) {
			t.Errorf("%q: %s, %v, want it refused for %q", name, got, err, refused)
		}
	}
	for _, name := range []string{"root", "ROOT", "mysql.sys", "mariadb.sys", "PUBLIC"} {
		if got, err := dialects["mariadb"].account(name, "bridge"); err == nil {
			t.Errorf("%q: %s, want it refused", name, got)
		}
	}
	if got, err := dialects["postgres"].quoted("pg_monitor"); err != nil || got != `"pg_monitor"` {
		t.Errorf("pg_monitor to be granted: %s, %v", got, err)
	}
}

// TestANameStaysOne reads back what a name was quoted to.
func TestANameStaysOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune("a\"`'\\;-/*$:{}é東 %@"))).Draw(rt, "name")
		for _, d := range dialects {
			quoted, err := d.quoted(name)
			if err != nil {
				continue
			}
			tokens, err := lex(d, quoted)
			if err != nil || len(tokens) != 1 || tokens[0].kind != nameText || tokens[0].name != name {
				rt.Fatalf("%s: %q was quoted to %s, which is read as %+v, %v", d.name, name, quoted, tokens, err)
			}
		}
	})
}
