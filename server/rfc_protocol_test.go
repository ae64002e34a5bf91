package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// bulkMusts are of RFC 7644, section 3.7.
func bulkMusts() []must {
	bulk := func(c *client, failOnErrors int, ops ...string) got {
		return c.send("POST", "/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":%d,"Operations":[%s]}`, failOnErrors, strings.Join(ops, ",")))
	}
	makes := func(id, name string) string {
		return `{"method":"POST","path":"/Users","bulkId":"` + id + `","data":{"userName":"` + name + `"}}`
	}
	return []must{
		{"7644 3.7", "200, with each operation's status, location and bulkId, whatever became of the others", func(c *client) {
			n := c.name()
			g := bulk(c, 0, makes("a", n), makes("b", n), makes("c", c.name())).is(200).has("urn:ietf:params:scim:api:messages:2.0:BulkResponse", "schemas", 0).count(3, "Operations")
			for i, status := range []string{"201", "409", "201"} {
				g.has(status, "Operations", i, "status").has("POST", "Operations", i, "method").has(string("abc"[i]), "Operations", i, "bulkId")
			}
			g.has(nil, "Operations", 1, "location").has("uniqueness", "Operations", 1, "response", "scimType").has("409", "Operations", 1, "response", "status")
			c.get(g.at("Operations", 0, "location").(string)).is(200).has(n, "userName").has(g.at("Operations", 0, "version"), "meta", "version")
		}},
		{"7644 3.7", "failOnErrors ends it, and what did not run is not answered", func(c *client) {
			n := c.name()
			bulk(c, 1, makes("a", n), makes("b", n), makes("c", c.name())).is(200).count(2, "Operations")
			bulk(c, 2, makes("a", n), makes("b", n), makes("c", c.name())).is(200).count(2, "Operations")
		}},
		{"7644 3.7.1", "circular references are resolved", func(c *client) {
			group := func(id, other string) string {
				return `{"method":"POST","path":"/Groups","bulkId":"` + id + `","data":{"displayName":"` + c.name() + `","members":[{"type":"Group","value":"bulkId:` + other + `"}]}}`
			}
			g := bulk(c, 0, group("a", "b"), group("b", "a")).is(200).has("201", "Operations", 0, "status").has("201", "Operations", 1, "status")
			for i := range 2 {
				other, _ := g.at("Operations", 1-i, "location").(string)
				c.get(g.at("Operations", i, "location").(string)).count(1, "members").has(other, "members", 0, "$ref")
			}
		}},
		{"7644 3.7.2", "a bulkId stands for what is made, in data and in paths", func(c *client) {
			g := bulk(c, 0, makes("u", c.name()), `{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"`+c.name()+`","members":[{"value":"bulkId:u"}]}}`,
				`{"method":"PATCH","path":"/Users/bulkId:u","data":{"Operations":[{"op":"add","path":"title","value":"x"}]}}`).is(200)
			user, _ := g.at("Operations", 0, "location").(string)
			c.get(g.at("Operations", 1, "location").(string)).has(user, "members", 0, "$ref")
			c.get(user).has("x", "title")
		}},
		{"7644 3.7", "a version is heeded, and all four methods run", func(c *client) {
			u := c.user("")
			g := bulk(c, 0, `{"method":"PUT","path":"/Users/`+u.id()+`","version":"W/\"99\"","data":{"userName":"x"}}`,
				`{"method":"PUT","path":"/Users/`+u.id()+`","version":`+quoted(u.header.Get("ETag"))+`,"data":{"userName":"`+u.name()+`","title":"x"}}`,
				`{"method":"DELETE","path":"/Users/`+u.id()+`"}`, `{"method":"DELETE","path":"/Users/`+u.id()+`"}`).is(200)
			for i, status := range []string{"412", "200", "204", "404"} {
				g.has(status, "Operations", i, "status")
			}
		}},
		{"7644 3.7.3", "what is no operation, or none of a resource, is told so, and the others run", func(c *client) {
			u := c.user("")
			for op, status := range map[string]string{
				`{"path":"/Users","bulkId":"a","data":{}}`: "400", `{"method":"GET","path":"/Users/` + u.id() + `"}`: "400", `{"method":"POST","bulkId":"a","data":{}}`: "400",
				`{"method":"POST","path":"/Users","bulkId":"a"}`: "400", `{"method":"DELETE","path":"/Users"}`: "405", `{"method":"POST","path":"/Users/` + u.id() + `","data":{}}`: "405",
				`{"method":"POST","path":"/Nothing","bulkId":"a","data":{}}`: "404", `{"method":"POST","path":"/Bulk","bulkId":"a","data":{}}`: "404",
			} {
				g := bulk(c, 0, op, makes("b", c.name())).is(200).has(status, "Operations", 0, "status").has(status, "Operations", 0, "response", "status").has("201", "Operations", 1, "status")
				c.check(g.at("Operations", 0, "response", "detail") != nil, "%s: %s", op, g.text)
			}
		}},
		{"7644 3.7", "a path is read as that of a request: from the root or as a URL, encoded or not, and an encoded slash parts nothing", func(c *client) {
			u := c.user("")
			for _, path := range []string{"/Users/" + encoded(u.id()), "/%55sers/" + u.id() + "/", u.path()} {
				bulk(c, 0, `{"method":"PATCH","path":"`+path+`","data":`+operations(`{"op":"add","path":"title","value":"`+c.name()+`"}`)+`}`).
					has("200", "Operations", 0, "status").has(u.path(), "Operations", 0, "location")
			}
			g := bulk(c, 0, makes("u", c.name()), `{"method":"PATCH","path":"/Users/bulk%49d%3A%75","data":`+operations(`{"op":"add","path":"title","value":"x"}`)+`}`).has("200", "Operations", 1, "status")
			c.check(g.at("Operations", 0, "location") == g.at("Operations", 1, "location"), "one is at two places: %s", g.text)
			for _, path := range []string{"/Users%2F" + u.id(), "/Users/" + u.id() + "%2F", "/Users/" + u.id() + "%2f..", "/Users%2F:id", "/Users/%25" + u.id(), "/Users//" + u.id(), "/Users/" + u.id() + "/x", "/%zz/x"} {
				bulk(c, 0, `{"method":"DELETE","path":"`+path+`"}`).has("404", "Operations", 0, "status")
				if path != "/%zz/x" { // which is no URL
					c.send("DELETE", path, "").refuses(404, "")
				}
			}
			for _, path := range []string{"/.search", "/%2Esearch", "/Users%2F.search", "/Users/.search", "/", "/Users/bulkId%253Au"} {
				g := bulk(c, 0, makes("u", c.name()), `{"method":"POST","path":"`+path+`","data":{}}`).has("201", "Operations", 0, "status")
				c.check(g.at("Operations", 1, "status") != "200" && g.at("Operations", 1, "status") != "201", "%s: %s", path, g.text)
			}
			bulk(c, 0, `{"method":"GET","path":"`+u.path()+`"}`).has("400", "Operations", 0, "status").has(u.path(), "Operations", 0, "location")
			c.get(u.path()).is(200)
		}},
		{"7644 3.7.4", "what is larger than it says of itself is 413", func(c *client) {
			config := c.get("/ServiceProviderConfig")
			most, _ := config.at("bulk", "maxOperations").(float64)
			size, _ := config.at("bulk", "maxPayloadSize").(float64)
			ops := make([]string, int(most)+1)
			for i := range ops {
				ops[i] = `{"method":"DELETE","path":"/Users/x"}`
			}
			c.check(bulk(c, 1, ops...).status == 413, "%d operations are taken", len(ops))
			bulk(c, 1, ops[:int(most)]...).is(200)
			c.check(c.send("POST", "/Bulk", strings.Repeat(" ", int(size)+1)).status == 413, "%d bytes are taken", int(size)+1)
		}},
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// protocolMusts are of RFC 7644, sections 2 and 3.8 to 3.14, and of HTTP as far as
// it refers to it.
func protocolMusts() []must {
	return []must{
		{"7644 2", "who has no credential is told how to show one", func(c *client) {
			g := c.send("GET", "/Users", "", "Authorization", "").refuses(401, "")
			c.check(strings.HasPrefix(g.header.Get("WWW-Authenticate"), "Bearer"), "WWW-Authenticate %q", g.header.Get("WWW-Authenticate"))
			c.send("GET", "/Users", "", "Authorization", "Bearer wrong-wrong-wrong").refuses(401, "")
			for _, path := range []string{"/%61pi/v1/identities", "/%61pi/v1/identities/x%2Fy", "/api%2Fv1/identities", "/api/v1%2F..%2Fidentities", "/%73cim/v2/Users", "/%73cim/v2/Users/x%2Fy", "/scim/v2%2FUsers", "/sig%6eals/v1/x"} {
				g := c.send("GET", strings.TrimSuffix(c.api, "/api/v1")+path, "", "Authorization", "")
				c.check(g.status == 401 || g.status == 404, "%s is open: %d %s", path, g.status, g.text)
			}
		}},
		{"7644 3.8", "answers are application/scim+json in UTF-8, or application/json for who accepts that alone", func(c *client) {
			u := c.user(`,"displayName":"Zo\u00eb"`).has("Zoë", "displayName")
			for accept, want := range map[string]string{
				"": "application/scim+json", "*/*": "application/scim+json", "application/scim+json": "application/scim+json", "application/json": "application/json",
				"application/json, application/scim+json": "application/scim+json", "text/html": "application/scim+json", "application/json;q=0.9, text/plain": "application/json",
				"application/scim+json;q=0, application/json": "application/json", "application/json;q=0": "application/scim+json", "application/json; Q=0.000, */*": "application/scim+json",
				"application/scim+json;q=0, */*": "application/json", "application/*, application/scim+json;q=0.000": "application/json", "*/*;q=0, application/json": "application/json",
				"application/*;q=0, application/json": "application/json", "application/*;q=0, application/scim+json": "application/scim+json", "*/*, application/*;q=0": "application/scim+json",
				"application/json;q=0, application/*": "application/scim+json", "*/*;q=0": "application/scim+json", "Application/SCIM+JSON ; q=0,*/*;q=0.1": "application/json",
			} {
				for _, path := range []string{u.path(), "/Users?count=1", "/ServiceProviderConfig", "/Users/nobody", "/Roles?count=1", "/nowhere"} {
					got := c.send("GET", path, "", "Accept", accept).header.Get("Content-Type")
					c.check(got == want, "%s of %s is %q, want %q", accept, path, got, want)
				}
			}
		}},
		{"7644 3.8", "bodies are taken as either, with a charset or none, and as nothing else", func(c *client) {
			for _, kind := range []string{"application/scim+json", "application/json", "application/scim+json; charset=utf-8", `application/json;charset="UTF-8"`} {
				c.send("POST", "/Users", `{"userName":"`+c.name()+`"}`, "Content-Type", kind).is(201)
			}
			for _, kind := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=iso-8859-1"} {
				c.send("POST", "/Users", `{"userName":"`+c.name()+`"}`, "Content-Type", kind).refuses(415, "")
			}
			c.send("POST", "/Users", "\x1f\x8b\x08", "Content-Encoding", "gzip").refuses(415, "")
		}},
		{"7644 3.11", "/Me is 501, by every verb", func(c *client) {
			for _, verb := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				c.send(verb, "/Me", "").refuses(501, "")
			}
		}},
		{"7644 3.12", "an error says its status as a text, and what to do", func(c *client) {
			u := c.user("")
			c.send("POST", "/Users", "{").refuses(400, "invalidSyntax")
			c.send("POST", "/Users", `[]`).refuses(400, "invalidSyntax")
			c.send("POST", "/Users", `{"userName":"x","active":"maybe"}`).refuses(400, "invalidValue")
			c.send("POST", "/Users", `{"userName":"`+u.name()+`"}`).refuses(409, "uniqueness")
			c.get("/Users/nobody").refuses(404, "")
			c.get("/nowhere").refuses(404, "")
			c.send("PUT", u.path(), `{"userName":"x"}`, "If-Match", `W/"99"`).refuses(412, "")
			c.send("POST", "/Users", strings.Repeat(" ", 2<<20)).refuses(413, "")
		}},
		{"7644 3.2", "what a path does not take is 405, with Allow", func(c *client) {
			u := c.user("")
			for path, verbs := range map[string]string{"/Users": "PUT PATCH DELETE", u.path(): "POST", "/Users/.search": "GET PUT", "/Bulk": "GET PUT", "/Roles": "POST PUT DELETE"} {
				for verb := range strings.FieldsSeq(verbs) {
					g := c.send(verb, path, "").refuses(405, "")
					allowed := g.header.Get("Allow")
					c.check(allowed != "" && !strings.Contains(allowed, verb), "%s of %s: Allow %q", verb, path, allowed)
				}
			}
		}},
		{"7644 3.14", "an ETag is weak, in the header and in meta, and other for another state", func(c *client) {
			u := c.user("")
			u.has(u.header.Get("ETag"), "meta", "version")
			now := c.patch(u.path(), `{"op":"add","path":"title","value":"x"}`).is(200)
			c.check(now.header.Get("ETag") != u.header.Get("ETag"), "the same ETag %s", now.header.Get("ETag"))
			g := c.group()
			c.patch(g.path(), `{"op":"add","path":"members","value":[{"value":"`+u.id()+`"}]}`).is(204)
			c.check(c.get(g.path()).header.Get("ETag") != g.header.Get("ETag"), "the same ETag of another membership")
		}},
		{"7644 3.14", "who has a version is told so with 304", func(c *client) {
			u, g := c.user(""), c.group()
			role, _ := c.get("/Roles?count=1").at("Resources", 0, "meta", "location").(string)
			for _, path := range []string{u.path(), u.path() + "?excludedAttributes=groups", g.path(), role} {
				tag := c.get(path).is(200).header.Get("ETag")
				c.check(tag != "", "%s has no ETag", path)
				for _, have := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
					got := c.send("GET", path, "", "If-None-Match", have).is(304)
					c.check(got.text == "" && got.header.Get("ETag") == tag, "304 with %q and ETag %q", got.text, got.header.Get("ETag"))
				}
				c.send("GET", path, "", "If-None-Match", `W/"other"`).is(200)
			}
		}},
		{"7644 3.14", "a change of a version that is not there is 412, and changes nothing", func(c *client) {
			u, g := c.user(""), c.group()
			for _, verb := range []string{"PUT", "PATCH", "DELETE"} {
				c.send(verb, u.path(), map[string]string{"PUT": `{"userName":"other"}`, "PATCH": operations(`{"op":"add","path":"title","value":"x"}`)}[verb], "If-Match", `W/"99"`).refuses(412, "")
				c.send(verb, g.path(), map[string]string{"PUT": `{"displayName":"other"}`, "PATCH": operations(`{"op":"remove","path":"members"}`)}[verb], "If-Match", `W/"99"`).refuses(412, "")
			}
			c.send("PATCH", u.path(), operations(`{"op":"add","path":"title","value":"x"}`), "If-Match", u.header.Get("ETag")).is(200)
			c.send("PATCH", u.path(), operations(`{"op":"add","path":"title","value":"y"}`), "If-Match", u.header.Get("ETag")).refuses(412, "")
			c.send("DELETE", u.path(), "", "If-Match", "*").is(204)
		}},
		{"9110 13.1", "what is asked for on a condition is not done where that is not so, be it reading", func(c *client) {
			u, g := c.user(""), c.group()
			for _, r := range []got{u, g} {
				tag := r.header.Get("ETag")
				c.send("GET", r.path(), "", "If-Match", tag).is(200)
				c.send("GET", r.path(), "", "If-Match", `W/"99"`).refuses(412, "")
				for _, have := range []string{"*", tag} {
					c.send("PATCH", r.path(), operations(`{"op":"add","path":"externalId","value":"`+c.name()+`"}`), "If-None-Match", have).refuses(412, "")
					c.send("DELETE", r.path(), "", "If-None-Match", have).refuses(412, "")
				}
				c.send("PATCH", r.path(), operations(`{"op":"add","path":"externalId","value":"`+c.name()+`"}`), "If-None-Match", `W/"99"`)
				c.check(c.get(r.path()).is(200).header.Get("ETag") != tag, "nothing changed")
			}
			c.send("PUT", u.path(), `{"userName":"other"}`, "If-None-Match", "*").refuses(412, "")
		}},
		{"9110 9.3.2", "HEAD is GET without a body, and OPTIONS is refused with Allow", func(c *client) {
			u := c.user("")
			for _, path := range []string{u.path(), "/Users?count=1", "/ServiceProviderConfig"} {
				g := c.send(http.MethodHead, path, "").is(200)
				c.check(g.text == "" && g.header.Get("Content-Type") == "application/scim+json", "%s: %q %v", path, g.text, g.header)
			}
			c.check(c.send(http.MethodOptions, u.path(), "").refuses(405, "").header.Get("Allow") != "", "no Allow")
		}},
		{"3986 6.2.2.2", "what is encoded in a path and need not be is as what is not", func(c *client) {
			u, g := c.user(""), c.group()
			role, entitlement := c.get("/Roles?count=1").at("Resources", 0, "id"), c.get("/Entitlements?count=1").at("Resources", 0, "id")
			for path, id := range map[string]any{
				"/Schemas/" + strings.ReplaceAll(userURN, ":", "%3A"): userURN, "/ResourceTypes/%55ser": "User", "/%55sers/%30" + u.id()[1:]: u.id(), "/Groups/%30" + g.id()[1:]: g.id(),
				"/Roles/" + encoded(role): role, "/Entitlements/" + encoded(entitlement): entitlement,
			} {
				c.get(path).is(200).has(id, "id")
			}
			c.send("PATCH", "/Users/%30"+u.id()[1:], operations(`{"op":"add","path":"title","value":"x"}`)).is(200).has("x", "title").has(u.path(), "meta", "location")
			for _, named := range []string{"", "corp/", "100%", "a%2F", "a,b ", "a;", "a?", "a/../"} {
				name := named + c.name()
				of := c.send("POST", "/Users", `{"userName":"`+name+`"}`).is(201).id()
				for _, part := range []string{encoded(name), url.PathEscape(name), strings.ReplaceAll((&url.URL{Path: "/" + name}).EscapedPath()[1:], "/", "%2F")} {
					c.send("GET", c.api+"/identities/"+part, "", "Authorization", "Bearer "+viewerSecret).is(200).has(of, "id")
				}
			}
			for _, one := range []got{c.get(u.path()), c.get(g.path()), c.get("/Roles/" + encoded(role)), c.get("/Entitlements/" + encoded(entitlement)), c.get("/Schemas/" + encoded(userURN))} {
				at := fmt.Sprint(one.at("meta", "location"))
				c.get(at).is(200).has(at, "meta", "location")
			}
			c.send("POST", "/Bulk", `{"Operations":[{"method":"PATCH","path":"/Users/`+encoded(u.id())+`","data":{"Operations":[{"op":"add","path":"title","value":"y"}]}}]}`).
				has("200", "Operations", 0, "status").has(u.path(), "Operations", 0, "location")
			c.get(u.path()).has("y", "title")
			c.send("DELETE", "/Users/"+encoded(u.id()), "").is(204)
			for _, path := range []string{"/Users/%2e%2e", "/Users/%2F", "/Users/%2e%2e%2fGroups", "/Users/" + u.id() + "%00", "/Users/%25" + g.id()} {
				c.get(path).refuses(404, "")
			}
		}},
		{"7644 1.3", "a slash behind a path is as none", func(c *client) {
			u := c.user("")
			c.get(u.path()+"/").is(200).has(u.id(), "id")
			c.get("/Users/?count=1").is(200).has(listURN, "schemas", 0)
			c.send("POST", "/Users/", `{"userName":"`+c.name()+`"}`).is(201)
			c.get("/ServiceProviderConfig/").is(200)
		}},
	}
}

// encoded writes an id with every character as its code.
func encoded(id any) string {
	var all strings.Builder
	for _, b := range []byte(fmt.Sprint(id)) {
		fmt.Fprintf(&all, "%%%02X", b)
	}
	return all.String()
}

// cursorMusts are of RFC 9865.
func cursorMusts() []must {
	return []must{
		{"9865 2", "an empty cursor begins, nextCursor goes on, and there is none at the end", func(c *client) {
			p := c.name() + "p"
			for i := range 5 {
				c.send("POST", "/Users", fmt.Sprintf(`{"userName":"%s%d"}`, p, i)).is(201)
			}
			for _, query := range []string{"/Users?count=2&filter=userName+sw+%22" + p + "%22", "/Users?count=2&sortBy=meta.created&sortOrder=descending&filter=userName+sw+%22" + p + "%22"} {
				seen, cursor := map[string]bool{}, ""
				for pages := 0; ; pages++ {
					g := c.get(query + "&cursor=" + cursor).is(200)
					for _, u := range list(g.at("Resources")) {
						seen[fmt.Sprint(u.(map[string]any)["userName"])] = true
					}
					g.has(nil, "previousCursor").has(nil, "startIndex")
					if cursor, _ = g.at("nextCursor").(string); cursor == "" {
						break
					}
					c.check(strings.Trim(cursor, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == "", "a cursor that must be escaped: %s", cursor)
					c.check(pages < 1000, "it does not end")
				}
				c.check(len(seen) == 5, "%s showed %d", query, len(seen))
			}
		}},
		{"9865 2", "each list has cursors, .search and the catalogue too", func(c *client) {
			c.user("")
			c.group()
			for _, path := range []string{"/Users", "/Groups", "/Roles", "/Entitlements", "/"} {
				seen, cursor := 0, ""
				for {
					g := c.get(path + "?count=1&cursor=" + cursor).is(200)
					again := c.send("POST", strings.TrimSuffix(path, "/")+"/.search", `{"schemas":["`+searchURN+`"],"count":1,"cursor":"`+cursor+`"}`).is(200)
					c.check(fmt.Sprint(again.at("Resources")) == fmt.Sprint(g.at("Resources")), "%s is other by .search", path)
					seen += len(list(g.at("Resources")))
					if cursor, _ = g.at("nextCursor").(string); cursor == "" || seen > 500 {
						break
					}
				}
				total, _ := c.get(path + "?count=0").at("totalResults").(float64)
				c.check(float64(seen) == total, "%s showed %d of %v", path, seen, total)
			}
		}},
		{"9865 2", "a cursor that is none, or a count, is refused by its own type", func(c *client) {
			c.get("/Users?cursor=made-up").refuses(400, "invalidCursor")
			c.get("/Roles?cursor=made-up").refuses(400, "invalidCursor")
			c.get("/Users?cursor&count=x").refuses(400, "invalidCount")
			c.get("/Roles?cursor&count=1.5").refuses(400, "invalidCount")
			c.get("/Users?cursor&count=100000").is(200)
			c.user("")
			c.user("")
			for _, path := range []string{"/Users", "/"} {
				next := fmt.Sprint(c.get(path + "?count=1&cursor").is(200).at("nextCursor"))
				c.get(path+"?count=2&cursor="+next).refuses(400, "invalidCount")
				c.get(path+"?count=0&cursor="+next).refuses(400, "invalidCount")
				c.get(path + "?count=1&cursor=" + next).is(200)
			}
		}},
		{"9865 2", "who wants none of it, or fewer, is told how many there are", func(c *client) {
			c.user("")
			for _, path := range []string{"/Users?", "/Groups?", "/Roles?", "/Entitlements?", "/?"} {
				for _, filter := range []string{"", "filter=meta.created+pr&", "filter=displayName+co+%22zzz%22&"} {
					total := c.get(path + filter + "count=0").is(200).at("totalResults")
					c.check(total != nil, "%s%s does not say how many there are", path, filter)
					for _, count := range []string{"0", "-1", "-99999999999999999999"} {
						c.get(path+filter+"cursor=&count="+count).is(200).has(total, "totalResults").count(0, "Resources").has(nil, "nextCursor")
					}
				}
			}
		}},
	}
}
