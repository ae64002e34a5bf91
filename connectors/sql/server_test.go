package sql_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/sql"
	"drawbridge/connectors/sql/sqltest"
)

// straight opens a connector to the same database, without the proxy.
func straight(t *testing.T, s *sqltest.Server, x *target, change func(*connectors.Config)) *sql.Connector {
	t.Helper()
	c := x.config
	c.BaseURL = s.Scheme + "://" + s.Addr + "/" + x.database(t)
	c.Options = maps.Clone(c.Options)
	change(&c)
	opened, err := sql.Open(connectors.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	connector := opened.(*sql.Connector)
	t.Cleanup(func() { _ = connector.Close() })
	return connector
}

// TestEncryption holds a connection to what the configuration says of it, as the
// server sees it.
func TestEncryption(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			encrypted := "SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl"
			if scheme != "postgres" {
				encrypted = "SELECT count(*) FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER' AND VARIABLE_VALUE <> ''"
			}
			x := withTables(t, s, nil)
			other := filepath.Join(t.TempDir(), "other.pem")
			if err := os.WriteFile(other, otherAuthority(t), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, row := range map[string]struct {
				options map[string]string
				want    string // 1 if encrypted; otherwise what is wrong
			}{
				"verified":        {map[string]string{"caFile": s.CAFile}, "1"},
				"another's":       {map[string]string{"caFile": other}, "certificate"},
				"nobody's":        {map[string]string{"tls": "verify"}, "certificate"},
				"whoever answers": {map[string]string{"tls": "encrypt"}, "1"},
				"in clear":        {map[string]string{"tls": "off"}, "0"},
				"by default here": {nil, "0"},
			} {
				c := straight(t, s, x, func(c *connectors.Config) {
					maps.Copy(c.Options, row.options)
					// What the connection is like is what the only account is called.
					c.Options["accounts"] = "SELECT 'x' AS id, true AS active, CAST((" + encrypted + ") AS char(1)) AS userName, '' AS title"
					c.Options["update"], c.Options["create"], c.Options["memberships"], c.Options["grant"], c.Options["revoke"] = "", "", "", "", ""
				})
				a, err := c.Read(t.Context(), "x")
				switch {
				case err == nil && a.Attributes["userName"] != row.want:
					t.Errorf("%s: encrypted is %q, want %q", name, a.Attributes["userName"], row.want)
				case err != nil && (row.want == "0" || row.want == "1" || !strings.Contains(err.Error(), row.want)):
					t.Errorf("%s: %v, want %q", name, err, row.want)
				case err != nil && connectors.KindOf(err) != connectors.Transient:
					t.Errorf("%s: kind %d, want transient: no account is at fault", name, connectors.KindOf(err))
				}
			}
		})
	}
}

// otherAuthority is a certificate that vouches for somebody else.
func otherAuthority(t *testing.T) []byte {
	t.Helper()
	pem, err := sqltest.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// TestNotLetIn says so without the password, and leaves the server alone.
func TestNotLetIn(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			x := withTables(t, s, nil)
			const wrong = "wrong, and a secret all the same"
			for name, change := range map[string]func(*connectors.Config){
				"the password": func(c *connectors.Config) { c.Auth.Secret = wrong },
				"the database": func(c *connectors.Config) { c.BaseURL = s.Scheme + "://" + s.Addr + "/nowhere" },
			} {
				err := straight(t, s, x, change).Probe(t.Context())
				fails(t, err, connectors.Transient, "connect:")
				if connectors.RetryAfter(err) < time.Minute {
					t.Errorf("%s: the server is left alone for %v, want a minute: %v", name, connectors.RetryAfter(err), err)
				}
				for _, secret := range []string{wrong, sqltest.Password} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error tells the password: %v", err)
					}
				}
			}
			nobody := straight(t, s, x, func(c *connectors.Config) { c.BaseURL = s.Scheme + "://127.0.0.1:1/crm" })
			if err := nobody.Probe(t.Context()); connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) != 0 {
				t.Errorf("a server that is down: %v after %v, want transient, and no time", err, connectors.RetryAfter(err))
			}
		})
	}
}

func TestASocket(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			x := withTables(t, s, nil)
			c := straight(t, s, x, func(c *connectors.Config) {
				c.BaseURL, c.Options["socket"] = s.Scheme+":///"+x.database(t), s.Socket
			})
			if err := c.Probe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestProbe has the shipped profiles looked at by the server, and mistakes that
// only it can find.
func TestProbe(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			s := server(t)
			roles := withRoles(t, s)
			if err := roles.connector.Probe(t.Context()); err != nil {
				t.Errorf("the profile for the server's own accounts: %v", err)
			}
			x := withTables(t, s, nil)
			x.provision(t, ada("plain"))
			writes := x.proxy.Writes()
			if err := x.connector.Probe(t.Context()); err != nil {
				t.Errorf("the profile for tables: %v", err)
			}
			must(t, x.admin, "CREATE TABLE forbidden (id bigint)")
			if scheme == "postgres" {
				must(t, x.admin, "REVOKE ALL ON forbidden FROM PUBLIC")
			}
			for name, row := range map[string]struct{ option, text, want string }{
				"a table":      {"disable", "UPDATE usres SET active = false WHERE id = :id", "option disable: "},
				"a column":     {"enable", "UPDATE users SET actve = true WHERE id = :id", "option enable: "},
				"syntax":       {"grant", "INSERT INTO INTO user_groups VALUES (:id, :entitlement)", "option grant: "},
				"a query":      {"memberships", "SELECT user_id AS account, nme AS entitlement FROM user_groups", "option memberships: "},
				"sessions":     {"sessions", "SELECT id FROM tokns WHERE user_id = :id", "option sessions: "},
				"its sessions": {"endSession", "UPDATE tokns SET revoked = now() WHERE id = :session", "option endSession: "},
			} {
				c := straight(t, s, x, func(c *connectors.Config) {
					c.Options[row.option] = row.text
					c.File, c.Lines = "bridge.yaml", map[string]int{row.option: 7}
				})
				err := c.Probe(t.Context())
				fails(t, err, connectors.Permanent, "bridge.yaml:7: "+row.want)
				if err != nil && strings.Count(err.Error(), "option ") > 1 {
					t.Errorf("%s: more than that is wrong: %v", name, err)
				}
			}
			if x.proxy.Writes() != writes || !x.at(t, "ada").Active {
				t.Error("the probe changed something")
			}
		})
	}
}

// TestProbeKnowsRights asks for what the account may not do.
func TestProbeKnowsRights(t *testing.T) {
	s := sqltest.Postgres(t)
	x := withTables(t, s, nil)
	must(t, x.admin, "REVOKE UPDATE ON users FROM drawbridge")
	err := x.connector.Probe(t.Context())
	fails(t, err, connectors.Permanent, "option disable: permission denied")
	fails(t, err, connectors.Permanent, "option update: permission denied")
}
