package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/server"
)

// TestThePageIsTrue tries what the tables of docs/scim.md say, over a listener. A row
// that nobody tries fails it, and so does a trial of a row that is not there.
func TestThePageIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/scim.md")
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, func(o *server.Options) {
		o.Credentials = append(o.Credentials, server.Credential{Name: "other", Source: "other", Secret: otherSecret})
	})
	trials := understands()
	maps.Copy(trials, limits())
	for line := range strings.Lines(string(text)) {
		row, said := strings.CutPrefix(line, "| ")
		row, _, _ = strings.Cut(row, " | ")
		if !said || row == "sent" || row == "who" {
			continue
		}
		tried := elsewhere[row] != ""
		for begin, trial := range trials {
			if strings.HasPrefix(row, begin) {
				tried = true
				delete(trials, begin)
				t.Run(begin, func(t *testing.T) {
					here := *c
					here.t = t
					trial(&here)
				})
			}
		}
		if !tried && !strings.HasPrefix(row, "SCIMMY") && !strings.HasPrefix(row, "scim") {
			t.Errorf("nobody tries that %q is answered as the page says", row)
		}
	}
	tests := sources(t, "*_test.go", "scim/*_test.go", "../schema/scim/*_test.go")
	for row, name := range elsewhere {
		if !strings.Contains(string(text), "| "+row+" |") || !strings.Contains(tests, "func "+name+"(t *testing.T)") {
			t.Errorf("%q is tried by %s: one of them is not there", row, name)
		}
	}
	for begin := range trials {
		t.Errorf("the page says nothing of %q", begin)
	}
}

// sources returns the text of files.
func sources(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}

// elsewhere names the tests of rows that take long, or need a clock.
var elsewhere = map[string]string{
	"a body that takes longer than a minute; the part behind its first 64 KiB longer than 20 seconds":                                                                     "TestSlowSenders",
	"more bodies over 64 KiB at once than take turns within 30 seconds":                                                                                                   "TestLargeBodiesAreFew",
	"operations of one PATCH that look through more than 32 MiB together: each through the old value, once a comparison, and again through a list of which values change": "TestWorkIsBounded",
	"in an order that no index has, a page by `startIndex` behind 10,001, or more than 1 GiB of resources":                                                                "TestSortIsBounded",
}

func understands() map[string]func(*client) {
	return map[string]func(*client){
		"keys in any case": func(c *client) {
			c.send("POST", "/Users", `{"SCHEMAS":"x","USERNAME":"`+c.name()+`","Title":"t"}`).is(201).has("t", "title")
		},
		"`\"True\"`": func(c *client) {
			c.user(`,"active":"False","title":7,"emails":[{"value":"a@x","primary":1}],"`+rfcURN+`":{"level":"3"}`).
				has(false, "active").has("7", "title").has(true, "emails", 0, "primary").has(3.0, rfcURN, "level")
		},
		"null,": func(c *client) {
			c.user(`,"title":null,"nickName":"","emails":[],"name":{}`).has(nil, "title").has(nil, "nickName").has(nil, "emails").has(nil, "name")
		},
		"a slash behind an id": func(c *client) { c.get(c.user("").path() + "/").is(200) },
		"one object for a list": func(c *client) {
			c.user(`,"emails":{"value":"a@x"},"name":[{"givenName":"A"}],"roles":"a,b","`+staffURN+`":{"manager":"m"}`).
				has("a@x", "emails", 0, "value").has("A", "name", "givenName").has("b", "roles", 1, "value").has("m", staffURN, "manager", "value")
		},
		"`op` in any case": func(c *client) {
			u := c.user("")
			c.send("PATCH", u.path(), `{"Operations":{"op":"ADD","value":{"name.givenName":"A","`+staffURN+`:department":"d","emails[type eq \"work\"].value":"a@x"}}}`).is(200).
				has("A", "name", "givenName").has("d", staffURN, "department").has("a@x", "emails", 0, "value")
			c.send("PATCH", u.path(), `{"Operations":[]}`).is(200).has("A", "name", "givenName")
		},
		"`emails[type eq": func(c *client) {
			u := c.user("")
			c.patch(u.path(), `{"op":"add","path":"emails[type eq \"odd\"].value","value":"a@x"}`).is(200).has("odd", "emails", 0, "type")
			c.patch(u.path(), `{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x"}`).is(200).has("work", "emails", 1, "type")
			c.patch(u.path(), `{"op":"replace","path":"emails[type eq \"odder\"].value","value":"c@x"}`).refuses(400, "noTarget")
		},
		"members as objects": func(c *client) {
			a, b, d := c.user("").id(), c.user("").id(), c.user("").id()
			g := c.send("POST", "/Groups", `{"displayName":"`+c.name()+`","members":["`+a+`",{"value":"`+b+`"}]}`).is(201).count(2, "members")
			c.patch(g.path(), `{"op":"add","path":"members","value":"`+d+`"}`).is(204)
			c.patch(g.path(), `{"op":"remove","path":"members","value":[{"value":"`+a+`"}]},{"op":"remove","path":"members[value eq \"`+b+`\"]"}`).is(204)
			c.get(g.path()).count(1, "members").has(d, "members", 0, "value")
			c.patch(g.path(), `{"op":"replace","path":"members","value":{"value":"`+a+`"}}`).is(204)
			c.get(g.path()).count(1, "members").has(a, "members", 0, "value")
		},
		"department,": func(c *client) {
			c.user(`,"department":"d","manager":"m"`).has("d", staffURN, "department").has("m", staffURN, "manager", "value")
		},
		"attributes that no schema knows": func(c *client) { c.user(`,"shoeSize":7`).has(nil, "shoeSize") },
		"a reference":                     func(c *client) { c.user(`,"profileUrl":"not given"`).has(nil, "profileUrl") },
		"`password`": func(c *client) {
			u := c.user(`,"password":"p","id":"mine","groups":[{"value":"x"}],"meta":{"version":"x"}`).has(nil, "password").has(nil, "groups")
			c.check(u.id() != "mine" && u.at("meta", "version") == `W/"1"`, "taken over: %s", u.text)
		},
	}
}

// nested is JSON, n deep.
func nested(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }

func limits() map[string]func(*client) {
	return map[string]func(*client){
		"a body over 1 MiB": func(c *client) {
			c.send("POST", "/Users", `{"userName":"a","title":"`+strings.Repeat("x", 1<<20)+`"}`).refuses(413, "")
			c.send("POST", "/Groups", `{"displayName":"a","x":"`+strings.Repeat("x", 16<<20)+`"}`).refuses(413, "")
			c.send("POST", "/Groups", `{"displayName":"`+c.name()+`","x":"`+strings.Repeat("x", 1<<20)+`"}`).is(201)
		},
		"a body with a `Content-Encoding`": func(c *client) {
			for _, h := range [][]string{{"Content-Encoding", "gzip"}, {"Content-Type", "application/json; charset=latin1"}, {"Content-Type", "text/xml"}} {
				c.send("POST", "/Users", `{"userName":"a"}`, h...).refuses(415, "")
			}
		},
		"JSON nested deeper than 32": func(c *client) {
			for _, body := range []string{`{"userName":"a","x":` + nested(32) + `}`, `userName`, "{\"userName\":\"\xff\"}", `{"userName":"a"} x`} {
				c.send("POST", "/Users", body).refuses(400, "invalidSyntax")
			}
			c.user(`,"x":` + nested(31))
			c.get(c.group().path()+"?excludedAttributes=members&count=1&count=1").refuses(400, "invalidSyntax")
		},
		"more than 5,000 operations": func(c *client) {
			u, g := c.user("").path(), c.group().path()
			c.patch(u, many(5001, `{"op":"add","path":"title","value":"a"}`)).refuses(413, "tooMany")
			c.patch(u, many(2500, `{"op":"add","value":{"title":"a","nickName":"b"}}`)).refuses(413, "tooMany")
			c.patch(u, many(5000, `{"op":"add","path":"title","value":"a"}`)).is(200)
			c.patch(g, `{"op":"add","path":"members","value":[`+many(500_001, `"a"`)+`]}`).refuses(413, "tooMany")
		},
		"a Bulk of more than 1,000": func(c *client) {
			bulk := func(ops string) string {
				return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + ops + `]}`
			}
			c.send("POST", "/Bulk", bulk(many(1001, `{"method":"DELETE","path":"/Users/x"}`))).refuses(413, "tooMany")
			c.send("POST", "/Bulk", bulk("")+strings.Repeat(" ", 1<<20)).refuses(413, "")
		},
		"a filter over 4 KiB": func(c *client) {
			long := `title eq "` + strings.Repeat("x", 4<<10) + `"`
			deep := strings.Repeat("(", 33) + "title pr" + strings.Repeat(")", 33)
			for filter, ofPath := range map[string]string{long: "invalidPath", deep: "invalidFilter"} {
				asked := strings.NewReplacer(" ", "+", `"`, "%22").Replace(filter)
				c.get("/Users?filter="+asked).refuses(400, "invalidFilter")
				c.send("POST", "/Users/.search", fmt.Sprintf(`{"filter":%q}`, filter)).refuses(400, "invalidFilter")
				c.patch(c.user("").path(), fmt.Sprintf(`{"op":"remove","path":%q}`, "emails["+filter+"]")).refuses(400, ofPath)
			}
		},
		"more than 1,000 values": func(c *client) {
			for name, more := range map[string]string{
				"emails": `,"emails":[` + many(1001, `{"value":"a@x"}`) + `]`, "externalId": `,"externalId":"` + strings.Repeat("x", 1<<10) + `"`,
				"emails.value": `,"emails":[{"value":"` + strings.Repeat("x", 1<<10) + `@x"}]`, "title": `,"title":"a\u0000b"`,
			} {
				g := c.send("POST", "/Users", `{"userName":"`+c.name()+`"`+more+`}`).refuses(400, "invalidValue")
				c.check(strings.Contains(g.text, name), "%s is not named: %s", name, g.text)
			}
			u := c.user(`,"title":"` + strings.Repeat("x", 900<<10) + `"`)
			c.patch(u.path(), `{"op":"add","path":"nickName","value":"`+strings.Repeat("x", 200<<10)+`"}`).refuses(400, "invalidValue")
		},
		"a made-up cursor": func(c *client) {
			c.user("")
			c.user("")
			next, _ := c.get("/Users?cursor=&count=1").is(200).body["nextCursor"].(string)
			c.get("/Users?cursor=made-up&count=1").refuses(400, "invalidCursor")
			c.get("/Groups?cursor="+next+"&count=1").refuses(400, "invalidCursor")
			c.get("/Users?count=1&filter=title+pr&cursor="+next).refuses(400, "invalidCursor")
			c.send("GET", "/Users?count=1&cursor="+next, "", "Authorization", "Bearer "+otherSecret).refuses(400, "invalidCursor")
			c.get("/Users?cursor=" + next + "&count=1").is(200)
		},
		"an id of another source's resource": func(c *client) {
			c.send("GET", c.user("").path(), "", "Authorization", "Bearer "+otherSecret).refuses(404, "")
		},
		"`If-Match` with another version": func(c *client) {
			c.send("DELETE", c.user("").path(), "", "If-Match", `W/"9"`).refuses(412, "")
		},
		"a method that a path does not take": func(c *client) {
			g := c.send("DELETE", "/Users", "").refuses(405, "")
			c.check(strings.Contains(g.header.Get("Allow"), "POST"), "Allow %q", g.header.Get("Allow"))
		},
		"a page of more than 500": func(c *client) {
			for range 6 {
				c.user(`,"nickName":"wide","title":"` + strings.Repeat("x", 1000<<10) + `"`)
			}
			g := c.get("/Users?count=500&filter=nickName+eq+%22wide%22").is(http.StatusOK).has(6.0, "totalResults")
			some, _ := g.at("Resources").([]any)
			c.check(len(some) == 5, "%d of 6 are on a page, want 5", len(some))
			c.check(c.get("/Users?count=501").is(200).at("itemsPerPage").(float64) <= 500, "a page is longer than 500")
		},
	}
}
