package sql_test

import (
	"context"
	db "database/sql"
	"fmt"
	"strings"
	"testing"

	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/sql/sqltest"
	"drawbridge/schema"
)

// quoted returns the name as the test itself writes it into a statement.
func (d dialect) quoted(name string) string {
	if d.scheme == "postgres" {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// withRoles opens a connector to the server's own accounts, of which there are none
// of the suite's.
func withRoles(t *testing.T, s *sqltest.Server) *target {
	t.Helper()
	d := dialect{s.Scheme}
	admin, database, profile := s.Open(t, ""), "postgres", "postgres-roles"
	login(t, s, admin)
	if s.Scheme != "postgres" {
		database, profile = "", "mariadb-users"
		must(t, admin, "GRANT SELECT ON mysql.* TO drawbridge@'%'", "GRANT CREATE USER, CONNECTION ADMIN, PROCESS ON *.* TO drawbridge@'%'")
	}
	x := open(t, s, database, profile, nil)
	x.admin = admin
	h := &roles{d, admin, x.proxy}
	people, err := h.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if err := h.Remove(t.Context(), p.RemoteID); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range groupNames {
		if s.Scheme == "postgres" {
			must(t, admin, "DROP ROLE IF EXISTS "+d.quoted(name), "CREATE ROLE "+d.quoted(name))
		} else {
			must(t, admin, "DROP ROLE IF EXISTS "+d.quoted(name), "CREATE ROLE "+d.quoted(name), "GRANT "+d.quoted(name)+" TO drawbridge@'%' WITH ADMIN OPTION")
		}
	}
	x.Target = connectortest.Target{Connector: x.connector, Hand: h, Faults: x.proxy}
	return x
}

// roles is somebody with a console, at the server's own accounts.
type roles struct {
	dialect

	db    *db.DB
	proxy *sqltest.Proxy
}

func (h *roles) account(name string) string {
	if h.scheme == "postgres" {
		return h.quoted(name)
	}
	return h.quoted(name) + "@'%'"
}

func (h *roles) Writes() int { return h.proxy.Writes() }

func (h *roles) Accounts(ctx context.Context) ([]schema.Account, error) {
	text := "SELECT oid::text, rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE '%@example.com'"
	held := "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = $1::oid"
	if h.scheme != "postgres" {
		text = "SELECT CONCAT(User, '@%'), User, NOT COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) FROM mysql.global_priv WHERE User LIKE '%@example.com' AND Host = '%'"
		held = "SELECT Role FROM mysql.roles_mapping WHERE CONCAT(User, '@', Host) = ?"
	}
	found, err := h.db.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []schema.Account
	for found.Next() {
		var a schema.Account
		var name string
		if err := found.Scan(&a.RemoteID, &name, &a.Active); err != nil {
			return nil, err
		}
		a.Attributes = map[string]string{"userName": name}
		all = append(all, a)
	}
	for i := range all {
		if all[i].Entitlements, err = strs(ctx, h.db, held, all[i].RemoteID); err != nil {
			return nil, err
		}
	}
	return all, found.Err()
}

func (h *roles) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	name := h.account(a.Attributes["userName"])
	script := []string{"CREATE ROLE " + name, "ALTER ROLE " + name + " LOGIN"}
	if !a.Active {
		script[1] = "COMMENT ON ROLE " + name + " IS 'A person, kept by Drawbridge'"
	}
	if h.scheme != "postgres" {
		script = []string{"CREATE USER " + name}
		if !a.Active {
			script = append(script, "ALTER USER "+name+" ACCOUNT LOCK")
		}
	}
	for _, e := range a.Entitlements {
		script = append(script, "GRANT "+h.quoted(e)+" TO "+name)
	}
	for _, text := range script {
		if _, err := h.db.ExecContext(ctx, text); err != nil {
			return a, fmt.Errorf("%s: %w", text, err)
		}
	}
	all, err := h.Accounts(ctx)
	for _, there := range all {
		if there.Attributes["userName"] == a.Attributes["userName"] {
			return there, err
		}
	}
	return a, fmt.Errorf("put %s: it is not there: %w", name, err)
}

func (h *roles) Remove(ctx context.Context, id string) error {
	all, err := h.Accounts(ctx)
	for _, a := range all {
		if a.RemoteID == id {
			_, err = h.db.ExecContext(ctx, "DROP "+map[bool]string{true: "ROLE ", false: "USER "}[h.scheme == "postgres"]+h.account(a.Attributes["userName"]))
		}
	}
	return err
}

func TestContractWithRoles(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			connectortest.Run(t, connectortest.Harness{
				Entitlements: groupNames,
				Open:         func(t *testing.T) connectortest.Target { return withRoles(t, s).Target },
				Person: func(n int) map[string]string {
					return map[string]string{"userName": fmt.Sprintf("p%04d@example.com", n)}
				},
				Values: map[string][]string{},
			})
		})
	}
}
