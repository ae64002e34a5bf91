package sql_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/sql"
	"drawbridge/connectors/sql/sqltest"
	"drawbridge/schema"
)

// TestThePagesExample does with the configuration on the page what it is for.
func TestThePagesExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	s := sqltest.Postgres(t)
	database, admin := s.Database(t)
	login(t, s, admin)
	must(t, admin,
		"CREATE TABLE staff (id serial PRIMARY KEY, username text UNIQUE NOT NULL, mail text, locked boolean NOT NULL DEFAULT false)",
		"CREATE TABLE staff_team (staff int REFERENCES staff, team text, PRIMARY KEY (staff, team))",
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO drawbridge", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO drawbridge",
		"INSERT INTO staff (username) VALUES ('somebody')",
	)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "policy"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "drawbridge.yaml")
	example = strings.ReplaceAll(example, "db.example.com/crm", s.Addr+"/"+database)
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := configs.Load(file, func(string) (string, bool) { return sqltest.Password, true })
	if err != nil {
		t.Fatal(err)
	}
	opened, err := sql.Open(connectors.Options{Config: config.Connectors[0]})
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*sql.Connector)
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	have := schema.Account{}
	for _, row := range []struct {
		want schema.Account
		is   string
	}{
		{schema.Account{Active: true, Attributes: map[string]string{"userName": "ada", "emails.value": "ada@x"}, Entitlements: []string{"a", "b"}}, "ada ada@x false ab"},
		{schema.Account{Active: true, Attributes: map[string]string{"userName": "countess", "emails.value": ""}, Entitlements: []string{"b", "c"}}, "countess  false bc"},
		{schema.Account{}, "countess  true "},
	} {
		got, err := c.Apply(t.Context(), have, row.want)
		if err != nil {
			t.Fatal(err)
		}
		have = got
		have.Managed = got.Entitlements
		is, err := strs(t.Context(), admin, "SELECT concat_ws(' ', username, coalesce(mail, ''), locked::text, "+
			"coalesce((SELECT string_agg(team, '' ORDER BY team) FROM staff_team WHERE staff = id), '')) FROM staff WHERE id = $1", got.RemoteID)
		if err != nil || len(is) != 1 || is[0] != row.is {
			t.Errorf("there is %q, %v, want %q", is, err, row.is)
		}
	}
}
