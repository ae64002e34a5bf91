package server_test

import (
	"net/url"
	"os"
	"strings"
	"testing"

	library "github.com/elimity-com/scim/schema"

	wire "drawbridge/schema/scim"
	"drawbridge/server"
)

const teamURN = "urn:example:scim:schemas:extension:team:2.0:Group"

// extended speaks to an endpoint whose groups have an extension.
func extended(t *testing.T) *client {
	t.Helper()
	text, err := os.ReadFile("testdata/team.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	team, err := wire.ParseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, func(o *server.Options) { o.GroupExtensions = []library.Schema{team} })
}

// team makes a group with an extension.
func (c *client) team(name, more string) got {
	c.t.Helper()
	return c.send("POST", "/Groups", `{"schemas":["`+groupURN+`"],"displayName":"`+name+`","`+teamURN+`":{`+more+`}}`).is(201)
}

// findGroups asks for groups by a filter, and returns their names.
func (c *client) findGroups(filter, more string) string {
	c.t.Helper()
	var names []string
	list, _ := c.get("/Groups?filter=" + url.QueryEscape(filter) + more).is(200).body["Resources"].([]any)
	for _, g := range list {
		name, _ := g.(map[string]any)["displayName"].(string)
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// TestGroupExtension holds an extension of groups to all that one of users is held
// to: what is told of it, what is read in, found, sorted, shown and changed.
func TestGroupExtension(t *testing.T) {
	c := extended(t)
	c.get("/ResourceTypes/Group").is(200).has(teamURN, "schemaExtensions", 0, "schema").has(false, "schemaExtensions", 0, "required")
	c.get("/Schemas/"+teamURN).is(200).has("Team", "name").count(9, "attributes")
	c.get("/ResourceTypes/User").is(200).count(4, "schemaExtensions")

	ada := c.user("").id()
	a := c.team("a", `"costCentre":"CC-1","budget":"40","tags":"x","code":"k","pin":"1234","note":"n","unheard":1,"lead":"`+ada+`"`)
	a.has(teamURN, "schemas", 1).has("CC-1", teamURN, "costCentre").has(40.0, teamURN, "budget").has("x", teamURN, "tags", 0).
		has(ada, teamURN, "lead", "value").has(nil, teamURN, "pin").has("n", teamURN, "note").has(nil, teamURN, "unheard")
	c.team("b", `"costCentre":"CC-2","budget":100,"tags":["x","y"],"lead":{"value":"nobody","$ref":"../Users/nobody","since":"2026-01-31"}`).has("../Users/nobody", teamURN, "lead", "$ref")
	plain := c.group(ada).has(nil, "schemas", 1)
	c.get(a.path()).is(200).has("CC-1", teamURN, "costCentre").has(nil, teamURN, "note")
	c.send("POST", "/Groups", `{"displayName":"c","`+teamURN+`":{"budget":"much"}}`).refuses(400, "invalidValue")
	c.send("POST", "/Groups", `{"displayName":"c","`+teamURN+`":{"lead":{"since":"soon"}}}`).refuses(400, "invalidValue")

	for filter, want := range map[string]string{
		teamURN + `:costCentre eq "CC-1"`:                                                  "a",
		teamURN + `:costCentre eq "cc-1"`:                                                  "",
		strings.ToLower(teamURN) + `:COSTCENTRE sw "CC"`:                                   "a b",
		teamURN + `:budget gt 40`:                                                          "b",
		teamURN + `:tags eq "y" or displayName eq "a"`:                                     "a b",
		teamURN + `:lead.value eq "nobody" and ` + teamURN + `:lead.since gt "2026-01-01"`: "b",
		teamURN + `:lead.value eq "` + ada + `"`:                                           "a",
		`displayName eq "b" and not (` + teamURN + `:budget lt 100)`:                       "b",
		teamURN + `:code pr`:                                                               "a",
		`members.value eq "` + ada + `" and ` + teamURN + `:costCentre pr`:                 "",
	} {
		if got := c.findGroups(filter, ""); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	for _, filter := range []string{teamURN + `:pin eq "1234"`, teamURN + `:nothing eq "x"`, `budget eq 40`} {
		c.get("/Groups?filter="+url.QueryEscape(filter)).refuses(400, "invalidFilter")
	}
	has := teamURN + `:budget pr`
	if got := c.findGroups(has, "&sortBy="+teamURN+":budget&sortOrder=descending"); got != "b a" {
		t.Errorf("sorted by the extension: %q", got)
	}
	c.get("/?filter="+url.QueryEscape(has)).is(200).has(2.0, "totalResults")

	c.get(a.path()+"?attributes="+teamURN+":budget").is(200).has(40.0, teamURN, "budget").has(nil, teamURN, "costCentre").has(nil, "displayName")
	c.get(a.path()+"?attributes="+teamURN+":note,"+teamURN+":pin").is(200).has("n", teamURN, "note").has(nil, teamURN, "pin")
	c.get(a.path()+"?excludedAttributes="+teamURN+":budget,"+teamURN+":tags").is(200).has("CC-1", teamURN, "costCentre").has(nil, teamURN, "budget").has(nil, teamURN, "tags")
	c.get(a.path()+"?attributes=displayName").is(200).has(nil, teamURN)
	c.get(plain.path()).is(200).has(nil, teamURN)
}

// TestGroupExtensionChanges is TestGroupExtension for PATCH, PUT and Bulk.
func TestGroupExtensionChanges(t *testing.T) {
	c := extended(t)
	ada := c.user("").id()
	g := c.team("g", `"costCentre":"CC-1","code":"k","tags":["x"]`)
	shown := g.path() + "?attributes=displayName,members," + teamURN
	tag := g.header.Get("ETag")
	c.patch(g.path(), `{"op":"replace","path":"`+teamURN+`:budget","value":"7"},{"op":"add","path":"members","value":[{"value":"`+ada+`"}]},{"op":"add","path":"`+teamURN+`:tags","value":["y"]}`).is(204)
	c.get(shown).is(200).has(7.0, teamURN, "budget").has("y", teamURN, "tags", 1).has(ada, "members", 0, "value")
	c.send("PATCH", g.path(), operations(`{"op":"remove","path":"displayName"}`), "If-Match", tag).refuses(412, "")
	c.patch(g.path(), `{"op":"Add","value":{"`+teamURN+`":{"budget":8,"lead":{"value":"z"}},"`+teamURN+`:costCentre":"CC-2","`+teamURN+`:none":1}}`).is(204)
	c.get(shown).is(200).has(8.0, teamURN, "budget").has("CC-2", teamURN, "costCentre").has("z", teamURN, "lead", "value").has(ada, "members", 0, "value")
	c.patch(g.path(), `{"op":"remove","path":"`+teamURN+`:lead"},{"op":"replace","path":"`+teamURN+`:lead.since","value":"2026-01-31T00:00:00Z"}`).is(204)
	c.get(shown).is(200).has(nil, teamURN, "lead", "value").has("2026-01-31T00:00:00Z", teamURN, "lead", "since")

	c.patch(g.path(), `{"op":"replace","path":"`+teamURN+`:budget","value":"much"}`).refuses(400, "invalidValue")
	c.patch(g.path(), `{"op":"replace","path":"`+teamURN+`:code","value":"other"}`).refuses(400, "mutability")
	c.patch(g.path(), `{"op":"remove","path":"`+teamURN+`:code"}`).refuses(400, "mutability")
	c.patch(g.path(), `{"op":"replace","path":"`+teamURN+`:lead[value eq`+`","value":"other"}`).refuses(400, "invalidPath")
	c.send("PUT", g.path(), `{"displayName":"h","`+teamURN+`":{"code":"other"}}`).refuses(400, "mutability")
	c.get(shown).is(200).has("k", teamURN, "code").has("g", "displayName")

	c.send("PUT", g.path(), `{"displayName":"h","`+teamURN+`":{"budget":1}}`).is(200)
	c.get(shown).is(200).has("h", "displayName").has(1.0, teamURN, "budget").has("k", teamURN, "code").has(nil, teamURN, "tags").has(ada, "members", 0, "value")
	c.patch(g.path(), `{"op":"remove","path":"`+teamURN+`:budget"}`).is(204)
	c.get(shown).is(200).has(nil, teamURN, "budget").has("k", teamURN, "code")

	c.send("POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"PATCH","path":"/Groups/`+g.id()+`","data":`+operations(`{"op":"add","path":"`+teamURN+`:budget","value":3}`)+`}]}`).is(200).has("204", "Operations", 0, "status")
	c.get(shown).is(200).has(3.0, teamURN, "budget")
}
