package server_test

import "strings"

// changeMusts are of making, replacing and deleting: RFC 7644, sections 3.3,
// 3.5.1 and 3.6.
func changeMusts() []must {
	return []must{
		{"7644 3.3", "what is made is 201, with its Location and all of it", func(c *client) {
			u := c.user(`,"title":"x"`).has("x", "title")
			c.check(u.header.Get("Location") == u.path() && u.path() != "", "Location %q, meta.location %q", u.header.Get("Location"), u.path())
			c.get(u.path()).is(200)
		}},
		{"7644 3.3", "what is there already is 409 uniqueness", func(c *client) {
			c.send("POST", "/Users", `{"userName":"`+c.user("").name()+`"}`).refuses(409, "uniqueness")
		}},
		{"7644 3.3", "what is read-only is passed over in a body", func(c *client) {
			c.user(`,"groups":[{"value":"x"}],"meta":{"version":"x"}`).has(nil, "groups")
		}},
		{"7644 3.3.1", "meta.resourceType is of the endpoint", func(c *client) {
			c.user("").has("User", "meta", "resourceType")
			c.group().has("Group", "meta", "resourceType")
		}},
		{"7644 3.5.1", "a PUT makes nothing", func(c *client) {
			c.send("PUT", "/Users/nobody", `{"userName":"`+c.name()+`"}`).refuses(404, "")
			c.send("PUT", "/Groups/nobody", `{"displayName":"`+c.name()+`"}`).refuses(404, "")
			c.send("PUT", "/Users", `{"userName":"`+c.name()+`"}`).refuses(405, "")
		}},
		{"7644 3.5.1", "a PUT replaces, and answers 200 with all of it", func(c *client) {
			u := c.user(`,"title":"x","emails":[{"value":"a@x.example"}]`)
			g := c.send("PUT", u.path(), `{"schemas":["`+userURN+`"],"userName":"`+u.name()+`","displayName":"New"}`).is(200).
				has("New", "displayName").has(nil, "title").has(nil, "emails")
			c.check(g.header.Get("Location") == u.path() && g.header.Get("ETag") != u.header.Get("ETag"), "Location %q, ETag %q", g.header.Get("Location"), g.header.Get("ETag"))
			c.check(c.get(u.path()).text == g.text, "it is not as it was answered")
		}},
		{"7644 3.5.1", "null and [] clear", func(c *client) {
			u := c.user(`,"title":"x","emails":[{"value":"a@x.example"}]`)
			c.send("PUT", u.path(), `{"userName":"`+u.name()+`","title":null,"emails":[]}`).is(200).has(nil, "title").has(nil, "emails")
		}},
		{"7644 3.5.1", "what is immutable must match, and is set where it was not", func(c *client) {
			u := c.user("")
			put := func(place string) got {
				return c.send("PUT", u.path(), `{"userName":"`+u.name()+`","`+rfcURN+`":{"birthplace":"`+place+`"}}`)
			}
			put("Here").is(200).has("Here", rfcURN, "birthplace")
			put("Here").is(200)
			put("There").refuses(400, "mutability")
			c.get(u.path()).has("Here", rfcURN, "birthplace")
		}},
		{"7644 3.5.1", "what is required must be sent", func(c *client) {
			c.send("PUT", c.user("").path(), `{"displayName":"x"}`).refuses(400, "invalidValue")
			c.send("PUT", c.group().path(), `{"members":[]}`).refuses(400, "invalidValue")
		}},
		{"7644 3.5.1", "a name that another one has is 409", func(c *client) {
			a, b := c.user(""), c.user("")
			c.send("PUT", a.path(), `{"userName":"`+b.name()+`"}`).refuses(409, "uniqueness")
		}},
		{"7644 3.6", "what is deleted is 404 to all, and in no list", func(c *client) {
			u := c.user("")
			g := c.send("DELETE", u.path(), "").is(204)
			c.check(g.text == "", "204 with a body: %s", g.text)
			c.get(u.path()).refuses(404, "")
			c.send("PUT", u.path(), `{"userName":"x"}`).refuses(404, "")
			c.patch(u.path(), `{"op":"add","path":"title","value":"x"}`).refuses(404, "")
			c.send("DELETE", u.path(), "").refuses(404, "")
			c.check(c.find(`userName eq "`+u.name()+`"`) == "", "it is found")
			c.check(c.find(`id eq "`+u.id()+`"`) == "", "it is found by its id")
		}},
		{"7644 3.6", "what was deleted is not in the way of a new one", func(c *client) {
			u := c.user("")
			c.send("DELETE", u.path(), "").is(204)
			again := c.send("POST", "/Users", `{"userName":"`+u.name()+`"}`).is(201)
			c.check(again.id() != u.id(), "an id came back")
		}},
	}
}

// patchMusts are of RFC 7644, section 3.5.2.
func patchMusts() []must {
	emails := `,"emails":[{"value":"w@x.example","type":"work","primary":true},{"value":"h@x.example","type":"home"}]`
	return []must{
		{"7644 3.5.2", "200 with all of it, or 204; 200 where attributes are asked for", func(c *client) {
			u, g := c.user(""), c.group()
			c.patch(u.path(), `{"op":"add","path":"title","value":"x"}`).is(200).has("x", "title").has(u.name(), "userName")
			one := c.patch(g.path(), `{"op":"replace","path":"displayName","value":"`+c.name()+`"}`).is(204)
			c.check(one.header.Get("ETag") != "" && one.header.Get("Location") == g.path(), "headers %v", one.header)
			c.patch(g.path()+"?attributes=displayName", `{"op":"replace","path":"displayName","value":"`+c.name()+`"}`).is(200).has(nil, "members")
		}},
		{"7644 3.5.2", "Operations must be there, each with one op that is one", func(c *client) {
			u := c.user("")
			c.send("PATCH", u.path(), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`).refuses(400, "invalidSyntax")
			c.patch(u.path(), `{"path":"title","value":"x"}`).refuses(400, "invalidSyntax")
			c.patch(u.path(), `{"op":"move","path":"title","value":"x"}`).refuses(400, "invalidSyntax")
		}},
		{"7644 3.5.2", "what is read-only, or immutable and set, is not modified", func(c *client) {
			u := c.user(`,"` + rfcURN + `":{"birthplace":"Here","badges":[{"value":"b1","colour":"red"}]}`)
			for _, op := range []string{
				`{"op":"replace","path":"id","value":"x"}`, `{"op":"replace","path":"meta.created","value":"2020-01-01T00:00:00Z"}`, `{"op":"remove","path":"groups"}`, `{"op":"remove","path":"schemas"}`,
				`{"op":"replace","path":"` + rfcURN + `:birthplace","value":"There"}`, `{"op":"remove","path":"` + rfcURN + `:birthplace"}`,
				`{"op":"replace","path":"` + rfcURN + `:badges[colour eq \"red\"].value","value":"b2"}`,
				`{"op":"remove","path":"` + rfcURN + `:badges[colour eq \"red\"].value"}`,
			} {
				c.patch(u.path(), op).refuses(400, "mutability")
			}
			g := c.group(u.id())
			c.patch(g.path(), `{"op":"replace","path":"members[value eq \"`+u.id()+`\"].value","value":"x"}`).refuses(400, "mutability")
			c.get(u.path()).has("Here", rfcURN, "birthplace").has("b1", rfcURN, "badges", 0, "value")
			c.patch(u.path(), `{"op":"replace","path":"`+rfcURN+`:badges[value eq \"b1\"].colour","value":"blue"}`).is(200).has("blue", rfcURN, "badges", 0, "colour")
			c.patch(u.path(), `{"op":"remove","path":"`+rfcURN+`:badges[value eq \"b1\"]"}`).is(200).has(nil, rfcURN, "badges")
		}},
		{"7644 3.5.2", "what is immutable and not set may be added", func(c *client) {
			c.patch(c.user("").path(), `{"op":"add","path":"`+rfcURN+`:birthplace","value":"Here"}`).is(200).has("Here", rfcURN, "birthplace")
		}},
		{"7644 3.5.2", "an attribute by its full name brings its schema along", func(c *client) {
			c.patch(c.user("").path(), `{"op":"add","path":"`+staffURN+`:employeeNumber","value":"7"}`).is(200).has(staffURN, "schemas", 1).has("7", staffURN, "employeeNumber")
		}},
		{"7644 3.5.2", "operations run in their order", func(c *client) {
			c.patch(c.user("").path(), `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"remove","path":"title"},{"op":"add","path":"title","value":"c"}`).is(200).has("c", "title")
		}},
		{"7644 3.5.2", "a value that becomes primary is the only one", func(c *client) {
			g := c.patch(c.user(emails).path(), `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`).is(200).has(false, "emails", 0, "primary").has(true, "emails", 1, "primary")
			c.patch(g.path(), `{"op":"add","path":"emails","value":[{"value":"n@x.example","primary":true}]}`).is(200).has(true, "emails", 2, "primary").has(false, "emails", 1, "primary")
		}},
		{"7644 3.5.2", "all of it happens, or nothing", func(c *client) {
			u := c.user(`,"title":"old"`)
			c.patch(u.path(), `{"op":"replace","path":"title","value":"new"},{"op":"remove","path":"userName"}`).refuses(400, "mutability")
			now := c.get(u.path()).has("old", "title")
			c.check(now.header.Get("ETag") == u.header.Get("ETag"), "its version is another")
		}},
		{"7644 3.5.2.1", "an add has a value", func(c *client) {
			c.patch(c.user("").path(), `{"op":"add","path":"title"}`).refuses(400, "invalidValue")
		}},
		{"7644 3.5.2.1", "an add without a path sets attributes of the resource", func(c *client) {
			c.patch(c.user(emails).path(), `{"op":"add","value":{"emails":[{"value":"n@x.example","type":"other"}],"nickname":"Babs"}}`).is(200).count(3, "emails").has("Babs", "nickName")
		}},
		{"7644 3.5.2.1", "an add to a complex attribute sets the parts that it names", func(c *client) {
			c.patch(c.user(`,"name":{"givenName":"G"}`).path(), `{"op":"add","path":"name","value":{"familyName":"F"}}`).is(200).has("G", "name", "givenName").has("F", "name", "familyName")
		}},
		{"7644 3.5.2.1", "an add of what is there changes nothing, and no time", func(c *client) {
			u := c.user(emails + `,"title":"x"`)
			g := c.patch(u.path(), `{"op":"add","path":"title","value":"x"},{"op":"add","path":"emails","value":[{"value":"h@x.example","type":"home"}]}`).is(200)
			g.has(u.at("meta", "lastModified"), "meta", "lastModified").has(u.at("meta", "version"), "meta", "version").count(2, "emails")
			group := c.group(u.id())
			c.patch(group.path(), `{"op":"add","path":"members","value":[{"value":"`+u.id()+`"}]}`).is(204)
			c.get(group.path()).has(group.at("meta", "version"), "meta", "version").count(1, "members")
		}},
		{"7643 2.4", "no type and value come twice by a change either", func(c *client) {
			for _, op := range []string{
				`{"op":"replace","path":"emails[type eq \"home\"].type","value":"work"},{"op":"replace","path":"emails[value eq \"h@x.example\"].value","value":"w@x.example"}`,
				`{"op":"replace","path":"emails.type","value":"other"},{"op":"replace","path":"emails.value","value":"o@x.example"}`,
				`{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"w@x.example","type":"work"}}`,
			} {
				g := c.patch(c.user(emails).path(), op).is(200).count(1, "emails").has(true, "emails", 0, "primary")
				c.check(strings.Count(g.text, "@x.example") == 1, "%s", g.text)
			}
		}},
		{"7644 3.10", "the core schema's URN stands for all that is in it, as in a body", func(c *client) {
			n := c.name()
			u := c.send("POST", "/Users", `{"schemas":["`+userURN+`"],"`+userURN+`":{"userName":"`+n+`","title":"a"}}`).is(201).has(n, "userName").has("a", "title")
			c.patch(u.path(), `{"op":"replace","path":"`+userURN+`","value":{"title":"b","name.givenName":"G","groups":[]}}`).is(200).has("b", "title").has("G", "name", "givenName")
			c.patch(u.path(), `{"op":"add","value":{"`+strings.ToUpper(userURN)+`":{"title":"c","shoeSize":5}}}`).is(200).has("c", "title").has(nil, "shoeSize").has("G", "name", "givenName")
			c.patch(u.path(), `{"op":"remove","path":"`+userURN+`"}`).refuses(400, "invalidPath")
			c.patch(u.path(), `{"op":"replace","path":"`+userURN+`","value":"x"}`).refuses(400, "invalidPath")
		}},
		{"7644 3.5.2.2", "a remove without a path is noTarget", func(c *client) { c.patch(c.user("").path(), `{"op":"remove"}`).refuses(400, "noTarget") }},
		{"7644 3.5.2.2", "what is removed is unassigned", func(c *client) {
			c.patch(c.user(emails+`,"title":"x"`).path(), `{"op":"remove","path":"title"},{"op":"remove","path":"emails"}`).is(200).has(nil, "title").has(nil, "emails")
			c.patch(c.user(emails).path(), `{"op":"remove","path":"emails[type eq \"home\"]"}`).is(200).count(1, "emails")
			c.patch(c.user(emails).path(), `{"op":"remove","path":"emails[value ew \"x.example\"]"}`).is(200).has(nil, "emails")
			c.patch(c.user(emails).path(), `{"op":"remove","path":"emails[type eq \"work\"].primary"}`).is(200).count(2, "emails").has(nil, "emails", 0, "primary")
		}},
		{"7644 3.5.2.2", "what is required is not removed", func(c *client) {
			c.patch(c.user("").path(), `{"op":"remove","path":"userName"}`).refuses(400, "mutability")
			c.patch(c.user("").path(), `{"op":"replace","path":"userName","value":""}`).refuses(400, "mutability")
			c.patch(c.group().path(), `{"op":"remove","path":"displayName"}`).refuses(400, "mutability")
		}},
		{"7644 3.5.2.2", "members are removed by a filter, and all of them by none", func(c *client) {
			a, b := c.user("").id(), c.user("").id()
			g := c.group(a, b)
			c.patch(g.path(), `{"op":"remove","path":"members[value eq \"`+a+`\"]"}`).is(204)
			c.get(g.path()).count(1, "members").has(b, "members", 0, "value")
			c.patch(g.path(), `{"op":"remove","path":"members"}`).is(204)
			c.get(g.path()).has(nil, "members")
		}},
		{"7644 3.5.2.3", "a replace of what is not there adds it", func(c *client) {
			c.patch(c.user("").path(), `{"op":"replace","path":"nickName","value":"n"}`).is(200).has("n", "nickName")
			c.patch(c.user("").path(), `{"op":"replace","value":{"nickName":"n","name":{"givenName":"g"}}}`).is(200).has("n", "nickName").has("g", "name", "givenName")
		}},
		{"7644 3.5.2.3", "a replace of a list replaces all of it, and of a complex value the parts it names", func(c *client) {
			c.patch(c.user(emails).path(), `{"op":"replace","path":"emails","value":[{"value":"n@x.example"}]}`).is(200).count(1, "emails")
			c.patch(c.user(`,"name":{"givenName":"G","familyName":"F"}`).path(), `{"op":"replace","path":"name","value":{"givenName":"H"}}`).is(200).has("H", "name", "givenName").has("F", "name", "familyName")
		}},
		{"7644 3.5.2.3", "a replace by a filter replaces what it chooses, all of it", func(c *client) {
			c.patch(c.user(emails).path(), `{"op":"replace","path":"emails[type eq \"work\"].value","value":"n@x.example"}`).is(200).has("n@x.example", "emails", 0, "value").has("h@x.example", "emails", 1, "value")
			c.patch(c.user(emails).path(), `{"op":"replace","path":"emails[value ew \"x.example\"].display","value":"d"}`).is(200).has("d", "emails", 0, "display").has("d", "emails", 1, "display")
			c.patch(c.user(emails).path(), `{"op":"replace","path":"emails[type eq \"home\"]","value":{"value":"only@x.example"}}`).is(200).has(nil, "emails", 1, "type").has("only@x.example", "emails", 1, "value")
		}},
		{"7644 3.5.2.3", "a replace by a filter that chooses nothing is noTarget", func(c *client) {
			u := c.user(emails)
			for _, where := range []string{`type eq \"nonexistent\"`, `value eq \"who@x.example\"`, `type eq \"work\" and value eq \"who@x.example\"`, `not (type pr)`} {
				c.patch(u.path(), `{"op":"replace","path":"emails[`+where+`].value","value":"n@x.example"}`).refuses(400, "noTarget")
				c.patch(u.path(), `{"op":"replace","path":"emails[`+where+`]","value":{"value":"n@x.example"}}`).refuses(400, "noTarget")
			}
		}},
		{"7644 3.5.2.2", "a filter of any length removes the members that it chooses, and no others", func(c *client) {
			var ids, terms []string
			for range 40 {
				ids = append(ids, c.user("").id())
			}
			for _, id := range ids[:33] {
				terms = append(terms, `value eq \"`+id+`\"`)
			}
			g := c.group(ids...)
			c.patch(g.path(), `{"op":"remove","path":"members[`+strings.Join(terms, " or ")+`]"}`).is(204)
			c.get(g.path()).count(7, "members")
			c.patch(g.path(), `{"op":"remove","path":"members[value eq \"`+ids[38]+`\" and value eq \"`+ids[39]+`\"]"}`).is(204) // no member is two
			c.get(g.path()).count(7, "members")
			c.patch(g.path(), `{"op":"remove","path":"members[(value eq \"`+ids[38]+`\" or value eq \"`+ids[39]+`\") and value eq \"`+ids[39]+`\"]"}`).is(204)
			c.get(g.path()).count(6, "members")
		}},
		{"7644 3.5.2.2", "members are chosen by whatever is shown of them", func(c *client) {
			ada, bob := c.user(`,"displayName":"Ada"`), c.user("")
			inner := c.group()
			g := c.group(ada.id(), bob.id(), inner.id())
			for _, step := range []struct {
				where string
				left  int
			}{
				{`value eq \"` + inner.id() + `\" and type eq \"User\"`, 3}, {`value eq \"` + bob.id() + `\" and type eq \"User\"`, 2},
				{`display eq \"nobody\"`, 2}, {`display eq \"ada\"`, 1}, {`type eq \"User\"`, 1}, {`not (type eq \"User\")`, 0},
			} {
				c.patch(g.path(), `{"op":"remove","path":"members[`+step.where+`]"}`).is(204)
				c.get(g.path()).count(step.left, "members")
			}
			c.patch(g.path(), `{"op":"add","path":"members","value":[{"value":"`+ada.id()+`"},{"value":"`+inner.id()+`"}]},{"op":"remove","path":"members[type eq \"User\"]"}`).is(204)
			c.get(g.path()).count(1, "members").has(inner.id(), "members", 0, "value")
		}},
		{"7644 3.5.2.2", "what a member is made of can not be removed, and the member stays", func(c *client) {
			u := c.user("")
			g := c.group(u.id())
			for _, path := range []string{"members.value", "members.display", "members.type"} {
				c.patch(g.path(), `{"op":"remove","path":"`+path+`"}`).refuses(400, "mutability")
			}
			for _, sub := range []string{"value", "display", "type", "$ref"} {
				c.patch(g.path(), `{"op":"remove","path":"members[value eq \"`+u.id()+`\"].`+sub+`"}`).refuses(400, "mutability")
			}
			c.patch(g.path(), `{"op":"replace","path":"members.value","value":"`+u.id()+`"}`).refuses(400, "mutability")
			c.get(g.path()).count(1, "members")
		}},
		{"7644 3.5.2", "a path that is none is invalidPath, and a filter in it that is none invalidFilter", func(c *client) {
			u := c.user("")
			for path, scimType := range map[string]string{
				`emails[`: "invalidPath", `name..givenName`: "invalidPath", `emails[type eq`: "invalidPath", `emails[type xx \"y\"]`: "invalidFilter",
				`.title`: "invalidPath", `emails[type eq \"work\"]value`: "invalidPath", `title x`: "invalidPath",
			} {
				g := c.patch(u.path(), `{"op":"replace","path":"`+path+`","value":"x"}`)
				c.check(g.status == 400 && g.at("scimType") == scimType, "%s is answered %d %v, want %s", path, g.status, g.at("scimType"), scimType)
			}
		}},
	}
}
