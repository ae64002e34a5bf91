package sql

import (
	"maps"
	"os"
	"strings"
	"testing"

	"drawbridge/connectors"
)

// least is a configuration with nothing wrong.
func least() connectors.Config {
	return connectors.Config{
		Kind: "sql", BaseURL: "postgres://localhost/crm", Profile: connectors.DefaultProfile(),
		Auth: connectors.Auth{User: "bridge", Secret: "hunter2"},
		Options: map[string]string{
			"accounts": "SELECT id, active, login AS userName, mail AS \"emails.value\"\nFROM users",
			"enable":   "UPDATE users SET active = true WHERE id = :id",
			"disable":  "UPDATE users SET active = false WHERE id = :id",
		},
	}
}

func TestMistakesOfTheConfiguration(t *testing.T) {
	const unset = "\x00"
	memberships := map[string]string{
		"memberships": "SELECT a AS account, e AS entitlement FROM m", "grant": "INSERT INTO m VALUES (:id, :entitlement)",
		"revoke": "DELETE FROM m WHERE a = :id AND e = :entitlement",
	}
	for name, row := range map[string]struct {
		options map[string]string
		change  func(*connectors.Config)
		want    string
	}{
		"nothing":            {},
		"memberships":        {options: memberships},
		"an option":          {options: map[string]string{"acounts": "x"}, want: `unknown option "acounts"`},
		"no accounts":        {options: map[string]string{"accounts": unset}, want: "option accounts is missing"},
		"no id":              {options: map[string]string{"accounts": "SELECT active, login AS userName FROM u"}, want: "option accounts shows no column id"},
		"no active":          {options: map[string]string{"accounts": "SELECT id, login AS userName FROM u"}, want: "option accounts shows no column active"},
		"no match":           {options: map[string]string{"accounts": "SELECT id, active FROM u"}, want: "shows no userName, which the profile matches"},
		"another case":       {options: map[string]string{"accounts": "SELECT id, active, login AS username FROM u"}, want: "shows username, which is written userName"},
		"a star":             {options: map[string]string{"accounts": "SELECT * FROM u"}, want: "column 1 has no name"},
		"not a query":        {options: map[string]string{"accounts": "DELETE FROM u"}, want: "want one query"},
		"one with a value":   {options: map[string]string{"accounts": "SELECT id, active, login AS userName FROM u WHERE x = :id"}, want: "has a parameter :id, and is asked for everything"},
		"a parameter":        {options: map[string]string{"update": "UPDATE users\nSET mail = :emails.value,\n login = :usrName\nWHERE id = :id"}, want: "bridge.yaml:13: option update has an unknown parameter :usrName: there are id, userName, emails.value, was."},
		"was, elsewhere":     {options: map[string]string{"disable": "UPDATE u SET a = :was.userName WHERE id = :id"}, want: "unknown parameter :was.userName"},
		"no WHERE":           {options: map[string]string{"disable": "UPDATE users SET active = false"}, want: "option disable does not say which account: use :id or :userName"},
		"one of two":         {options: map[string]string{"disable": "DELETE FROM tokens;\nUPDATE u SET a = false WHERE id = :id"}, want: "option disable does not say which account"},
		"no entitlement":     {options: with(memberships, "revoke", "DELETE FROM m WHERE a = :id"), want: "option revoke does not say which entitlement"},
		"a value in DDL":     {options: map[string]string{"create": "CREATE ROLE :userName"}, want: `binds :userName, and CREATE takes no values: where a name is wanted, write :"userName"`},
		"no disable":         {options: map[string]string{"disable": unset}, want: "option disable is missing"},
		"no enable":          {options: map[string]string{"enable": unset}, want: "option enable is missing"},
		"no revoke":          {options: with(memberships, "revoke", unset), want: "option revoke is missing: there are memberships to take"},
		"no grant":           {options: with(memberships, "grant", unset), want: "option grant is missing"},
		"grants nobody sees": {options: with(memberships, "memberships", unset), want: "option memberships is missing"},
		"half of a session":  {options: map[string]string{"sessions": "SELECT id FROM s WHERE u = :id"}, want: "option sessions and endSession need each other"},
		"sessions of all":    {options: map[string]string{"sessions": "SELECT id FROM s", "endSession": "DELETE FROM s WHERE id = :session"}, want: "option sessions does not say which account"},
		"any session":        {options: map[string]string{"sessions": "SELECT id FROM s WHERE u = :id", "endSession": "DELETE FROM s"}, want: "does not say which session"},
		"unfinished":         {options: map[string]string{"disable": "UPDATE u\nSET a = 'x\nWHERE id = :id"}, want: "option disable cannot be read: what begins with ' has no end"},
		"a duration":         {options: map[string]string{"timeout": "soon"}, want: `option timeout is "soon"`},
		"a number":           {options: map[string]string{"pageSize": "0"}, want: "option pageSize is"},
		"deletes": {
			change: func(c *connectors.Config) { c.Profile.Deactivate = connectors.DeactivateDelete },
			want:   "cannot be undone",
		},
		"deletes, and may": {
			change: func(c *connectors.Config) {
				c.Profile.Deactivate, c.AllowIrreversible = connectors.DeactivateDelete, true
			},
			want: "option delete is missing",
		},
		"no such server":     {change: func(c *connectors.Config) { c.BaseURL = "oracle://x/y" }, want: "baseURL wants postgres://"},
		"a password in it":   {change: func(c *connectors.Config) { c.BaseURL = "postgres://u:hunter2@x/y" }, want: "baseURL wants postgres://"},
		"settings in it":     {change: func(c *connectors.Config) { c.BaseURL += "?sslmode=disable" }, want: "baseURL wants postgres://"},
		"no database":        {change: func(c *connectors.Config) { c.BaseURL = "postgres://localhost" }, want: "baseURL names no database"},
		"nobody":             {change: func(c *connectors.Config) { c.Auth = connectors.Auth{} }, want: "auth.user is missing"},
		"nowhere":            {change: func(c *connectors.Config) { c.BaseURL = "postgres:///crm" }, want: "baseURL has a HOST, or option socket"},
		"a socket":           {change: func(c *connectors.Config) { c.BaseURL = "postgres:///crm" }, options: map[string]string{"socket": "/run/postgresql/.s.PGSQL.5432"}},
		"no socket":          {change: func(c *connectors.Config) { c.BaseURL = "postgres:///crm" }, options: map[string]string{"socket": "/run/postgresql"}, want: "want the path of a socket"},
		"elsewhere":          {change: func(c *connectors.Config) { c.BaseURL = "postgres://db.example.com/crm" }},
		"elsewhere in clear": {change: func(c *connectors.Config) { c.BaseURL = "postgres://db.example.com/crm" }, options: map[string]string{"tls": "off"}, want: "the password could be read on its way"},
		"to whoever answers": {change: func(c *connectors.Config) { c.BaseURL = "mysql://db.example.com/crm" }, options: map[string]string{"tls": "encrypt"}, want: "the password could be read on its way"},
		"as one likes": {
			change:  func(c *connectors.Config) { c.BaseURL, c.Auth.Insecure = "mysql://db.example.com/crm", true },
			options: map[string]string{"tls": "off"},
		},
		"tls":          {options: map[string]string{"tls": "on"}, want: `option tls is "on"`},
		"no authority": {options: map[string]string{"caFile": "nowhere.pem"}, want: "option caFile"},
	} {
		t.Run(name, func(t *testing.T) {
			c := least()
			maps.Copy(c.Options, row.options)
			maps.DeleteFunc(c.Options, func(_, text string) bool { return text == unset })
			c.File, c.Lines = "bridge.yaml", map[string]int{"update": 11}
			if row.change != nil {
				row.change(&c)
			}
			opened, err := Open(connectors.Options{Config: c})
			switch {
			case err == nil && row.want == "":
				if err := opened.(*Connector).Close(); err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Errorf("it is accepted, want %q", row.want)
			case row.want == "" || !strings.Contains(err.Error(), row.want):
				t.Errorf("it is refused: %v\nwant %q", err, row.want)
			case strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// with returns the options with another in them.
func with(options map[string]string, name, text string) map[string]string {
	all := maps.Clone(options)
	all[name] = text
	return all
}

// TestEnvironmentIsNotRead would find a password that the library found.
func TestEnvironmentIsNotRead(t *testing.T) {
	for name, value := range map[string]string{"PGHOST": "elsewhere", "PGUSER": "mallory", "PGPASSWORD": "theirs", "PGSSLMODE": "require", "PGOPTIONS": "-c x=y", "PGAPPNAME": "x"} {
		t.Setenv(name, value)
	}
	s, err := read(least())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.postgres(); err != nil {
		t.Fatal(err)
	}
	if err := os.Unsetenv("PGPASSWORD"); err != nil {
		t.Fatal(err)
	}
	c := least()
	c.Auth.Secret = ""
	if s, err = read(c); err != nil {
		t.Fatal(err)
	}
	if _, err := s.postgres(); err != nil {
		t.Fatal(err)
	}
}

func TestShippedProfilesOpen(t *testing.T) {
	for name, url := range map[string]string{
		"postgres-tables": "postgres://localhost/crm", "mariadb-tables": "mysql://localhost/crm",
		"postgres-roles": "postgres://localhost/postgres", "mariadb-users": "mariadb://localhost",
	} {
		p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), name)
		if err != nil {
			t.Fatal(err)
		}
		c := connectors.Config{BaseURL: url, Profile: p, Auth: connectors.Auth{User: "bridge", Secret: "x"}}
		o := connectors.Options{Config: c}.Defaults()
		s, err := read(o.Config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := name != "mariadb-users"; s.atomic != want {
			t.Errorf("%s: what is done to one account is one transaction: %v, want %v", name, s.atomic, want)
		}
	}
}
