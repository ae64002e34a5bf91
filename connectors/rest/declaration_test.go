package rest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/rest"
)

// TestMistakes makes one mistake at a time in a declaration that is right, and
// wants it told at its line, before anything is called.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ was, is, at, want string }{
		"a variable that is not there": {"id: item.id\n    active", "id: itm.id\n    active", "itm.id", `there is no "itm" here: there are options, now, item`},
		"in a block, at its own line":  {`"mail": attributes["emails.value"]`, `"mail": attribute["emails.value"]`, `attribute[`, `there is no "attribute" here`},
		"an attribute misspelt":        {`"mail": attributes["emails.value"]`, `"mail": attributes["email.value"]`, `"email.value"`, `attributes has no "email.value": it has department,`},
		"an option misspelt":           {"title: item.job", "title: options.job", "options.job", `options has no "job"`},
		"a page misspelt":              {"cursor: page.token", "cursor: page.tokn", "page.tokn", `page has no "tokn": it has token, offset, number, size`},
		"no boolean":                   {`active: item.state == "on"`, `active: '"on"'`, `'"on"'`, "this is string, and bool is wanted"},
		"no CEL":                       {`active: item.state == "on"`, `active: item.state ==`, `item.state ==`, "Syntax error"},
		"no userName":                  {"      userName: item.login\n", "", "id: item.id", "lacks userName"},
		"an unknown key":               {"accounts:\n    list", "accounts:\n    lst: {}\n    list", "lst: {}", "field lst not found"},
		"an unknown key of a request":  {"disable: { post: '/people/{id}/suspend' }", "disable: { post: '/people/{id}/suspend', bdy: x }", "bdy: x", "field bdy not found"},
		"an unknown meaning":           {"is: exists", "is: perhaps", "is: perhaps", `is: "perhaps": write retry,`},
		"after of what is not retried": {"is: exists", "is: exists, after: '60'", "after:", "write is: retry"},
		"two methods":                  {"disable: { post: '/people/{id}/suspend' }", "disable: { post: '/people/{id}/suspend', delete: /x }", "disable:", "this is its second"},
		"no method":                    {"read: { get: '/people/{id}' }", "read: {}", "rest:", "write get, post, put, patch or delete"},
		"no slash":                     {"get: /teams", "get: teams", "get: teams", "a path begins with /"},
		"a query in the path":          {"get: /teams", "get: /teams?all=yes", "get: /teams", "write the query under query"},
		"a brace that is not closed":   {"'/teams/{entitlement.id}/members/{id}' }\n      revoke", "'/teams/{entitlement.id/members/' }\n      revoke", "grant:", "opened and not closed"},
		"a body of a get":              {"read: { get: '/people/{id}' }", "read: { get: '/people/{id}', body: '{}' }", "read:", "a get sends none"},
		"needed by nothing":            {"disable: { post: '/people/{id}/suspend' }", "disable: { post: '/people/{id}/suspend', needed: true }", "disable:", "needed: nothing goes by it here"},
		"needed where all are":         {"read: { get: '/people/{id}' }", "read: { get: '/people/{id}', needed: true }", "read:", "needed: nothing goes by it here"},
		"no way to revoke":             {"      revoke: { delete: '/teams/{entitlement.id}/members/{id}' }\n", "", "- catalogue", "grant and revoke are needed"},
		"no way to come back":          {"    enable: { post: '/people/{id}/resume' }\n", "", "rest:", "enable is missing"},
		"no way to look":               {"    read: { get: '/people/{id}' }\n", "", "", ""},
		"no next page":                 {`page: { style: token, next: 'body.?next.orValue("")' }`, "page: { style: token }", "get: /people", "page.next is missing"},
		"an unknown style":             {"page: { style: link }\n        id", "page: { style: forwards }\n        id", "get: /teams", `page.style is "forwards"`},
		"found by what is not read":    {"by: userName", "by: login", "by: login", `by: "login" is not among`},
		"id and name at once":          {"id: item.team.id", "id: item.team.id, name: item.team.id", "of:", "write one of id and name"},
		"prefixes alike":               {"    - catalogue", "    - &x { prefix: a, of: { name: item.a }, grant: { post: /a }, revoke: { post: /a } }\n    - catalogue", "- catalogue", "cannot be told apart"},
		"a header of two lines":        {"rest:\n", "rest:\n  headers: { X-Tenant: \"a\\nb\" }\n", "rest:", "no header that can be set"},
		"the client's own header":      {"rest:\n", "rest:\n  headers: { authorization: mine }\n", "rest:", "no header that can be set"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(people, c.was, c.is, 1)
			if text == people {
				t.Fatalf("there is no %q to replace", c.was)
			}
			err := rest.Check(profile(t, text))
			if c.want == "" {
				if err != nil {
					t.Errorf("told %v, want nothing: what is missing is not needed", err)
				}
				return
			}
			line := 0
			for i, l := range strings.Split(text, "\n") {
				if line == 0 && strings.Contains(l, c.at) {
					line = i + 1
				}
			}
			if c.at == "rest:" {
				line++ // where what is in it begins
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), fmt.Sprintf("test.yaml:%d: ", line)) {
				t.Errorf("told %v\nwant %q at line %d", err, c.want, line)
			}
		})
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	text := strings.NewReplacer("id: item.id\n    active", "id: itm.id\n    active", "is: exists", "is: perhaps", "get: /teams", "get: teams").Replace(people)
	err := rest.Check(profile(t, text))
	if err == nil || strings.Count(err.Error(), "test.yaml:") != 3 {
		t.Errorf("told %v, want three mistakes", err)
	}
}

// inShapes are the tests of shipped declarations: against a server, or against what the
// service answers by its documentation.
var inShapes = map[string]func(*testing.T){
	"github-teams": TestGitHubTeamsInItsShapes, "gitlab-groups": TestGitLabGroupsInItsShapes, "google-workspace": TestGoogleWorkspaceInItsShapes,
	"grafana": TestGrafanaInItsShapes, "rabbitmq": TestRabbitMQKeepsTheContract, "slack-usergroups": TestSlackUserGroupsInItsShapes,
}

// TestShippedDeclarations opens every profile that ships with a section rest, and
// wants each to be tried in its shapes.
func TestShippedDeclarations(t *testing.T) {
	files, err := filepath.Glob("../../configs/profiles/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		p := shipped(t, name)
		if p.REST.Node == nil {
			continue
		}
		found++
		if err := rest.Check(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if inShapes[name] == nil {
			t.Errorf("%s is tried against nothing: write what it answers, and a test", name)
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "# Read in: ") {
			t.Errorf("%s does not say where its facts were read: %v", name, err)
		}
	}
	if found != len(inShapes) {
		t.Errorf("%d profiles have a section rest, and %d are tried", found, len(inShapes))
	}
}

func TestWhatConfigurationMustSay(t *testing.T) {
	p := profile(t, strings.Replace(people, "rest:\n", "rest:\n  options: { tenant: {}, level: { default: low }, note: { optional: true } }\n", 1))
	config := connectors.Config{Name: "x", Kind: "rest", BaseURL: "https://staff.example", Profile: p}
	for name, c := range map[string]struct {
		change func(*connectors.Config)
		want   string
	}{
		"an option":           {func(*connectors.Config) {}, "option tenant is missing"},
		"no other option":     {func(c *connectors.Config) { c.Options = map[string]string{"tenant": "a", "tenent": "a"} }, `unknown option "tenent"`},
		"a time":              {func(c *connectors.Config) { c.Options = map[string]string{"tenant": "a", "timeout": "soon"} }, "option timeout"},
		"an address":          {func(c *connectors.Config) { c.BaseURL = "" }, "baseURL"},
		"an address with TLS": {func(c *connectors.Config) { c.BaseURL, c.Auth.Secret = "http://staff.example", "s" }, "unencrypted"},
		"a declaration":       {func(c *connectors.Config) { c.Profile = connectors.DefaultProfile() }, "no section rest"},
		"enough":              {func(c *connectors.Config) { c.Options = map[string]string{"tenant": "a", "timeout": "3s"} }, ""},
	} {
		config := config
		c.change(&config)
		_, err := rest.Open(connectors.Options{Config: config})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
