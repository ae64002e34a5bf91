package sql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// render returns what the option's only statement comes to.
func render(t *testing.T, d *dialect, src string, v values) (string, []any) {
	t.Helper()
	all, err := statements(d, "test", src)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %d statements, %v", src, len(all), err)
	}
	text, args, err := all[0].render(v)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return text, args
}

func TestParametersAreBound(t *testing.T) {
	v := values{id: "7", entitlement: "edi\"tors", attributes: map[string]string{"userName": "a`d\"a", "name.givenName": "A", "urn:x:User:code": "c"}, was: map[string]string{"userName": "old"}}
	for name, row := range map[string]struct {
		dialect, src, want string
		args               []any
	}{
		"values":            {"postgres", "UPDATE u SET a = :userName WHERE id = :id", "UPDATE u SET a = $1 WHERE id = $2", []any{"a`d\"a", "7"}},
		"once for each":     {"postgres", "SELECT :id, :id", "SELECT $1, $2", []any{"7", "7"}},
		"mysql's":           {"mariadb", "SELECT :id, :name.givenName", "SELECT ?, ?", []any{"7", "A"}},
		"dotted":            {"postgres", "SELECT :name.givenName, u.x", "SELECT $1, u.x", []any{"A"}},
		"braced":            {"postgres", "SELECT :{urn:x:User:code}", "SELECT $1", []any{"c"}},
		"empty is NULL":     {"postgres", "SELECT :title", "SELECT $1", []any{nil}},
		"was":               {"postgres", "SELECT :was.userName", "SELECT $1", []any{"old"}},
		"a cast":            {"postgres", "SELECT :id::int, 'x'::text", "SELECT $1::int, 'x'::text", []any{"7"}},
		"a slice":           {"postgres", "SELECT a[1:2], b[1 : 2]", "SELECT a[1:2], b[1 : 2]", nil},
		"names":             {"postgres", `GRANT :"entitlement" TO :"userName"`, "GRANT \"edi\"\"tors\" TO \"a`d\"\"a\"", nil},
		"mysql's names":     {"mariadb", `GRANT :"entitlement" TO :"userName"@'%'`, "GRANT `edi\"tors` TO `a``d\"a`@'%'", nil},
		"in strings":        {"postgres", "SELECT ':id', ''':id', E'\\':id', :id", "SELECT ':id', ''':id', E'\\':id', $1", []any{"7"}},
		"in mysql strings":  {"mariadb", `SELECT ':id\':id', "\":id", :id`, `SELECT ':id\':id', "\":id", ?`, []any{"7"}},
		"no escapes":        {"postgres", `SELECT '\', :id, ''`, `SELECT '\', $1, ''`, []any{"7"}},
		"in names":          {"postgres", `SELECT "a:id""b", :id`, `SELECT "a:id""b", $1`, []any{"7"}},
		"in mysql names":    {"mariadb", "SELECT `a:id``\\`, :id", "SELECT `a:id``\\`, ?", []any{"7"}},
		"in dollars":        {"postgres", "SELECT $x$ ':id $$ $x$, :id, $$:id$$", "SELECT $x$ ':id $$ $x$, $1, $$:id$$", []any{"7"}},
		"in comments":       {"postgres", "SELECT 1 -- ':id\n, :id /* :id /* ' */ :id */", "SELECT 1 -- ':id\n, $1 /* :id /* ' */ :id */", []any{"7"}},
		"mysql's comments":  {"mariadb", "SELECT 1 # ':id\n, :id /* /* ' */ - :id --:id", "SELECT 1 # ':id\n, ? /* /* ' */ - ? --?", []any{"7", "7", "7"}},
		"a json operator":   {"postgres", "SELECT a ? 'k', a @> '{}' FROM x WHERE id = :id", "SELECT a ? 'k', a @> '{}' FROM x WHERE id = $1", []any{"7"}},
		"letters of others": {"postgres", "SELECT größe, :id FROM таблица", "SELECT größe, $1 FROM таблица", []any{"7"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, args := render(t, dialects[row.dialect], row.src, v)
			if text != row.want {
				t.Errorf("the text is %s, want %s", text, row.want)
			}
			if diff := cmp.Diff(row.args, args); diff != "" {
				t.Errorf("the values are (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, row := range map[string]struct{ dialect, src, want string }{
		"a string":         {"postgres", "SELECT 'x", "what begins with ' has no end"},
		"a name":           {"postgres", `SELECT "x`, `what begins with " has no end`},
		"a dollar":         {"postgres", "SELECT $x$ x", "what begins with $x$ has no end"},
		"a comment":        {"postgres", "SELECT 1 /* /* */", "a comment has no end"},
		"a number":         {"postgres", "SELECT $1", "$ stands for no value"},
		"a mark":           {"mariadb", "SELECT ?", "? stands for no value"},
		"psql's literal":   {"postgres", "SELECT :'id'", "a value is never written into a statement"},
		"code":             {"mariadb", "SELECT 1 /*!50000 , 2 */", "code in a comment"},
		"MariaDB's code":   {"mariadb", "SELECT 1 /*M! , 2 */", "code in a comment"},
		"a bracket":        {"postgres", "SELECT (1", "( has no ) after it"},
		"another":          {"postgres", "SELECT 1) FROM (SELECT 2", ") has no ( before it"},
		"no statement":     {"postgres", "SELECT 1; 'x'", "no statement begins with 'x'"},
		"an escaped quote": {"mariadb", `SELECT '\'`, "what begins with ' has no end"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := statements(dialects[row.dialect], "test", row.src); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %v, want %q", row.src, err, row.want)
			}
		})
	}
}

func TestColumns(t *testing.T) {
	for name, row := range map[string]struct {
		dialect, src string
		want         []column
	}{
		"names": {"postgres", `SELECT u.id, Active, login AS "userName", a || '(' || b "x y", f(a, b) AS fullName FROM u`, []column{
			{"id", `"id"`}, {"Active", `"active"`}, {"userName", `"userName"`}, {"x y", `"x y"`}, {"fullName", `"fullname"`},
		}},
		"mysql's":   {"mariadb", "SELECT Id, a AS `user``Name`, b AS 'mail', c AS \"t\" FROM u", []column{{"Id", "`Id`"}, {"user`Name", "`user``Name`"}, {"mail", "`mail`"}, {"t", "`t`"}}},
		"with":      {"postgres", "WITH x AS (SELECT a, b FROM c) SELECT DISTINCT ON (a, b) id, (SELECT max(z) FROM y) AS z FROM x", []column{{"id", `"id"`}, {"z", `"z"`}}},
		"is not":    {"postgres", "SELECT id, a IS DISTINCT FROM b AS active FROM x", []column{{"id", `"id"`}, {"active", `"active"`}}},
		"no table":  {"postgres", "SELECT 1 AS id, true AS active", []column{{"id", `"id"`}, {"active", `"active"`}}},
		"a comment": {"postgres", "SELECT id, -- FROM, (\n active FROM x", []column{{"id", `"id"`}, {"active", `"active"`}}},
		"a union":   {"postgres", "SELECT id FROM a UNION SELECT z FROM b", []column{{"id", `"id"`}}},
		"a case":    {"postgres", "SELECT CASE WHEN a THEN b END AS id FROM x", []column{{"id", `"id"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := newQuery(dialects[row.dialect], "test", row.src)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, q.columns, cmp.AllowUnexported(column{})); diff != "" {
				t.Errorf("the columns are (-want +got):\n%s", diff)
			}
		})
	}
	for _, src := range []string{"SELECT * FROM u", "SELECT id, u.* FROM u", "SELECT id, CASE WHEN a THEN b END FROM u", "SELECT id, f(x) FROM u", "SELECT id, 1", "DELETE FROM u", "SELECT id; SELECT id", "SELECT id, a AS ID FROM u"} {
		if q, err := newQuery(dialects["postgres"], "test", src); err == nil {
			t.Errorf("%s: read as %v, want it refused", src, q.columns)
		}
	}
}

// FuzzLex holds the tokens of a statement to be its text, so that nothing that
// somebody wrote is changed or left out, whatever it is.
func FuzzLex(f *testing.F) {
	for _, src := range []string{
		"SELECT id, E'\\'' FROM x -- y\n", `UPDATE u SET a = :a.b, b = :{x:y} WHERE c = :"d"`, "$x$ $$ $x$ $1", "/* /* */ */", "`a``b` # c", "a::b := :c", "'", "\x00\xff",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, d := range dialects {
			tokens, err := lex(d, src)
			if err != nil {
				continue
			}
			var all strings.Builder
			for _, token := range tokens {
				if token.text == "" {
					t.Fatalf("%s: %q has an empty token", d.name, src)
				}
				all.WriteString(token.text)
			}
			if all.String() != src {
				t.Fatalf("%s: %q became %q", d.name, src, all.String())
			}
			_, _ = newQuery(d, "test", src)
		}
	})
}
