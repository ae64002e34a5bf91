package builtin_test

import (
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
)

// least has the least that each kind can be opened with.
func least(t *testing.T) map[string]connectors.Config {
	rabbit, err := connectors.LoadProfile(configs.Profiles(""), "rabbitmq")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]connectors.Config{
		"file": {Options: map[string]string{"path": filepath.Join(t.TempDir(), "target.jsonl")}},
		"ldap": {
			BaseURL: "ldap://127.0.0.1", Profile: connectors.DefaultProfile(),
			Options: map[string]string{"userBase": "ou=people,dc=example,dc=com"},
		},
		"manual": {},
		"memory": {},
		"rest":   {BaseURL: "http://127.0.0.1:1/api", Profile: rabbit},
		"scim":   {BaseURL: "http://127.0.0.1:1/scim/v2"},
		"sql": {
			BaseURL: "postgres://127.0.0.1/crm", Profile: connectors.DefaultProfile(), Auth: connectors.Auth{User: "bridge", Secret: "x"},
			Options: map[string]string{
				"accounts": "SELECT id, active, login AS userName FROM users", "enable": "SELECT enable(:id)", "disable": "SELECT disable(:id)",
			},
		},
		"webhook": {BaseURL: "http://127.0.0.1:1/hook"},
	}
}

func TestEveryKindOpensAndKnowsItsOptions(t *testing.T) {
	all := least(t)
	for kind := range builtin.Kinds() {
		c, ok := all[kind]
		if !ok {
			t.Errorf("kind %s: this test has no configuration for it", kind)
			continue
		}
		c.Name, c.Kind = "x", kind
		opened, err := builtin.Kinds().Open(connectors.Options{Config: c})
		if err != nil {
			t.Errorf("kind %s: %v", kind, err)
			continue
		}
		if closer, ok := opened.(connectors.Closer); ok {
			if err := closer.Close(); err != nil {
				t.Errorf("kind %s: close: %v", kind, err)
			}
		}
		c.Options = map[string]string{"no such option": "x"}
		if _, err := builtin.Kinds().Open(connectors.Options{Config: c}); err == nil || !strings.Contains(err.Error(), "no such option") {
			t.Errorf("kind %s with an option it does not know: %v, want it refused", kind, err)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := builtin.Kinds().Open(connectors.Options{Config: connectors.Config{Name: "x", Kind: "carrier pigeon"}})
	if err == nil || !strings.Contains(err.Error(), "file, ") {
		t.Errorf("an unknown kind: %v, want an error that lists those there are", err)
	}
}
