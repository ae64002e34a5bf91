package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// resourceMusts are of resources and their attributes: RFC 7643, sections 2 to 4.
func resourceMusts() []must {
	rfc := func(attributes string) string { return `,"` + rfcURN + `":{` + attributes + `}` }
	return []must{
		{"7643 2.1", "names of attributes are in any case", func(c *client) {
			c.send("POST", "/Users", `{"SCHEMAS":["`+userURN+`"],"USERNAME":"`+c.name()+`","nickname":"Nick"}`).is(201).has("Nick", "nickName")
		}},
		{"7643 2.3.1", "the case of a value is kept", func(c *client) {
			c.user(`,"displayName":"CaSe","userType":"EmPloyee"`).has("CaSe", "displayName").has("EmPloyee", "userType")
		}},
		{"7643 2.3.2", "a truth value comes back as one", func(c *client) { c.user(`,"active":true`).has(true, "active") }},
		{"7643 2.3.4", "an integer has neither fraction nor exponent, and a fraction is refused", func(c *client) {
			c.check(strings.Contains(c.user(rfc(`"level":3.0`)).text, `"level":3}`), "an integer is not written as one")
			c.send("POST", "/Users", `{"userName":"`+c.name()+`"`+rfc(`"level":3.5`)+`}`).refuses(400, "invalidValue")
		}},
		{"7643 2.3.3", "a decimal has a digit on each side of its point", func(c *client) { c.user(rfc(`"rate":0.25`)).has(0.25, rfcURN, "rate") }},
		{"7643 2.3.5", "a dateTime is one, with its zone", func(c *client) {
			c.user(rfc(`"since":"2008-01-23T04:56:22Z"`)).has("2008-01-23T04:56:22Z", rfcURN, "since")
			c.send("POST", "/Users", `{"userName":"`+c.name()+`"`+rfc(`"since":"yesterday"`)+`}`).refuses(400, "invalidValue")
		}},
		{"7643 2.3.6", "binary is base64", func(c *client) {
			c.user(`,"x509Certificates":[{"value":"MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVM="}]`).
				has("MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVM=", "x509Certificates", 0, "value")
			c.send("POST", "/Users", `{"userName":"`+c.name()+`","x509Certificates":[{"value":"not base64!"}]}`).refuses(400, "invalidValue")
		}},
		{"7643 2.3.7", "a $ref can be followed, and is of what it refers to", func(c *client) {
			u := c.user("")
			ref, _ := c.get(c.group(u.id()).path()).at("members", 0, "$ref").(string)
			c.get(ref).is(200).has(u.id(), "id")
			back, _ := c.get(u.path()).at("groups", 0, "$ref").(string)
			c.get(back).is(200).has("Group", "meta", "resourceType")
		}},
		{"7643 2.3.8", "attributes are in any order", func(c *client) {
			c.send("POST", "/Users", `{"displayName":"x","userName":"`+c.name()+`","schemas":["`+userURN+`"]}`).is(201)
		}},
		{"7643 2.4", "one value at most is the primary one", func(c *client) {
			g := c.user(`,"emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":true}]`)
			c.check(strings.Count(g.text, `"primary":true`) == 1, "%s", g.text)
		}},
		{"7643 2.4", "no type and value come twice", func(c *client) {
			c.user(`,"emails":[{"value":"a@x.example","type":"work"},{"type":"work","value":"a@x.example"}]`).count(1, "emails")
			c.user(`,"emails":[{"value":"a@x.example","type":"work","display":"x"},{"type":"work","value":"a@x.example","display":"y"}]`).count(1, "emails")
		}},
		{"7643 2.5", "unassigned, null and the empty list are the same", func(c *client) {
			for _, nothing := range []string{"", `,"displayName":null,"emails":[]`, `,"displayName":null,"emails":null`} {
				c.user(nothing).has(nil, "displayName").has(nil, "emails")
			}
		}},
		{"7643 3", "schemas are those that are used, each once", func(c *client) {
			c.user("").count(1, "schemas").has(userURN, "schemas", 0)
			c.user(`,"`+staffURN+`":{"department":"x"}`).count(2, "schemas").has(staffURN, "schemas", 1)
			c.send("POST", "/Users", `{"schemas":["`+userURN+`","`+userURN+`"],"userName":"`+c.name()+`"}`).is(201).count(1, "schemas")
		}},
		{"7643 3", "a body that says it is something else is none that is taken, and one that says nothing is", func(c *client) {
			u, g := c.user(""), c.group()
			op := `"Operations":[{"op":"add","path":"title","value":"x"}]`
			for _, r := range []struct{ method, path, takes, rest string }{
				{"POST", "/Users", userURN, `"userName":"NAME"`}, {"PUT", u.path(), userURN, `"userName":"NAME"`}, {"POST", "/Groups", groupURN, `"displayName":"NAME"`},
				{"PATCH", u.path(), "urn:ietf:params:scim:api:messages:2.0:PatchOp", op}, {"PATCH", g.path(), groupURN, `"Operations":[]`},
				{"POST", "/Users/.search", searchURN, `"count":0`}, {"POST", "/Bulk", "urn:ietf:params:scim:api:messages:2.0:BulkRequest", `"Operations":[]`},
			} {
				send := func(schemas string) got {
					return c.send(r.method, r.path, `{`+schemas+strings.ReplaceAll(r.rest, "NAME", c.name())+`}`)
				}
				for _, other := range []string{coreURNs + "Role", coreURNs + "Schema:", listURN, strings.ToUpper(listURN)} {
					g := send(`"schemas":["`+other+`"],`).refuses(400, "invalidSyntax")
					c.check(strings.Contains(g.text, other), "it is not said what is wrong: %s", g.text)
					send(`"schemas":["`+staffURN+`","`+other+`"],`).refuses(400, "invalidSyntax")
					c.check(send(`"schemas":["`+other+`","`+r.takes+`"],`).status < 300, "%s %s as both is refused", r.method, r.path)
				}
				for _, malformed := range []string{`5`, `true`, `{"a":1}`, `[5]`, `[["` + r.takes + `"]]`} {
					send(`"schemas":`+malformed+`,`).refuses(400, "invalidSyntax")
				}
				for _, schemas := range []string{``, `"schemas":[],`, `"schemas":null,`, `"schemas":"",`, `"schemas":{},`, `"schemas":"` + r.takes + `",`, `"SCHEMAS":["` + strings.ToUpper(r.takes) + `"],`,
					`"schemas":["` + staffURN + `"],`, `"schemas":["urn:scim:schemas:core:1.0"],`, `"schemas":["urn:example:unknown"],`,
					`"schemas":["` + r.takes + ` "],`, `"schemas":["` + r.takes + `:"],`, `"schemas":["` + coreURNs + `PatchOp"],`, `"schemas":["` + coreURNs + `User:PatchOp"],`, `"schemas":["` + coreURNs + `EnterpriseUser"],`} {
					g := send(schemas)
					c.check(g.status < 300, "%s %s with %q is answered %d: %s", r.method, r.path, schemas, g.status, g.text)
				}
			}
		}},
		{"7643 3.1", "the server gives the id, and it stays", func(c *client) {
			u := c.user(`,"id":"mine","meta":{"resourceType":"Robot","created":"1999-01-01T00:00:00Z"}`)
			c.check(u.id() != "mine" && u.id() != "" && !strings.Contains(u.id(), "bulkId"), "id %q", u.id())
			u.has("User", "meta", "resourceType")
			c.send("PUT", u.path(), `{"userName":"`+u.name()+`","id":"other"}`).is(200).has(u.id(), "id")
			c.check(c.user("").id() != u.id(), "two have one id")
		}},
		{"7643 3.1", "an externalId is the client's, and comes from nowhere else", func(c *client) {
			c.user("").has(nil, "externalId")
			id := "E-" + c.name()
			c.user(`,"externalId":"`+id+`"`).has(id, "externalId")
		}},
		{"7643 3.1", "meta has all its parts, and Content-Location, where sent, is its location", func(c *client) {
			u := c.user("")
			for _, key := range []string{"created", "lastModified"} {
				_, err := time.Parse(time.RFC3339, fmt.Sprint(u.at("meta", key)))
				c.check(err == nil, "meta.%s: %v", key, err)
			}
			u.has(u.at("meta", "created"), "meta", "lastModified").has(u.header.Get("ETag"), "meta", "version").has(c.base+"/Users/"+u.id(), "meta", "location")
			c.check(strings.HasPrefix(u.header.Get("ETag"), `W/"`), "ETag %q", u.header.Get("ETag"))
			if at := u.header.Get("Content-Location"); at != "" {
				u.has(at, "meta", "location")
			}
		}},
		{"7643 3.3", "an extension's attributes are below its URN", func(c *client) {
			c.user(`,"`+staffURN+`":{"employeeNumber":"7","manager":{"value":"x"}}`).has("7", staffURN, "employeeNumber").has(nil, "employeeNumber")
		}},
		{"7643 3.3", "an extension is an object", func(c *client) {
			for _, value := range []string{`"x"`, `5`, `true`, `["x"]`, `[{},{}]`} {
				c.send("POST", "/Users", `{"userName":"`+c.name()+`","`+staffURN+`":`+value+`}`).refuses(400, "invalidValue")
			}
			c.user(`,"`+staffURN+`":[{"department":"x"}]`).has("x", staffURN, "department")
			c.user(`,"`+staffURN+`":null`).count(1, "schemas")
		}},
		{"7643 4.1.1", "a userName is required, not empty, and unique in any case", func(c *client) {
			c.send("POST", "/Users", `{"schemas":["`+userURN+`"]}`).refuses(400, "invalidValue")
			c.send("POST", "/Users", `{"userName":""}`).refuses(400, "invalidValue")
			c.send("POST", "/Users", `{"userName":"`+strings.ToUpper(c.user("").name())+`"}`).refuses(409, "uniqueness")
		}},
		{"7643 4.1.1", "a password is never returned, by any verb", func(c *client) {
			u := c.user(`,"password":"s3cret-x"`)
			for _, g := range []got{u, c.get(u.path() + "?attributes=password"), c.send("PUT", u.path(), `{"userName":"`+u.name()+`","password":"s3cret-x"}`),
				c.patch(u.path(), `{"op":"replace","path":"password","value":"s3cret-x"}`), c.get("/Users?attributes=password")} {
				c.check(!strings.Contains(g.text, "s3cret-x") && !strings.Contains(g.text, `"password"`), "%s", g.text)
			}
		}},
		{"7643 4.1.2", "groups are changed by way of the group", func(c *client) {
			u, g := c.user(`,"groups":[{"value":"x"}]`), c.group()
			u.has(nil, "groups")
			c.patch(u.path(), `{"op":"add","path":"groups","value":[{"value":"`+g.id()+`"}]}`).refuses(400, "mutability")
			c.patch(g.path(), `{"op":"add","path":"members","value":[{"value":"`+u.id()+`"}]}`).is(204)
			c.get(u.path()).has(g.id(), "groups", 0, "value").has("direct", "groups", 0, "type")
		}},
		{"7643 4.2", "a group has a displayName, and members by id", func(c *client) {
			c.send("POST", "/Groups", `{"schemas":["`+groupURN+`"]}`).refuses(400, "invalidValue")
			u := c.user("")
			c.group(u.id()).has(u.id(), "members", 0, "value").has("User", "members", 0, "type")
		}},
		{"7643 4.3", "the enterprise extension's manager is complex", func(c *client) {
			boss := c.user("")
			c.user(`,"`+staffURN+`":{"manager":{"value":"`+boss.id()+`","$ref":"../Users/`+boss.id()+`"}}`).has(boss.id(), staffURN, "manager", "value")
		}},
		{"7643 8.2", "the standard's own full user comes back as it was sent", func(c *client) { whole(c, fullUser) }},
		{"7643 8.3", "with the enterprise extension too", func(c *client) {
			whole(c, strings.TrimSuffix(fullUser, "}")+`,"`+staffURN+`":{"employeeNumber":"701984","costCenter":"4130","organization":"Studios","division":"Theme Park","department":"Tours","manager":{"value":"26118915","$ref":"../Users/26118915"}}}`) //nolint:misspell // the RFC's name
		}},
	}
}

// whole checks that all of a resource comes back, but for what the server says.
func whole(c *client, sent string) {
	sent = strings.ReplaceAll(sent, "NAME", c.name())
	var want map[string]any
	if err := json.Unmarshal([]byte(sent), &want); err != nil {
		c.t.Fatal(err)
	}
	g := c.get(c.send("POST", "/Users", sent).is(201).path())
	for name, value := range want {
		if name == "schemas" || name == "password" || name == "groups" {
			continue
		}
		c.check(fmt.Sprint(g.body[name]) == fmt.Sprint(value), "%s is %v, want %v", name, g.body[name], value)
	}
}

// fullUser has every attribute of the core schema.
const fullUser = `{"schemas":["` + userURN + `"],"userName":"NAME","externalId":"ext-NAME",
"name":{"formatted":"Ms. B J Jensen, III","familyName":"Jensen","givenName":"B","middleName":"J","honorificPrefix":"Ms.","honorificSuffix":"III"},
"displayName":"B Jensen","nickName":"B","profileUrl":"https://login.example/b",
"emails":[{"value":"b@x.example","type":"work","primary":true},{"value":"b@home.example","type":"home"}],
"addresses":[{"type":"work","streetAddress":"1 Plaza","locality":"Town","region":"CA","postalCode":"91608","country":"US","formatted":"1 Plaza","primary":true}],
"phoneNumbers":[{"value":"555-555-5555","type":"work"},{"value":"555-555-4444","type":"mobile"}],"ims":[{"value":"b","type":"aim"}],
"photos":[{"value":"https://photos.example/F","type":"photo"}],"userType":"Employee","title":"Guide","preferredLanguage":"en-US","locale":"en-US",
"timezone":"America/Los_Angeles","active":true,"password":"t1meMa$heen","roles":[{"value":"r","display":"R","type":"t"}],"entitlements":[{"value":"e"}],
"x509Certificates":[{"value":"MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVM="}]}`
