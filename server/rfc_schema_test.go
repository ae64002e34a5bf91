package server_test

import (
	"fmt"
	"slices"
	"strings"
)

// schemaMusts are of what the endpoint says of itself: RFC 7643, sections 5 to 8,
// and RFC 7644, section 4.
func schemaMusts() []must {
	return []must{
		{"7644 4", "/ServiceProviderConfig has the schema of one, whatever is asked with it", func(c *client) {
			c.get("/ServiceProviderConfig?sortBy=y&startIndex=9").is(200).
				has("urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig", "schemas", 0).
				has("ServiceProviderConfig", "meta", "resourceType").has(c.base+"/ServiceProviderConfig", "meta", "location")
		}},
		{"7643 5", "it has every required part", func(c *client) {
			g := c.get("/ServiceProviderConfig").is(200)
			for _, part := range []string{"patch", "bulk", "filter", "changePassword", "sort", "etag"} {
				_, ok := g.at(part, "supported").(bool)
				c.check(ok, "%s.supported is %v", part, g.at(part, "supported"))
			}
			for _, path := range [][]any{{"bulk", "maxOperations"}, {"bulk", "maxPayloadSize"}, {"filter", "maxResults"}} {
				n, _ := g.at(path...).(float64)
				c.check(n > 0, "%v is %v", path, g.at(path...))
			}
			for _, key := range []string{"type", "name", "description"} {
				s, _ := g.at("authenticationSchemes", 0, key).(string)
				c.check(s != "", "authenticationSchemes.%s is missing", key)
			}
		}},
		{"7643 5", "how to show a credential is told to who has none, and a wrong one is refused", func(c *client) {
			g := c.send("GET", "/ServiceProviderConfig", "", "Authorization", "none").is(200)
			c.check(g.at("authenticationSchemes", 0, "specUri") == "https://www.rfc-editor.org/info/rfc6750", "it tells of %v", g.at("authenticationSchemes"))
			c.send("GET", "/ServiceProviderConfig", "", "Authorization", "Bearer nobody's").refuses(401, "")
		}},
		{"9865 4", "it says how pages are got", func(c *client) {
			g := c.get("/ServiceProviderConfig").is(200).has(true, "pagination", "cursor").has(true, "pagination", "index").
				has("index", "pagination", "defaultPaginationMethod")
			for _, key := range []string{"defaultPageSize", "maxPageSize", "cursorTimeout"} {
				n, _ := g.at("pagination", key).(float64)
				c.check(n > 0, "pagination.%s is %v", key, g.at("pagination", key))
			}
		}},
		{"7643 5", "what discovery answers with is of schemas that are told, and has nothing that is in none of them", func(c *client) {
			all := []got{c.get("/ServiceProviderConfig").is(200)}
			for _, path := range []string{"/ResourceTypes", "/Schemas"} {
				for _, one := range list(c.get(path).is(200).at("Resources")) {
					all = append(all, got{c: c, body: one.(map[string]any)})
				}
			}
			for _, g := range all {
				urn, _ := g.at("schemas", 0).(string)
				g.count(1, "schemas").has(urn[strings.LastIndexByte(urn, ':')+1:], "meta", "resourceType")
				delete(g.body, "schemas")
				delete(g.body, "meta")
				describedBy(c, urn, g.body, list(c.get("/Schemas/"+urn).is(200).has(urn[strings.LastIndexByte(urn, ':')+1:], "name").at("attributes")))
			}
		}},
		{"draft-ietf-scim-roles-entitlements 4", "roles and entitlements are resource types by the draft's URN and by Okta's, and users have several of each", func(c *client) {
			types := fmt.Sprint(c.get("/ResourceTypes").is(200).at("Resources"))
			for _, kind := range []string{"Role", "Entitlement"} {
				for _, urn := range []string{"urn:ietf:params:scim:schemas:core:2.0:" + kind, "urn:okta:scim:schemas:core:1.0:" + kind} {
					c.check(strings.Contains(types, "schema:"+urn), "no resource type is of %s", urn)
					for _, one := range attributesOf(c, urn) {
						a := one.(map[string]any)
						c.check((a["required"] == true) == (a["name"] == "value" || a["name"] == "supported"), "%s:%v is required: %v", urn, a["name"], a["required"])
					}
				}
			}
			for _, path := range []string{"/Roles", "/Entitlements"} {
				one := c.get(path+"?count=1").is(200).at("Resources", 0)
				c.check(one != nil, "%s is empty", path)
			}
			u := c.user(`,"roles":[{"value":"a","type":"x","primary":true},{"value":"b"}]`).has("x", "roles", 0, "type").has(true, "roles", 0, "primary")
			u.count(2, "roles")
		}},
		{"7644 4", "lists of schemas and resource types are ListResponses, and are not filtered", func(c *client) {
			for _, path := range []string{"/Schemas", "/ResourceTypes"} {
				g := c.get(path+"?startIndex=2&count=1&sortBy=id").is(200).has(listURN, "schemas", 0)
				all, _ := g.at("Resources").([]any)
				g.has(float64(len(all)), "totalResults").has(float64(len(all)), "itemsPerPage").has(1.0, "startIndex")
			}
			for _, path := range []string{"/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Schemas/" + userURN, "/ResourceTypes/User"} {
				c.get(path+"?filter=id+eq+%22x%22").refuses(403, "")
				c.check(c.get(path+"?attributes=id&count=1&sortBy=id").is(200).text == c.get(path).text, "%s is other for a query", path)
			}
		}},
		{"7644 4", "one schema, and one resource type, is found by its id and no other", func(c *client) {
			for _, path := range []string{"/Schemas", "/ResourceTypes"} {
				for i := range c.get(path).at("Resources").([]any) {
					listed := c.get(path).at("Resources", i)
					id := listed.(map[string]any)["id"].(string)
					one := c.get(path+"/"+id).is(200).has(c.base+path+"/"+id, "meta", "location")
					c.check(fmt.Sprint(one.body) == fmt.Sprint(listed), "%s/%s is not as it is listed", path, id)
				}
				c.get(path+"/nothing").refuses(404, "")
			}
		}},
		{"7643 6", "a resource type has a name, an endpoint that answers, and schemas that are there", func(c *client) {
			for i := range c.get("/ResourceTypes").at("Resources").([]any) {
				t := c.get("/ResourceTypes").at("Resources", i).(map[string]any)
				c.check(t["name"] != "" && t["id"] == t["name"], "name %v, id %v", t["name"], t["id"])
				c.get(fmt.Sprint(t["endpoint"])).is(200).has(listURN, "schemas", 0)
				c.get(fmt.Sprint("/Schemas/", t["schema"])).is(200)
				for _, x := range t["schemaExtensions"].([]any) {
					c.get(fmt.Sprint("/Schemas/", x.(map[string]any)["schema"])).is(200)
					_, ok := x.(map[string]any)["required"].(bool)
					c.check(ok, "an extension of %v does not say whether it is required", t["name"])
				}
			}
		}},
		{"7643 7", "every attribute of every schema says all that there is to say", schemasAreWhole},
		{"7643 2.3.8", "no complex attribute is in another one", func(c *client) {
			eachAttribute(c, func(path string, a map[string]any) {
				if path == "urn:ietf:params:scim:schemas:core:2.0:Schema:attributes" {
					return // as in section 8.7.2
				}
				for _, s := range list(a["subAttributes"]) {
					c.check(s.(map[string]any)["type"] != "complex", "%s has a complex attribute in it", path)
				}
			})
		}},
		{"7643 2.1", "every name is one by the grammar", func(c *client) {
			eachAttribute(c, func(path string, a map[string]any) {
				name := strings.TrimPrefix(fmt.Sprint(a["name"]), "$") // $ref is the RFC's own exception
				c.check(name != "" && strings.IndexFunc(name, notOfName) < 0 && !strings.ContainsAny(name[:1], "0123456789-_"), "%s", path)
			})
		}},
		{"7644 3.1", "schemas of messages are not among them", func(c *client) {
			for _, s := range c.get("/Schemas").at("Resources").([]any) {
				c.check(!strings.Contains(fmt.Sprint(s.(map[string]any)["id"]), ":api:messages:"), "%v", s.(map[string]any)["id"])
			}
		}},
		{"7643 8.7", "the standard's schemas have the standard's required and unique attributes", func(c *client) {
			for path, want := range map[string]string{userURN + ":userName": "true server", groupURN + ":displayName": "true none"} {
				found := false
				eachAttribute(c, func(at string, a map[string]any) {
					if at == path {
						found = true
						c.check(fmt.Sprint(a["required"], " ", a["uniqueness"]) == want, "%s is %v %v", at, a["required"], a["uniqueness"])
					}
				})
				c.check(found, "there is no %s", path)
			}
		}},
		{"7644 3.2", "discovery is read only", func(c *client) {
			for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/Schemas/" + userURN} {
				for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE"} {
					g := c.send(verb, path, "{}").refuses(405, "")
					c.check(g.header.Get("Allow") == "GET, HEAD", "Allow of %s is %q", path, g.header.Get("Allow"))
				}
			}
		}},
	}
}

// describedBy checks that all of an object is as attributes say, and that all is there
// that they require.
func describedBy(c *client, what string, o map[string]any, attributes []any) {
	known := map[string]map[string]any{}
	for _, one := range attributes {
		a := one.(map[string]any)
		known[fmt.Sprint(a["name"])] = a
		c.check(a["required"] != true || o[fmt.Sprint(a["name"])] != nil, "%s has no %v", what, a["name"])
	}
	for name, value := range o {
		a := known[name]
		if a == nil {
			c.check(name == "subAttributes", "%s has %s, which is in no schema", what, name) // those of a part are as those of the whole
			continue
		}
		values, multi := value.([]any)
		c.check(multi == (a["multiValued"] == true), "%s: %s has several values: %v", what, name, multi)
		if !multi {
			values = []any{value}
		}
		for _, v := range values {
			kind := map[string]bool{}
			switch v := v.(type) {
			case string:
				kind["string"], kind["reference"] = true, true
			case bool:
				kind["boolean"] = true
			case float64:
				kind["integer"] = v == float64(int64(v))
			case map[string]any:
				kind["complex"] = true
				describedBy(c, what+"."+name, v, list(a["subAttributes"]))
			}
			c.check(kind[fmt.Sprint(a["type"])], "%s: %s is %v, and to be %v", what, name, v, a["type"])
			usual := list(a["canonicalValues"])
			c.check(len(usual) == 0 || slices.Contains(usual, v), "%s: %s is %v, which is none of %v", what, name, v, usual)
		}
	}
}

func list(v any) []any { l, _ := v.([]any); return l }

func notOfName(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", r)
}

// eachAttribute hands on all attributes, and their parts, of all schemas.
func eachAttribute(c *client, see func(path string, a map[string]any)) {
	var walk func(path string, all []any)
	walk = func(path string, all []any) {
		for _, one := range all {
			a := one.(map[string]any)
			at := fmt.Sprint(path, ":", a["name"])
			see(at, a)
			walk(at, list(a["subAttributes"]))
		}
	}
	for _, s := range c.get("/Schemas").at("Resources").([]any) {
		s := s.(map[string]any)
		walk(fmt.Sprint(s["id"]), list(s["attributes"]))
	}
}

func schemasAreWhole(c *client) {
	for _, s := range c.get("/Schemas").at("Resources").([]any) {
		s := s.(map[string]any)
		c.check(s["name"] != nil && s["name"] != "" && s["id"] != "", "a schema without a name: %v", s["id"])
		c.check(slices.Contains(list(s["schemas"]), any("urn:ietf:params:scim:schemas:core:2.0:Schema")), "%v has schemas %v", s["id"], s["schemas"])
	}
	words := map[string][]string{
		"type":       {"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"},
		"mutability": {"readOnly", "readWrite", "immutable", "writeOnly"},
		"returned":   {"always", "never", "default", "request"},
		"uniqueness": {"none", "server", "global"},
	}
	eachAttribute(c, func(path string, a map[string]any) {
		for key, some := range words {
			if key == "uniqueness" && a[key] == nil && (a["type"] == "complex" || a["type"] == "boolean") { // as in section 8.7
				continue
			}
			c.check(slices.Contains(some, fmt.Sprint(a[key])), "%s: %s is %v", path, key, a[key])
		}
		for _, key := range []string{"multiValued", "required"} {
			_, ok := a[key].(bool)
			c.check(ok, "%s: %s is %v", path, key, a[key])
		}
		_, cased := a["caseExact"].(bool)
		c.check(cased || a["type"] != "string", "%s: caseExact is %v", path, a["caseExact"])
		c.check(a["type"] != "reference" || len(list(a["referenceTypes"])) > 0, "%s is a reference to nothing", path)
		c.check(a["type"] != "complex" || len(list(a["subAttributes"])) > 0, "%s is complex and has nothing in it", path)
		c.check(a["mutability"] != "writeOnly" || a["returned"] == "never", "%s is written only, and returned %v", path, a["returned"])
	})
}
