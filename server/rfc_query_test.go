package server_test

import (
	"fmt"
	"net/url"
	"strings"
)

// queryMusts are of RFC 7644, section 3.4: finding, sorting, paging, and what is
// shown.
func queryMusts() []must {
	// people makes three, whom a row's own prefix tells from others.
	people := func(c *client) string {
		p := c.name() + "x"
		c.send("POST", "/Users", `{"userName":"`+p+`a","title":"Guide","userType":"Employee","emails":[{"value":"a@work.example","type":"work"}],"`+rfcURN+`":{"level":5,"code":"CaSe","since":"2020-01-01T00:00:00Z"}}`).is(201)
		c.send("POST", "/Users", `{"userName":"`+p+`B","userType":"Intern","active":false,"emails":[{"value":"b@home.example","type":"work"},{"value":"b@work.example","type":"home"}],"`+rfcURN+`":{"level":20}}`).is(201)
		c.send("POST", "/Users", `{"userName":"`+p+`c","name":{"familyName":"Keen"},"`+staffURN+`":{"department":"R&D"}}`).is(201)
		return p
	}
	return []must{
		{"7644 3.4.1", "a known resource is 200, with Location and ETag, and an unknown one 404", func(c *client) {
			u := c.user("")
			g := c.get(u.path()).is(200)
			c.check(g.header.Get("Location") == u.path() && g.header.Get("ETag") == u.header.Get("ETag"), "headers %v", g.header)
			c.get("/Users/"+u.id()[:35]+"x").refuses(404, "")
			c.get("/Groups/"+u.id()).refuses(404, "")
		}},
		{"7644 3.4.2", "a list is a ListResponse; nobody is 200 and 0", func(c *client) {
			c.get("/Users?filter=userName+eq+%22nobody%22").is(200).has(listURN, "schemas", 0).has(0.0, "totalResults")
			c.get("/Users?unknownParameter=1&count=1").is(200).has(listURN, "schemas", 0).count(1, "Resources").has(1.0, "itemsPerPage").has(1.0, "startIndex")
		}},
		{"7644 3.4.2.1", "the root has everything, and meta.resourceType chooses", func(c *client) {
			p := c.name() + "r"
			c.send("POST", "/Users", `{"userName":"`+p+`","displayName":"`+p+`"}`).is(201)
			c.send("POST", "/Groups", `{"displayName":"`+p+`"}`).is(201)
			for filter, want := range map[string]float64{
				`displayName eq "` + p + `"`: 2, `displayName eq "` + p + `" and meta.resourceType eq "Group"`: 1,
				`displayName eq "` + p + `" and userName pr`: 1, `(meta.resourceType eq "User" or meta.resourceType eq "Group") and displayName eq "` + p + `"`: 2,
			} {
				c.get("/?filter="+url.QueryEscape(filter)).is(200).has(want, "totalResults")
				c.send("POST", "/.search", `{"schemas":["`+searchURN+`"],"filter":"`+strings.ReplaceAll(filter, `"`, `\"`)+`"}`).is(200).has(want, "totalResults")
			}
		}},
		{"7644 3.4.2.2", "each operator does what its row says", func(c *client) {
			p := people(c)
			all := func(filter string) string { return `userName sw "` + p + `" and (` + filter + `)` }
			for filter, want := range map[string]string{
				`userName eq "` + p + `A"`: "a", `userName ne "` + p + `a"`: "B c", `userName co "` + p[1:] + `"`: "a B c", `userName ew "c"`: "c",
				`title pr`: "a", `not (title pr)`: "B c", `name pr`: "c", `emails pr`: "a B", `userName gt "` + p + `a"`: "B c", `userName ge "` + p + `b"`: "B c",
				`userName lt "` + p + `b"`: "a", `userName le "` + p + `b"`: "a B", rfcURN + `:level gt 5`: "B", rfcURN + `:level ge 5`: "a B", rfcURN + `:level lt 20`: "a",
				rfcURN + `:since gt "2019-12-31T23:00:00-01:00"`: "", rfcURN + `:since ge "2020-01-01T01:00:00+01:00"`: "a", `meta.created gt "2020-01-01T00:00:00Z"`: "a B c",
				rfcURN + `:code eq "CaSe"`: "a", rfcURN + `:code eq "case"`: "", `active eq true`: "a c", `active ne true`: "B", `active eq false`: "B",
				`title eq "guide"`: "a", `meta.resourceType eq "User"`: "a B c", `meta.lastModified lt "2020-01-01T00:00:00Z"`: "",
			} {
				got := strings.ReplaceAll(c.find(all(filter)), p, "")
				c.check(got == want, "%s finds %q, want %q", filter, got, want)
			}
		}},
		{"7644 3.4.2.2", "not binds before and, and before or; brackets before all; names and operators in any case", func(c *client) {
			p := people(c)
			for filter, want := range map[string]string{
				`userName eq "~a" or userName eq "~b" and userType eq "Employee"`: "a", `(userName eq "~a" or userName eq "~b") and userType eq "Intern"`: "B",
				`not (userType eq "Intern") and userName sw "~"`: "a c", `USERNAME Eq "~A" OR Username EQ "~C"`: "a c", `NOT (title PR) AND userName SW "~"`: "B c",
				`userType ne "Employee" and not (emails.value co "home.example" or emails.value co "nowhere") and userName sw "~"`: "c",
			} {
				got := strings.ReplaceAll(c.find(strings.ReplaceAll(filter, "~", p)), p, "")
				c.check(got == want, "%s finds %q, want %q", filter, got, want)
			}
		}},
		{"7644 3.4.2.2", "a filter in brackets is of one and the same value", func(c *client) {
			p := people(c)
			for filter, want := range map[string]string{
				`emails[type eq "work" and value co "@work.example"]`: "a", `emails.type eq "work" and emails.value co "@work.example"`: "a B", `emails[type eq "home"]`: "B",
				`emails[type eq "home"] or name.familyName eq "Keen"`: "B c", `emails[not (type eq "work")]`: "B", `emails[(type eq "work" or type eq "home") and value sw "b@"]`: "B",
			} {
				got := strings.ReplaceAll(c.find(`userName sw "`+p+`" and (`+filter+`)`), p, "")
				c.check(got == want, "%s finds %q, want %q", filter, got, want)
			}
		}},
		{"7644 3.4.2.2", "a filter in brackets is of one and the same member", func(c *client) {
			a, b := c.user("").id(), c.user("").id()
			g := c.group(a, b)
			own := `id eq "` + g.id() + `" and `
			for filter, want := range map[string]float64{
				`members[value eq "` + a + `" and value eq "` + b + `"]`: 0, `members.value eq "` + a + `" and members.value eq "` + b + `"`: 1,
				`members[value eq "` + a + `" and type eq "User"]`: 1, `members[value eq "` + a + `" and type eq "Group"]`: 0,
				`members[(value eq "` + a + `" or value eq "` + b + `") and value eq "` + b + `"]`: 1,
			} {
				c.get("/Groups?filter="+url.QueryEscape(own+filter)).is(200).has(want, "totalResults")
			}
			c.check(c.find(`groups[value eq "`+g.id()+`" and value eq "x"]`) == "", "somebody is in one group that is two")
		}},
		{"7644 3.4.2.2", "what is no filter is invalidFilter", func(c *client) {
			for _, filter := range []string{"x", "(((", `userName regex "x"`, `userName eq`, `userName eq x`, `eq "x"`, `active gt true`, `active le false`, `x509Certificates.value gt "x"`,
				`userName eq "x" and`, `userName eq "x")`, `emails[type eq "work"`, `not userName pr`, `userName pr "x"`, `userName eq "x" userName eq "y"`, `userName eq {}`, `userName eq {"a":1}`, " "} {
				g := c.get("/Users?filter=" + url.QueryEscape(filter))
				c.check(g.status == 400 && g.at("scimType") == "invalidFilter", "%q is answered %d %v", filter, g.status, g.at("scimType"))
			}
		}},
		{"7644 3.4.2.3", "sorting is ascending unless it is said, by the attribute's own order, and who has no value is last", func(c *client) {
			p := people(c)
			sorted := func(query string) string {
				var names []string
				for _, u := range c.get("/Users?filter=" + url.QueryEscape(`userName sw "`+p+`"`) + query).is(200).at("Resources").([]any) {
					names = append(names, strings.TrimPrefix(fmt.Sprint(u.(map[string]any)["userName"]), p))
				}
				return strings.Join(names, " ")
			}
			for query, want := range map[string]string{
				"&sortBy=userName": "a B c", "&sortBy=userName&sortOrder=descending": "c B a", "&sortBy=" + rfcURN + ":level": "a B c",
				"&sortBy=" + rfcURN + ":level&sortOrder=descending": "c B a", "&sortBy=emails.value": "a B c", "&sortBy=name.familyName": "c a B", "&sortBy=meta.created": "a B c",
				"&sortBy=" + userURN + ":userName&sortOrder=descending": "c B a", "&sortBy=" + userURN + ":meta.created&sortOrder=descending": "c B a", "&sortBy=" + userURN + ":id": "a B c",
				"&sortBy=meta.location&sortOrder=descending": "c B a", "&sortBy=META.lastModified": "a B c", "&sortBy=meta.resourceType": "a B c",
			} {
				c.check(sorted(query) == want, "%s is %q, want %q", query, sorted(query), want)
			}
		}},
		{"7644 3.4.2.4", "pages are of startIndex and count, which are brought into range", func(c *client) {
			p := people(c)
			page := func(query string) got {
				return c.get("/Users?sortBy=userName&filter=" + url.QueryEscape(`userName sw "`+p+`"`) + query).is(200)
			}
			page("&startIndex=0").has(1.0, "startIndex").count(3, "Resources")
			page("&startIndex=-5").has(1.0, "startIndex")
			page("&count=0").has(3.0, "totalResults").count(0, "Resources").has(0.0, "itemsPerPage")
			page("&count=-1").count(0, "Resources")
			page("&count=2").has(3.0, "totalResults").count(2, "Resources").has(2.0, "itemsPerPage")
			page("&startIndex=3&count=2").has(3.0, "startIndex").count(1, "Resources").has(p+"c", "Resources", 0, "userName")
			page("&startIndex=9").has(3.0, "totalResults").count(0, "Resources")
			c.get("/Users?count=100000").is(200)
			c.get("/Users?count=x").refuses(400, "invalidValue")
		}},
		{"7644 3.4.2.5", "attributes are all that is shown but for what always is, and excludedAttributes are not", func(c *client) {
			u := c.user(`,"title":"t","name":{"givenName":"G","familyName":"F"},"` + rfcURN + `":{"loud":"!","shy":"?","code":"c"}`)
			for i, list := range []func(string) got{
				func(query string) got { return c.get(u.path() + "?" + query).is(200) },
				func(query string) got {
					return inList(c.get("/Users?filter=" + url.QueryEscape(`id eq "`+u.id()+`"`) + "&" + query).is(200))
				},
				func(query string) got {
					name, value, _ := strings.Cut(query, "=")
					return inList(c.send("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"filter":"id eq \"`+u.id()+`\"","`+name+`":["`+strings.ReplaceAll(value, ",", `","`)+`"]}`).is(200))
				},
				func(query string) got {
					return c.patch(u.path()+"?"+query, `{"op":"replace","path":"title","value":"t"}`).is(200)
				},
				func(query string) got {
					return c.send("PUT", u.path()+"?"+query, `{"userName":"`+u.name()+`","title":"t","name":{"givenName":"G","familyName":"F"},"`+rfcURN+`":{"loud":"!","shy":"?","code":"c"}}`).is(200)
				},
				func(query string) got {
					return c.send("POST", "/Users?"+query, `{"userName":"`+c.name()+`","title":"t","name":{"givenName":"G","familyName":"F"},"`+rfcURN+`":{"loud":"!","shy":"?","code":"c"}}`).is(201)
				},
			} {
				g := list("attributes=userName,name.givenName").has("G", "name", "givenName").has(nil, "name", "familyName").has(nil, "title").has(nil, "meta").has("!", rfcURN, "loud").has(nil, rfcURN, "code")
				c.check(g.id() != "" && g.name() != "" && g.at("schemas", 0) == userURN, "%s", g.text)
				g = list("excludedAttributes=id,schemas,title,meta,name.givenName,"+rfcURN+":loud").has(nil, "title").has(nil, "meta").has("F", "name", "familyName").has(nil, "name", "givenName").has("!", rfcURN, "loud")
				c.check(g.id() != "" && g.at("schemas", 0) == userURN, "%s", g.text)
				list("attributes="+rfcURN+":shy").has("?", rfcURN, "shy").has(nil, "userName")
				if g = list("excludedAttributes=title"); i < 4 {
					g.has(nil, rfcURN, "shy")
					continue
				}
				g.has("?", rfcURN, "shy") // of the request that says it
				list("excludedAttributes="+rfcURN+":shy").has(nil, rfcURN, "shy").has("c", rfcURN, "code")
			}
		}},
		{"7643 7", "what is returned on request is in the answer to what says it, and to nothing else", func(c *client) {
			body := func(more string) string {
				return `{"userName":"` + c.name() + `","` + rfcURN + `":{"code":"c"` + more + `}}`
			}
			u := c.send("POST", "/Users", body(`,"shy":"?"`)).is(201).has("?", rfcURN, "shy")
			c.get(u.path()).is(200).has(nil, rfcURN, "shy")
			c.send("PUT", u.path(), body(`,"shy":"!"`)).is(200).has("!", rfcURN, "shy")
			for op, shy := range map[string]any{
				`{"op":"replace","path":"` + rfcURN + `:shy","value":"a"}`:                "a",
				`{"op":"add","value":{"` + rfcURN + `":{"shy":"b"}}}`:                     "b",
				`{"op":"replace","path":"title","value":"t"}`:                             nil,
				`{"op":"replace","path":"` + rfcURN + `","value":{"shy":"c","code":"c"}}`: "c",
			} {
				c.patch(u.path(), op).is(200).has(shy, rfcURN, "shy")
			}
			c.get(u.path()+"?attributes="+rfcURN+":shy").is(200).has(nil, rfcURN, "code")
		}},
		{"7644 3.9", "attributes and excludedAttributes are heeded by every verb that answers with a resource", func(c *client) {
			u, g := c.user(`,"title":"t"`), c.group(c.user("").id())
			body := `{"userName":"` + u.name() + `","title":"t"}`
			op := operations(`{"op":"add","path":"title","value":"t"}`)
			for query, title := range map[string]any{"?attributes=userName": nil, "?excludedAttributes=title": nil, "?attributes=title": "t", "?excludedAttributes=nickName": "t"} {
				c.send("POST", "/Users"+query, `{"userName":"`+c.name()+`","title":"t"}`).is(201).has(title, "title")
				c.get(u.path()+query).is(200).has(title, "title")
				c.send("PUT", u.path()+query, body).is(200).has(title, "title")
				c.send("PATCH", u.path()+query, op).is(200).has(title, "title")
			}
			for query, shown := range map[string]int{"?attributes=displayName": 0, "?excludedAttributes=members": 0, "?attributes=members": 1} {
				c.send("POST", "/Groups"+query, `{"displayName":"`+c.name()+`","members":[{"value":"`+u.id()+`"}]}`).is(201).count(shown, "members")
				c.get(g.path()+query).is(200).count(shown, "members")
				c.send("PUT", g.path()+query, `{"displayName":"`+c.name()+`"}`).is(200).count(shown, "members")
				c.get("/Groups"+query+"&filter=id+eq+%22"+g.id()+"%22").is(200).count(shown, "Resources", 0, "members")
			}
			c.send("PATCH", g.path()+"?attributes=members", operations(`{"op":"replace","path":"displayName","value":"`+c.name()+`"}`)).is(200).count(1, "members")
			c.send("POST", "/.search", `{"attributes":["userName"],"filter":"id eq \"`+u.id()+`\""}`).is(200).has(u.name(), "Resources", 0, "userName").has(nil, "Resources", 0, "title")
			c.send("POST", "/Users/.search", `{"excludedAttributes":["title"],"filter":"id eq \"`+u.id()+`\""}`).is(200).has(u.name(), "Resources", 0, "userName").has(nil, "Resources", 0, "title")
		}},
		{"7644 3.9", "parts of meta, and of the groups that a user is in, are shown and left out by themselves", func(c *client) {
			u := c.user("")
			c.group(u.id())
			for _, query := range []string{"?attributes=meta.created", "?attributes=" + userURN + ":META.CREATED"} {
				g := c.get(u.path()+query).is(200).has(nil, "meta", "version").has(nil, "meta", "location").has(nil, "meta", "resourceType").has(nil, "userName")
				c.check(g.at("meta", "created") != nil, "%s", g.text)
			}
			g := c.get(u.path()+"?excludedAttributes=meta.created,meta.version").is(200).has(nil, "meta", "created").has(nil, "meta", "version").has("User", "meta", "resourceType")
			c.check(g.at("meta", "lastModified") != nil && g.at("meta", "location") != nil, "%s", g.text)
			c.get(u.path()+"?excludedAttributes=meta.created,meta.version,meta.lastModified,meta.location,meta.resourceType").is(200).has(nil, "meta")
			for query, shown := range map[string][]string{
				"attributes=groups.display": {"display"}, "attributes=groups.value,groups.$ref": {"value", "$ref"}, "excludedAttributes=groups.display": {"value", "$ref", "type"},
				"attributes=groups": {"value", "$ref", "display", "type"}, "excludedAttributes=title": {"value", "$ref", "display", "type"},
			} {
				for _, g := range []got{c.get(u.path() + "?" + query).is(200), inList(c.get("/Users?filter=id+eq+%22" + u.id() + "%22&" + query).is(200))} {
					group, _ := g.at("groups", 0).(map[string]any)
					c.check(len(group) == len(shown), "%s shows %v", query, group)
					for _, part := range shown {
						c.check(group[part] != nil, "%s does not show %s: %v", query, part, group)
					}
				}
			}
		}},
		{"7644 3.4.2.2", "the RFC's own examples are filters, and what every resource has is compared", func(c *client) {
			p := people(c)
			for _, filter := range []string{`userName eq "bjensen"`, `name.familyName co "O'Malley"`, `userName sw "J"`, userURN + `:userName sw "J"`, `title pr`,
				`meta.lastModified gt "2011-05-13T04:42:34Z"`, `title pr and userType eq "Employee"`, `schemas eq "` + staffURN + `"`,
				`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`, `userType eq "Employee" and (emails.type eq "work")`,
				`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`} {
				c.get("/Users?count=0&filter=" + url.QueryEscape(filter)).is(200)
			}
			c.check(c.find(`userName sw "`+p+`" and schemas eq "`+staffURN+`"`) == p+"c", "whom an extension is of")
			u := c.get("/Users?filter=" + url.QueryEscape(`userName eq "`+p+`a"`)).is(200)
			version, _ := u.at("Resources", 0, "meta", "version").(string)
			location, _ := u.at("Resources", 0, "meta", "location").(string)
			c.check(c.find(`userName sw "`+p+`" and meta.location eq "`+location+`" and meta.version eq "`+strings.ReplaceAll(version, `"`, `\"`)+`"`) == p+"a", "by location and version")
		}},
		{"7644 3.4.2.2", "who is in a group is found by all that is shown of it", func(c *client) {
			p := people(c)
			u, _ := c.get("/Users?filter="+url.QueryEscape(`userName eq "`+p+`a"`)).at("Resources", 0, "id").(string)
			g := c.group(u)
			name, _ := g.at("displayName").(string)
			mine := `userName sw "` + p + `" and `
			c.check(c.find(mine+`groups pr`) == p+"a", "groups pr")
			c.check(c.find(mine+`not (groups pr)`) == p+"B "+p+"c", "not (groups pr)")
			c.check(c.find(mine+`groups.display eq "`+name+`"`) == p+"a", "by the name of a group")
			c.check(c.find(mine+`groups[type eq "direct" and $ref ew "`+g.id()+`"]`) == p+"a", "by two parts")
			for _, filter := range []string{`members pr`, `members[type eq "User"]`, `members.display eq "` + p + `a"`, `members.$ref ew "` + u + `"`, `members[value eq "` + u + `" and type eq "User"]`} {
				c.get("/Groups?filter="+url.QueryEscape(`displayName eq "`+name+`" and `+filter)).is(200).has(1.0, "totalResults")
				c.get("/Groups?filter="+url.QueryEscape(`displayName eq "`+name+`" and not (`+filter+`)`)).is(200).has(0.0, "totalResults")
			}
		}},
		{"7644 3.4.3", "what a .search asks for is of the kind that it is", func(c *client) {
			for _, body := range []string{`[]`, `"x"`, `5`, `null`} {
				c.send("POST", "/Users/.search", body).refuses(400, "invalidSyntax")
				c.send("POST", "/.search", body).refuses(400, "invalidSyntax")
			}
			for _, body := range []string{`{"count":[1]}`, `{"filter":["title pr"]}`, `{"attributes":[5]}`, `{"sortBy":{"x":1}}`, `{"count":1.5}`} {
				c.send("POST", "/Users/.search", body).refuses(400, "invalidValue")
			}
			c.get("/Users?sortBy=shoeSize").refuses(400, "invalidValue")
			c.get("/Users?count=99999999999999999999&startIndex=-99999999999999999999").is(200).has(1.0, "startIndex")
		}},
		{"3986 3.4", "a query that says a thing twice is refused, for nobody knows which counts", func(c *client) {
			for _, query := range []string{"filter=userName+pr&filter=title+pr", "count=1&count=2", "startIndex=1&startIndex=2", "sortBy=title&sortBy=userName", "sortBy=title&sortOrder=ascending&sortOrder=descending", "cursor&cursor="} {
				for _, path := range []string{"/Users?", "/Groups?", "/Roles?", "/?"} {
					c.get(path+query).refuses(400, "invalidSyntax")
				}
			}
			u, g := c.user(""), c.group()
			for _, query := range []string{"?excludedAttributes=members&count=1&count=1", "?attributes=%zz"} {
				for _, path := range []string{u.path(), g.path(), "/Schemas", "/ServiceProviderConfig"} {
					c.get(path+query).refuses(400, "invalidSyntax")
				}
				made := c.name()
				c.send("POST", "/Users"+query, `{"userName":"`+made+`"}`).refuses(400, "invalidSyntax")
				c.get("/Users?filter="+url.QueryEscape(`userName eq "`+made+`"`)).is(200).has(0.0, "totalResults")
				c.send("PATCH", g.path()+query, `{"Operations":[{"op":"replace","path":"displayName","value":"`+c.name()+`"}]}`).refuses(400, "invalidSyntax")
				c.get(g.path()).has(g.at("displayName"), "displayName")
				gone := c.user("").path()
				c.send("DELETE", gone+query, "").is(204) // which shows nothing
				c.get(gone).is(404)
			}
			g = c.get("/Users?count=1&attributes=userName&attributes=title").is(200) // which may be a list
			c.check(g.at("Resources", 0, "userName") != nil, "%s", g.text)
		}},
		{"7644 3.4.3", "a POST of .search asks what a GET asks", func(c *client) {
			p := people(c)
			g := c.send("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"filter":"userName sw \"`+p+`\"","sortBy":"userName","sortOrder":"descending","startIndex":1,"count":2,"attributes":["userName"]}`).is(200)
			g.has(listURN, "schemas", 0).has(3.0, "totalResults").count(2, "Resources").has(p+"c", "Resources", 0, "userName").has(nil, "Resources", 0, "meta")
			c.send("POST", "/Groups/.search", `{"schemas":["`+searchURN+`"]}`).is(200)
			c.send("POST", "/Roles/.search", `{"schemas":["`+searchURN+`"],"count":1}`).is(200).count(1, "Resources")
		}},
		{"7644 3.10", "an attribute may be written with its schema's URN", func(c *client) {
			p := people(c)
			c.check(c.find(userURN+`:userName eq "`+p+`a"`) == p+"a", "the core URN")
			c.check(c.find(`userName sw "`+p+`" and `+staffURN+`:department eq "R&D"`) == p+"c", "an extension's")
			whole := inList(c.get("/Users?attributes=" + userURN + "&filter=" + url.QueryEscape(`userName eq "`+p+`c"`)).is(200))
			whole.has(p+"c", "userName").has("Keen", "name", "familyName").has(nil, staffURN).has(nil, "meta")
			rest := inList(c.get("/Users?excludedAttributes=" + userURN + "&filter=" + url.QueryEscape(`userName eq "`+p+`c"`)).is(200))
			rest.has(nil, "userName").has("R&D", staffURN, "department").has("User", "meta", "resourceType")
			g := c.get("/Users?attributes=" + userURN + ":userName," + staffURN + "&filter=" + url.QueryEscape(`userName eq "`+p+`c"`)).is(200)
			g.has(p+"c", "Resources", 0, "userName").has("R&D", "Resources", 0, staffURN, "department")
		}},
	}
}

// inList is the only resource of a list, as though it had come by itself.
func inList(g got) got {
	g.count(1, "Resources")
	g.body, _ = g.at("Resources", 0).(map[string]any)
	return g
}
