package sql_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/connectors/sql"
	"drawbridge/connectors/sql/sqltest"
	"drawbridge/schema"
)

// ada is somebody to do things to.
func ada(entitlements ...string) schema.Account {
	return schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: schema.Sorted(entitlements...)}
}

// at returns the account as it really is; an empty one if there is none.
func (x *target) at(t *testing.T, userName string) schema.Account {
	t.Helper()
	all, err := x.Hand.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Attributes["userName"] == userName {
			return a
		}
	}
	return schema.Account{}
}

// provision makes the account, and returns it as the bridge would remember it.
func (x *target) provision(t *testing.T, want schema.Account) schema.Account {
	t.Helper()
	got, err := x.Connector.Apply(t.Context(), schema.Account{}, want)
	if err != nil {
		t.Fatal(err)
	}
	got.Managed = got.Entitlements
	return got
}

// fails holds an error to its kind and its words.
func fails(t *testing.T, err error, kind connectors.Kind, words string) {
	t.Helper()
	if err == nil || connectors.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("the error is %v (kind %d), want %q (kind %d)", err, connectors.KindOf(err), words, kind)
	}
}

// each runs a test against a database with the tables, at each server.
func each(t *testing.T, options map[string]string, test func(*testing.T, *target)) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			test(t, withTables(t, server(t), options))
		})
	}
}

// hostile are values, and names, that would do harm if they became part of a text.
var hostile = []string{
	`'; DELETE FROM users; --`, `' OR '1'='1`, `\'; DELETE FROM users; -- `, `\`, `x\`, `"; DELETE FROM users; --`, "`; DELETE FROM users; -- ",
	`$1`, `$$; DELETE FROM users; $$`, `?`, `:id`, `:"userName"`, `/* x`, `*/`, `%s%n`, `{{.}}`, `NULL`, `-- x`, `𝕏'; --`,
}

func TestValuesStayValues(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		for i, value := range hostile {
			person := map[string]string{"userName": value + fmt.Sprint(i)}
			for path := range columns {
				if path != "userName" {
					person[path] = value
				}
			}
			got := x.provision(t, schema.Account{Active: true, Attributes: person, Entitlements: groupNames})
			for _, want := range []schema.Account{
				{Active: true, Attributes: with(person, "title", value+value), Entitlements: groupNames[:1]},
				{},
			} {
				got.Managed = groupNames
				var err error
				if got, err = x.Connector.Apply(t.Context(), got, want); err != nil {
					t.Fatalf("%q: %v", value, err)
				}
				is := x.at(t, person["userName"])
				if is.Active != want.Active || !slices.Equal(is.Entitlements, want.Entitlements) || want.Active && !maps.Equal(is.Attributes, want.Attributes) {
					t.Errorf("%q: there is %+v, want %+v", value, is, want)
				}
			}
		}
		if a := x.at(t, "resident"); !a.Active {
			t.Errorf("somebody else was touched: %+v", a)
		}
		absent := "absent'; DELETE FROM users; --"
		_, err := x.Connector.Apply(t.Context(), schema.Account{}, ada(absent))
		fails(t, err, connectors.Permanent, "there is no entitlement")
	})
}

func TestNamesStayNames(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			x := withRoles(t, server(t))
			for i, name := range hostile {
				name = strings.TrimSpace(fmt.Sprintf("%d%s@example.com", i, name))
				if scheme != "postgres" && strings.Contains(name, "𝕏") {
					continue // the names of MariaDB's own accounts have three bytes a letter at most
				}
				x.provision(t, schema.Account{Active: true, Attributes: map[string]string{"userName": name}, Entitlements: groupNames})
				if is := x.at(t, name); !is.Active || !slices.Equal(is.Entitlements, groupNames) {
					t.Errorf("%q: there is %+v", name, is)
				}
			}
			for _, name := range []string{"a\x00b", "a\nb", "root", "mysql.sys", "postgres", "pg_monitor", "drawbridge", "public", strings.Repeat("x", 129)} {
				if scheme == "postgres" && (name == "root" || name == "mysql.sys") || scheme != "postgres" && (name == "postgres" || name == "pg_monitor") {
					continue
				}
				writes := x.proxy.Writes()
				for _, want := range []schema.Account{{Active: true, Attributes: map[string]string{"userName": name}}, {Attributes: map[string]string{"userName": name}}} {
					got, err := x.Connector.Apply(t.Context(), schema.Account{Attributes: want.Attributes}, want)
					if err == nil && got.Exists() {
						t.Errorf("%q became %+v, want it refused", name, got)
					}
				}
				if x.proxy.Writes() != writes {
					t.Errorf("for %q something was written", name)
				}
			}
		})
	}
}

// with returns the attributes with another value in them.
func with(attributes map[string]string, name, value string) map[string]string {
	all := maps.Clone(attributes)
	all[name] = value
	return all
}

func TestAStatementThatLostItsWhere(t *testing.T) {
	each(t, map[string]string{"disable": "UPDATE users SET active = false WHERE CAST(:id AS char(9)) IS NOT NULL"}, func(t *testing.T, x *target) {
		have := x.provision(t, ada())
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		fails(t, err, connectors.Permanent, "option disable changed 2 rows for one account")
		if !got.Active || !x.at(t, "ada").Active || !x.at(t, "resident").Active {
			t.Errorf("it was kept: %+v, %+v, and returned %+v", x.at(t, "ada"), x.at(t, "resident"), got)
		}
	})
}

func TestAStatementWithoutAnEffect(t *testing.T) {
	each(t, map[string]string{
		"disable": "UPDATE users SET title = 'gone' WHERE id = :id", "revoke": "DELETE FROM user_groups WHERE user_id = :id AND :entitlement = 'x'",
		"update": "UPDATE users SET login = :userName WHERE id = -1 AND :title = 'x'",
	}, func(t *testing.T, x *target) {
		have := x.provision(t, ada("plain"))
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		fails(t, err, connectors.Permanent, "option disable had no effect: the account is still active")
		fails(t, err, connectors.Permanent, "option revoke had no effect: the account still holds plain")
		if !got.Active || !got.Holds("plain") || x.at(t, "ada").Attributes["title"] != "" {
			t.Errorf("returned %+v, and there is %+v", got, x.at(t, "ada"))
		}
		want := ada("plain")
		want.Attributes = map[string]string{"userName": "ada", "title": "Countess"}
		_, err = x.Connector.Apply(t.Context(), have, want)
		fails(t, err, connectors.Permanent, "option update had no effect: title is as it was")
	})
}

// TestWhatEndsAccessIsTriedWhole has one thing fail beside another.
func TestWhatEndsAccessIsTriedWhole(t *testing.T) {
	each(t, map[string]string{"revoke": "DELETE FROM forbidden WHERE a = :id AND b = :entitlement"}, func(t *testing.T, x *target) {
		must(t, x.admin, "CREATE TABLE forbidden (a bigint, b varchar(99))")
		if x.mariadb() {
			must(t, x.admin, "REVOKE ALL ON "+x.database(t)+".* FROM drawbridge@'%'")
			for _, table := range []string{"users", "`groups`", "user_groups", "tokens"} {
				must(t, x.admin, "GRANT ALL ON "+table+" TO drawbridge@'%'")
			}
		}
		have := x.provision(t, ada("plain"))
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		fails(t, err, connectors.Permanent, "option revoke")
		if is := x.at(t, "ada"); is.Active || !is.Holds("plain") || got.Active || !got.Holds("plain") {
			t.Errorf("there is %+v, and returned was %+v: want both disabled, for that could be done", is, got)
		}
	})
	each(t, nil, func(t *testing.T, x *target) {
		have := x.provision(t, ada("plain"))
		got, err := x.Connector.Apply(t.Context(), have, ada("absent"))
		fails(t, err, connectors.Permanent, "there is no entitlement absent")
		if is := x.at(t, "ada"); is.Holds("plain") || got.Holds("plain") {
			t.Errorf("there is %+v, and returned was %+v: want neither to hold what was to end", is, got)
		}
	})
}

// TestOneOfSeveralEntitlementsStays, and the others end all the same.
func TestOneOfSeveralEntitlementsStays(t *testing.T) {
	each(t, map[string]string{
		"revoke": "DELETE FROM user_groups WHERE user_id = :id AND group_id IN (SELECT g.id FROM group_names g WHERE name = :entitlement AND name <> 'plain')",
	}, func(t *testing.T, x *target) {
		must(t, x.admin, "CREATE VIEW group_names AS SELECT * FROM "+map[bool]string{true: "`groups`", false: "groups"}[x.mariadb()])
		if !x.mariadb() {
			must(t, x.admin, "GRANT SELECT ON group_names TO drawbridge")
		}
		have := x.provision(t, ada(groupNames...))
		got, err := x.Connector.Apply(t.Context(), have, ada())
		fails(t, err, connectors.Permanent, "option revoke had no effect: the account still holds plain")
		if is := x.at(t, "ada"); !slices.Equal(is.Entitlements, []string{"plain"}) || !slices.Equal(got.Entitlements, is.Entitlements) {
			t.Errorf("there is %+v, and returned was %+v: want both to hold what cannot be taken", is, got)
		}
	})
}

// TestAlmostTheSameName is another's: only the case of letters may differ.
func TestAlmostTheSameName(t *testing.T) {
	x := withTables(t, sqltest.MariaDB(t), nil)
	must(t, x.admin, "ALTER TABLE users MODIFY login varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL")
	for _, row := range []struct{ there, wanted string }{{"adá", "ada"}, {"Bob", "bob"}} {
		there, err := x.Hand.Put(t.Context(), schema.Account{Active: true, Attributes: map[string]string{"userName": row.there}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Connector.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": row.wanted}})
		switch {
		case row.there == "adá":
			fails(t, err, connectors.Exists, "option create: ")
			if got.Exists() {
				t.Errorf("%s was taken for %s: %+v", row.there, row.wanted, got)
			}
		case err != nil || got.RemoteID != there.RemoteID || !got.Adopted:
			t.Errorf("%s was not taken for %s: %+v, %v", row.there, row.wanted, got, err)
		}
	}
}

func (x *target) mariadb() bool { return strings.HasPrefix(x.config.BaseURL, "mariadb:") }

func (x *target) database(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(x.config.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

func TestProtectedAccounts(t *testing.T) {
	each(t, map[string]string{
		"accounts": `SELECT id, active, login AS userName, login = 'ada' AS protected, title FROM users`,
		"create":   "INSERT INTO users (login, active) VALUES (:userName, true)", "update": "UPDATE users SET title = :title WHERE id = :id",
	}, func(t *testing.T, x *target) {
		put, err := x.Hand.Put(t.Context(), ada("plain"))
		if err != nil {
			t.Fatal(err)
		}
		put.Managed = put.Entitlements
		before := x.at(t, "ada")
		for _, want := range []schema.Account{{}, ada(), ada("plain", groupNames[0])} {
			_, err := x.Connector.Apply(t.Context(), put, want)
			fails(t, err, connectors.Permanent, "is protected")
		}
		if diff := cmp.Diff(before, x.at(t, "ada")); diff != "" || x.proxy.Writes() > 0 {
			t.Errorf("a protected account was changed: %s", diff)
		}
		listed := 0
		for a, err := range x.connector.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Attributes["userName"] == "ada" {
				listed++
			}
		}
		if listed != 1 {
			t.Errorf("it is listed %d times, want once", listed)
		}
	})
}

// TestUnknownIsNotActive has the database not say whether an account is active.
func TestUnknownIsNotActive(t *testing.T) {
	each(t, map[string]string{"accounts": `SELECT id, NULLIF(active, active) AS active, login AS userName FROM users`, "create": "", "update": ""}, func(t *testing.T, x *target) {
		for _, err := range x.connector.List(t.Context()) {
			fails(t, err, connectors.Permanent, "neither active nor not")
		}
	})
}

func TestTokensEnd(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		have := x.provision(t, ada())
		h := x.Hand.(*rows)
		for range 2 {
			h.must(t, "INSERT INTO tokens (user_id) VALUES (?)", have.RemoteID)
		}
		h.must(t, "INSERT INTO tokens (user_id) SELECT id FROM users WHERE login = ?", "resident")
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		if err != nil || got.Active {
			t.Fatalf("%+v, %v", got, err)
		}
		if left, err := strs(t.Context(), x.admin, "SELECT user_id FROM tokens WHERE revoked IS NULL"); err != nil || len(left) != 1 || left[0] == have.RemoteID {
			t.Errorf("tokens of %v are left, %v, want the resident's", left, err)
		}
		// One that is made afterwards ends as well.
		h.must(t, "INSERT INTO tokens (user_id) VALUES (?)", have.RemoteID)
		got.Active = true
		if got, err = x.Connector.Apply(t.Context(), got, schema.Account{}); err != nil || got.Active {
			t.Fatalf("%+v, %v", got, err)
		}
		if left, err := strs(t.Context(), x.admin, "SELECT user_id FROM tokens WHERE revoked IS NULL"); err != nil || len(left) != 1 {
			t.Errorf("tokens of %v are left, %v, want the resident's", left, err)
		}
	})
}

// TestATokenThatDoesNotEnd is access: the account counts as active.
func TestATokenThatDoesNotEnd(t *testing.T) {
	each(t, map[string]string{"endSession": "UPDATE tokens SET user_id = user_id WHERE id = :session"}, func(t *testing.T, x *target) {
		have := x.provision(t, ada())
		x.Hand.(*rows).must(t, "INSERT INTO tokens (user_id) VALUES (?)", have.RemoteID)
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		fails(t, err, connectors.Transient, "still has 1 sessions open")
		if !got.Active || x.at(t, "ada").Active {
			t.Errorf("returned %+v, and there is %+v: want it disabled, and reported as active", got, x.at(t, "ada"))
		}
	})
}

// TestSessionsThatCannotBeSeen refuses to say what somebody is signed in with: they are
// disabled, and left in doubt, so that no listing which shows them disabled settles it.
func TestSessionsThatCannotBeSeen(t *testing.T) {
	each(t, map[string]string{"sessions": "SELECT id FROM nowhere WHERE user_id = :id"}, func(t *testing.T, x *target) {
		have := x.provision(t, ada())
		got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
		fails(t, err, connectors.Permanent, "")
		if !got.Active || !connectors.Doubtful(got) || x.at(t, "ada").Active {
			t.Errorf("returned %+v, and there is %+v: want it disabled, and in doubt", got, x.at(t, "ada"))
		}
	})
}

// TestSessionsEndLater has looking for sessions fail once somebody is disabled or deleted:
// they are that all the same, and what they are signed in with ends at the next Apply, also
// where the bridge wrote nothing down. R-REV-9.
func TestSessionsEndLater(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		for _, crashed := range []bool{false, true} {
			each(t, nil, func(t *testing.T, x *target) {
				h := x.Hand.(*rows)
				have := x.provision(t, ada())
				h.must(t, "INSERT INTO tokens (user_id) VALUES (?)", have.RemoteID)
				config := x.config
				if deletes {
					config.Profile.Deactivate, config.AllowIrreversible = connectors.DeactivateDelete, true
					config.Options = maps.Clone(config.Options)
					config.Options["disable"], config.Options["enable"], config.Options["delete"] = "", "", "DELETE FROM users WHERE id = :id"
				}
				c, err := connectors.Kinds{"sql": sql.Open}.Open(connectors.Options{Config: config})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.(connectors.Closer).Close() })
				h.must(t, "ALTER TABLE tokens RENAME TO away")
				got, err := c.Apply(t.Context(), have, schema.Account{})
				fails(t, err, connectors.Permanent, "")
				if is := x.at(t, "ada"); !got.Active || is.Active || is.Exists() == deletes {
					t.Errorf("returned %+v, and there is %+v: want it ended there, and reported as active", got, is)
				}
				h.must(t, "ALTER TABLE away RENAME TO tokens")
				if crashed {
					got = have
				}
				if got, err = c.Apply(t.Context(), got, schema.Account{}); err != nil || got.Active {
					t.Errorf("again: %+v, %v", got, err)
				}
				if left, err := strs(t.Context(), x.admin, "SELECT user_id FROM tokens WHERE revoked IS NULL"); err != nil || len(left) != 0 {
					t.Errorf("tokens of %v are left, %v", left, err)
				}
			})
		}
	}
}

// TestASessionEnds logs in as somebody who is then disabled. R-REV-9.
func TestASessionEnds(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			s := server(t)
			x := withRoles(t, s)
			name := "session@example.com"
			have := x.provision(t, schema.Account{Active: true, Attributes: map[string]string{"userName": name}})
			h := x.Hand.(*roles)
			if scheme == "postgres" {
				must(t, x.admin, "ALTER ROLE "+h.account(name)+" PASSWORD '"+sqltest.Password+"'")
			} else {
				must(t, x.admin, "ALTER USER "+h.account(name)+" IDENTIFIED BY '"+sqltest.Password+"'")
			}
			pool := s.As(t, name)
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.Connector.Apply(t.Context(), have, schema.Account{})
			if err != nil || got.Active {
				t.Errorf("%+v, %v", got, err)
			}
			var one int
			if err := conn.QueryRowContext(t.Context(), "SELECT 1").Scan(&one); err == nil {
				t.Error("the session is still open")
			}
			if err := pool.PingContext(t.Context()); err == nil {
				t.Error("one may log in again")
			}
			_ = conn.Close()
			have = got
			if got, err = x.Connector.Apply(t.Context(), have, schema.Account{Active: true, Attributes: have.Attributes}); err != nil || !got.Active {
				t.Errorf("enabled again: %+v, %v", got, err)
			}
			if err := pool.PingContext(t.Context()); err != nil {
				t.Errorf("enabled again, one may not log in: %v", err)
			}
		})
	}
}

// TestASessionOfAnotherStays has somebody be gone whose name another has by now, who is logged
// in: nobody's session ends for having the name of one who left.
func TestASessionOfAnotherStays(t *testing.T) {
	s := servers["postgres"](t)
	x := withRoles(t, s)
	name := "another@example.com"
	person := schema.Account{Active: true, Attributes: map[string]string{"userName": name}}
	left := x.provision(t, person)
	h := x.Hand.(*roles)
	if err := h.Remove(t.Context(), left.RemoteID); err != nil {
		t.Fatal(err)
	}
	x.provision(t, person)
	must(t, x.admin, "ALTER ROLE "+h.account(name)+" PASSWORD '"+sqltest.Password+"'")
	conn, err := s.As(t, name).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := connectors.WithOwners(t.Context(), func(context.Context, schema.Account) error { return errors.New("it is another's") })
	if got, err := x.Connector.Apply(ctx, left, schema.Account{}); err != nil || got.Exists() {
		t.Errorf("%+v, %v; want it gone", got, err)
	}
	var one int
	if err := conn.QueryRowContext(t.Context(), "SELECT 1").Scan(&one); err != nil {
		t.Errorf("the session of who has the name now: %v", err)
	}
}

// TestWhatALeaverIsSignedInWithEndsByTheirID has somebody be gone whose name another has by
// now, at a target that knows by ids who is signed in: what they left open ends, and what the
// other has stays. R-REV-9.
func TestWhatALeaverIsSignedInWithEndsByTheirID(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		h := x.Hand.(*rows)
		left := x.provision(t, ada())
		h.must(t, "INSERT INTO tokens (user_id) VALUES (?)", left.RemoteID)
		if err := h.Remove(t.Context(), left.RemoteID); err != nil {
			t.Fatal(err)
		}
		now := x.provision(t, ada())
		h.must(t, "INSERT INTO tokens (user_id) VALUES (?)", now.RemoteID)
		ctx := connectors.WithOwners(t.Context(), func(context.Context, schema.Account) error { return errors.New("it is another's") })
		if got, err := x.Connector.Apply(ctx, left, schema.Account{}); err != nil || got.Exists() {
			t.Errorf("%+v, %v; want it gone", got, err)
		}
		open, err := strs(t.Context(), x.admin, "SELECT user_id FROM tokens WHERE revoked IS NULL")
		if want := []string{now.RemoteID}; err != nil || !cmp.Equal(open, want) {
			t.Errorf("tokens of %v are open, %v; want those of %v", open, err, want)
		}
	})
}

// TestARoleIsRenamed and keeps what it holds.
func TestARoleIsRenamed(t *testing.T) {
	for scheme, server := range servers {
		t.Run(scheme, func(t *testing.T) {
			x := withRoles(t, server(t))
			have := x.provision(t, schema.Account{Active: true, Attributes: map[string]string{"userName": "old@example.com"}, Entitlements: groupNames[:2]})
			want := schema.Account{Active: true, Attributes: map[string]string{"userName": "new@example.com"}, Entitlements: groupNames[1:]}
			got, err := x.Connector.Apply(t.Context(), have, want)
			if err != nil {
				t.Fatal(err)
			}
			is := x.at(t, "new@example.com")
			if is.RemoteID != got.RemoteID || !is.Active || !slices.Equal(is.Entitlements, groupNames[1:]) || x.at(t, "old@example.com").Exists() {
				t.Errorf("there is %+v, and returned was %+v", is, got)
			}
		})
	}
}
