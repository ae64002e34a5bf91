package main

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"drawbridge/connectors/sql/sqltest"
)

// TestDatabases runs testdata/database with a bridge that provisions to a real
// PostgreSQL and a real MariaDB. A script has besides what scripts have:
//
//	query TEXT    ask the database, past the bridge; GROUPS is the table
func TestDatabases(t *testing.T) {
	for _, scheme := range []string{"postgres", "mariadb"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			database := newDatabase(t, scheme)
			p := params("testdata/database")
			p.Setup = func(env *testscript.Env) error {
				stand(env)
				env.Setenv("TOOLS_PASSWORD", sqltest.Password)
				return tools(env.WorkDir, "sql", `{ name: tools, kind: sql, profile: `+scheme+`-tables, baseURL: "`+database.url+
					`", auth: { user: drawbridge, password: env:TOOLS_PASSWORD } }`)
			}
			p.Cmds["query"] = func(ts *testscript.TestScript, _ bool, args []string) { database.query(ts, args[0]) }
			testscript.Run(t, p)
		})
	}
}

// A database has the tables that the shipped profiles are written for.
type database struct {
	*sql.DB

	url    string
	groups string // the table, whose name is a keyword to some
}

func newDatabase(t *testing.T, scheme string) *database {
	s := sqltest.Own(t, scheme)
	name, admin := s.Database(t)
	d := &database{DB: admin, url: s.Scheme + "://" + s.Addr + "/" + name, groups: "groups"}
	key, rights := "bigserial PRIMARY KEY", []string{
		"CREATE ROLE drawbridge LOGIN PASSWORD '" + sqltest.Password + "'",
		"GRANT ALL ON ALL TABLES IN SCHEMA public TO drawbridge", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO drawbridge",
	}
	if scheme == "mariadb" {
		d.groups, key = "`groups`", "bigint AUTO_INCREMENT PRIMARY KEY"
		rights = []string{"CREATE USER drawbridge@'%' IDENTIFIED BY '" + sqltest.Password + "'", "GRANT ALL ON " + name + ".* TO drawbridge@'%'"}
	}
	for _, text := range append([]string{
		"CREATE TABLE users (id " + key + ", login varchar(190) NOT NULL UNIQUE, display_name varchar(190), given_name varchar(190), " +
			"family_name varchar(190), email varchar(190), title varchar(190), department varchar(190), external_id varchar(190), active boolean NOT NULL)",
		"CREATE TABLE GROUPS (id " + key + ", name varchar(190) NOT NULL UNIQUE)",
		"CREATE TABLE user_groups (user_id bigint NOT NULL, group_id bigint NOT NULL, PRIMARY KEY (user_id, group_id))",
		"CREATE TABLE tokens (id " + key + ", user_id bigint NOT NULL, revoked timestamp NULL)",
		"INSERT INTO users (login, active) VALUES ('root', true)",
		"INSERT INTO GROUPS (name) VALUES ('developers'), ('admins')",
	}, rights...) {
		if _, err := d.ExecContext(t.Context(), d.text(text)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return d
}

func (d *database) text(text string) string { return strings.ReplaceAll(text, "GROUPS", d.groups) }

// query writes what it finds to the script's stdout, a line for each row.
func (d *database) query(ts *testscript.TestScript, text string) {
	rows, err := d.Query(d.text(text))
	ts.Check(err)
	defer rows.Close()
	names, err := rows.Columns()
	ts.Check(err)
	for rows.Next() {
		cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		ts.Check(rows.Scan(into...))
		line := make([]string, len(names))
		for i := range cells {
			line[i] = cells[i].String
		}
		fmt.Fprintln(ts.Stdout(), strings.Join(line, " "))
	}
	ts.Check(rows.Err())
}
