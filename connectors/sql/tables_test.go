package sql_test

import (
	"context"
	db "database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/sql"
	"drawbridge/connectors/sql/sqltest"
	"drawbridge/schema"
)

// groupNames are names that would be trouble in a statement's text.
var groupNames = []string{"'; DROP TABLE users; -- \"\\`", "plain", "Überall + 東京"}

// columns has what of the tables carries each attribute.
var columns = map[string]string{
	"userName": "login", "displayName": "display_name", "name.givenName": "given_name", "name.familyName": "family_name",
	"emails.value": "email", "title": "title", "department": "department", "externalId": "external_id",
}

// tables are what the shipped profiles are written for.
func tables(scheme string) []string {
	key, text := "bigserial PRIMARY KEY", "text"
	if scheme != "postgres" {
		key, text = "bigint AUTO_INCREMENT PRIMARY KEY", "varchar(190)"
	}
	script := []string{
		"CREATE TABLE users (id KEY, login TEXT NOT NULL UNIQUE, display_name TEXT, given_name TEXT, family_name TEXT, email TEXT, " +
			"title TEXT, department TEXT, external_id TEXT, active boolean NOT NULL)",
		"CREATE TABLE GROUPS (id KEY, name TEXT NOT NULL UNIQUE)",
		"CREATE TABLE user_groups (user_id bigint NOT NULL, group_id bigint NOT NULL, PRIMARY KEY (user_id, group_id))",
		"CREATE TABLE tokens (id KEY, user_id bigint NOT NULL, revoked timestamp NULL)",
		"INSERT INTO users (login, active) VALUES ('resident', true)",
	}
	for i := range script {
		script[i] = strings.NewReplacer("id KEY", "id "+key, "TEXT", text, "GROUPS", "groups").Replace(script[i])
	}
	return script
}

// A target is a database, and the connector to it.
type target struct {
	connectortest.Target

	admin     *db.DB // past the connector
	proxy     *sqltest.Proxy
	config    connectors.Config
	connector *sql.Connector
}

// open returns a connector to the proxied server with a shipped profile.
func open(t testing.TB, s *sqltest.Server, database, profile string, options map[string]string) *target {
	t.Helper()
	p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), profile)
	if err != nil {
		t.Fatal(err)
	}
	x := &target{proxy: sqltest.NewProxy(t, s)}
	x.config = connectors.Config{
		Name: "crm", Kind: "sql", BaseURL: s.Scheme + "://" + x.proxy.Addr + "/" + database, Profile: p,
		Auth:    connectors.Auth{User: "drawbridge", Secret: sqltest.Password},
		Options: map[string]string{"pageSize": "3", "timeout": "10s"},
	}
	maps.Copy(x.config.Options, options)
	c, err := connectors.Kinds{"sql": sql.Open}.Open(connectors.Options{Config: x.config})
	if err != nil {
		t.Fatal(err)
	}
	x.connector = c.(*sql.Connector)
	t.Cleanup(func() { _ = x.connector.Close() })
	return x
}

// must runs statements of the test's own.
func must(t testing.TB, on *db.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := on.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// login makes the account that the connector has, for a database or for the server.
func login(t testing.TB, s *sqltest.Server, admin *db.DB) {
	t.Helper()
	if s.Scheme == "postgres" {
		must(t, admin, `DO $$ BEGIN
			CREATE ROLE drawbridge LOGIN CREATEROLE PASSWORD '`+sqltest.Password+`' IN ROLE pg_signal_backend;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`)
		return
	}
	must(t, admin, `CREATE USER IF NOT EXISTS drawbridge@'%' IDENTIFIED BY '`+sqltest.Password+`'`)
}

// withTables opens a connector to a database with the tables.
func withTables(t testing.TB, s *sqltest.Server, options map[string]string) *target {
	t.Helper()
	database, admin := s.Database(t)
	login(t, s, admin)
	must(t, admin, tables(s.Scheme)...)
	if s.Scheme == "postgres" {
		must(t, admin, "GRANT ALL ON ALL TABLES IN SCHEMA public TO drawbridge", "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO drawbridge")
	} else {
		must(t, admin, "GRANT ALL ON "+database+".* TO drawbridge@'%'")
	}
	x := open(t, s, database, s.Scheme+"-tables", options)
	x.admin = admin
	h := &rows{dialect{s.Scheme}, admin, x.proxy}
	for _, name := range groupNames {
		h.must(t, "INSERT INTO groups (name) VALUES (?)", name)
	}
	x.Target = connectortest.Target{Connector: x.connector, Hand: h, Faults: x.proxy}
	return x
}

// A dialect is how the test itself speaks to a server.
type dialect struct{ scheme string }

func (d dialect) sql(text string) string {
	if d.scheme != "postgres" {
		return strings.ReplaceAll(text, " groups", " `groups`")
	}
	for n := 1; strings.Contains(text, "?"); n++ {
		text = strings.Replace(text, "?", fmt.Sprintf("$%d", n), 1)
	}
	return text
}

// rows is somebody with a console, in the tables.
type rows struct {
	dialect

	db    *db.DB
	proxy *sqltest.Proxy
}

func (h *rows) must(t testing.TB, text string, args ...any) {
	t.Helper()
	if _, err := h.db.ExecContext(t.Context(), h.sql(text), args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func (h *rows) Writes() int { return h.proxy.Writes() }

func (h *rows) Accounts(ctx context.Context) ([]schema.Account, error) {
	names := slices.Sorted(maps.Keys(columns))
	text := "SELECT id, active"
	for _, n := range names {
		text += ", " + columns[n]
	}
	found, err := h.db.QueryContext(ctx, text+" FROM users ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []schema.Account
	for found.Next() {
		a := schema.Account{Attributes: map[string]string{}}
		into := []any{&a.RemoteID, &a.Active}
		cells := make([]db.NullString, len(names))
		for i := range cells {
			into = append(into, &cells[i])
		}
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		for i, n := range names {
			a.Attributes[n] = cells[i].String
		}
		all = append(all, a)
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	for i := range all {
		held, err := strs(ctx, h.db, h.sql("SELECT g.name FROM user_groups ug JOIN groups g ON g.id = ug.group_id WHERE ug.user_id = ?"), all[i].RemoteID)
		if err != nil {
			return nil, err
		}
		all[i].Entitlements = held
	}
	return all, nil
}

// strs returns a column, sorted.
func strs(ctx context.Context, on *db.DB, text string, args ...any) ([]string, error) {
	found, err := on.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []string
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return all, found.Err()
}

func (h *rows) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	names, marks, args := []string{"active"}, []string{"?"}, []any{a.Active}
	for path, value := range a.Attributes {
		names, marks, args = append(names, columns[path]), append(marks, "?"), append(args, value)
	}
	text := "INSERT INTO users (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	if _, err := h.db.ExecContext(ctx, h.sql(text), args...); err != nil {
		return a, err
	}
	if err := h.db.QueryRowContext(ctx, h.sql("SELECT id FROM users WHERE login = ?"), a.Attributes["userName"]).Scan(&a.RemoteID); err != nil {
		return a, err
	}
	for _, e := range a.Entitlements {
		if _, err := h.db.ExecContext(ctx, h.sql("INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE u.login = ? AND g.name = ?"), a.Attributes["userName"], e); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (h *rows) Remove(ctx context.Context, id string) error {
	for _, text := range []string{"DELETE FROM user_groups WHERE user_id = ?", "DELETE FROM users WHERE id = ?"} {
		if _, err := h.db.ExecContext(ctx, h.sql(text), id); err != nil {
			return err
		}
	}
	return nil
}

// servers are those that the shipped profiles for tables are for.
var servers = map[string]func(testing.TB) *sqltest.Server{"postgres": sqltest.Postgres, "mariadb": sqltest.MariaDB}

func TestContractWithTables(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			connectortest.Run(t, connectortest.Harness{
				Entitlements: groupNames,
				Open:         func(t *testing.T) connectortest.Target { return withTables(t, s, nil).Target },
			})
		})
	}
}
