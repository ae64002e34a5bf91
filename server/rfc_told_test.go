package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// toldMusts hold resources to what /Schemas and /ResourceTypes tell of them.
func toldMusts() []must {
	return []must{
		{"7643 7", "every attribute is returned as its schema says", func(c *client) {
			urns := []string{userURN, staffURN, rfcURN, "urn:drawbridge:scim:schemas:extension:2.0:User"}
			body := map[string]any{}
			for _, urn := range urns {
				maps.Copy(body, keyed(urn, sampleOf(c, urn)))
			}
			body["userName"] = c.name()
			text, _ := json.Marshal(body)
			u := c.send("POST", "/Users", string(text)).is(201)
			c.send("POST", "/Groups", `{"displayName":"`+c.name()+`","members":[{"value":"`+u.id()+`"}]}`).is(201)
			for _, urn := range urns {
				returnedAsSaid(c, u.path(), urn)
			}
			g := c.send("POST", "/Groups", `{"displayName":"`+c.name()+`","externalId":"x-`+c.name()+`","members":[{"value":"`+u.id()+`"}]}`).is(201)
			returnedAsSaid(c, g.path(), groupURN)
		}},
		{"7643 7", "every attribute is changed as its schema says", func(c *client) {
			for _, urn := range []string{userURN, staffURN, rfcURN, "urn:drawbridge:scim:schemas:extension:2.0:User"} {
				changedAsSaid(c, c.user("").path(), urn)
			}
			changedAsSaid(c, c.group().path(), groupURN)
		}},
		{"7643 7", "every attribute is found and sorted by as its schema says", func(c *client) {
			for _, urn := range []string{userURN, staffURN, rfcURN, "urn:drawbridge:scim:schemas:extension:2.0:User"} {
				body := keyed(urn, sampleOf(c, urn))
				body["userName"] = c.name()
				text, _ := json.Marshal(body)
				foundAsSaid(c, c.send("POST", "/Users", string(text)).is(201), urn)
			}
		}},
		{"7643 3.1", "schemas are those of the resource's type, and of its extensions", func(c *client) {
			c.group(c.user(`,"` + staffURN + `":{"department":"d"},"` + rfcURN + `":{"loud":"!"}`).id())
			types := map[string][]any{}
			for _, one := range list(c.get("/ResourceTypes").at("Resources")) {
				t := one.(map[string]any)
				known := []any{t["schema"]}
				for _, x := range list(t["schemaExtensions"]) {
					known = append(known, x.(map[string]any)["schema"])
				}
				types[fmt.Sprint(t["name"])] = known
			}
			for _, path := range []string{"/Users", "/Groups", "/Roles", "/Entitlements"} {
				all := list(c.get(path).is(200).at("Resources"))
				c.check(len(all) > 0, "%s is empty", path)
				for _, one := range all {
					r := got{c: c, body: one.(map[string]any)}
					for _, urn := range list(r.body["schemas"]) {
						known := types[fmt.Sprint(r.at("meta", "resourceType"))]
						c.check(slices.Contains(known, urn), "%s: %v is of %v, and its type of %v", path, r.id(), urn, known)
					}
				}
			}
			role := fmt.Sprint(c.get("/Roles").at("Resources", 0, "display"))
			c.get("/Roles?filter=urn:okta:scim:schemas:core:1.0:Role:display+eq+%22"+role+"%22").is(200).has(1.0, "totalResults")
		}},
		{"7643 2.2", "an extension's required, unique and read-only attributes are that", func(c *client) {
			n := c.name()
			for _, kind := range []struct{ path, own string }{{"/Users", "userName"}, {"/Groups", "displayName"}} {
				body := func(strict string) string {
					return `{"` + kind.own + `":"` + c.name() + `","` + strictURN + `":` + strict + `}`
				}
				one := c.send("POST", kind.path, body(`{"number":"`+n+`","desk":"4","keys":[{"value":7}]}`)).is(201).has(n, strictURN, "number").has(nil, strictURN, "desk")
				for _, taken := range []string{`{"number":"` + n + `"}`, `{"number":"` + strings.ToUpper(n) + `"}`, `{"number":"other","keys":[{"value":1},{"value":"7"}]}`} {
					g := c.send("POST", kind.path, body(taken)).refuses(409, "uniqueness")
					c.check(strings.Contains(g.text, strictURN) && strings.Contains(g.text, one.id()), "it is not said what is taken, and by whom: %s", g.text)
				}
				two := c.send("POST", kind.path, body(`{"number":"`+n+`2"}`)).is(201)
				c.patch(two.path(), `{"op":"replace","path":"`+strictURN+`:number","value":"`+n+`"}`).refuses(409, "uniqueness")
				c.send("PUT", two.path(), body(`{"number":"`+n+`"}`)).refuses(409, "uniqueness")
				c.get(two.path()).has(n+"2", strictURN, "number")
				for _, lacking := range []string{`{"keys":[{"value":8}]}`, `{"number":"","keys":[{"value":8}]}`, `{"number":"` + n + `3","keys":[{"door":"x"}]}`} {
					c.send("POST", kind.path, body(lacking)).refuses(400, "invalidValue")
				}
				c.patch(two.path(), `{"op":"add","path":"`+strictURN+`:keys","value":[{"value":9,"door":"x"}]}`)
				c.patch(two.path(), `{"op":"remove","path":"`+strictURN+`:number"}`).refuses(400, "mutability")
				c.patch(two.path(), `{"op":"add","path":"`+strictURN+`:desk","value":"5"}`).refuses(400, "mutability")
				c.send("PUT", two.path(), `{"`+kind.own+`":"`+c.name()+`"}`).is(200) // of nobody who is not of it is anything required
				c.patch(two.path(), `{"op":"add","path":"`+strictURN+`:keys","value":[{"value":9}]}`).refuses(400, "invalidValue")
				c.send("DELETE", one.path(), "").is(204)
				c.send("POST", kind.path, body(`{"number":"`+n+`","keys":[{"value":7}]}`)).is(201)
			}
		}},
		{"8259 4", "a body that says a thing twice is refused, for nobody knows which counts", func(c *client) {
			u, n := c.user(""), c.name()
			for _, body := range []string{
				`{"userName":"` + n + `","userName":"` + n + `2"}`, `{"userName":"` + n + `","USERNAME":"` + n + `2"}`, `{"userName":"` + n + `","user\u004eame":"` + n + `2"}`,
				`{"userName":"` + n + `","name":{"givenName":"a","givenName":"b"}}`, `{"userName":"` + n + `","emails":[{"value":"a@x.example","value":"b@x.example"}]}`,
			} {
				c.send("POST", "/Users", body).refuses(400, "invalidSyntax")
			}
			c.check(c.find(`userName sw "`+n+`"`) == "", "somebody was made")
			for _, op := range []string{
				`{"op":"add","op":"remove","path":"title","value":"x"}`, `{"op":"add","path":"title","path":"nickName","value":"x"}`, `{"op":"add","path":"title","value":"x","value":"y"}`,
			} {
				c.patch(u.path(), op).refuses(400, "invalidSyntax")
			}
			c.send("POST", "/Users/.search", `{"filter":"userName pr","filter":"title pr"}`).refuses(400, "invalidSyntax")
			c.send("POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/x","path":"`+"/Users/"+u.id()+`"}]}`).refuses(400, "invalidSyntax")
			c.get(u.path()).is(200).has(nil, "title")
		}},
	}
}

// keyed puts an extension's attributes below its URN.
func keyed(urn string, attributes map[string]any) map[string]any {
	if urn == userURN {
		return attributes
	}
	return map[string]any{urn: attributes}
}

// attributesOf are those of a schema, as it is told of.
func attributesOf(c *client, urn string) []any {
	return list(c.get("/Schemas/" + urn).is(200).at("attributes"))
}

// sampleOf makes a value for each attribute of a schema that can be sent.
func sampleOf(c *client, urn string) map[string]any { return sample(attributesOf(c, urn)) }

func sample(attributes []any) map[string]any {
	all := map[string]any{}
	for _, one := range attributes {
		a := one.(map[string]any)
		var v any
		switch a["type"] {
		case "boolean":
			v = true
		case "integer", "decimal":
			v = 7
		case "dateTime":
			v = "2026-01-01T00:00:00Z"
		case "binary":
			v = "QUJD"
		case "reference":
			v = "https://x.example/a"
		case "complex":
			v = sample(list(a["subAttributes"]))
		default:
			v = "x"
			if words := list(a["canonicalValues"]); len(words) > 0 {
				v = words[0]
			}
		}
		if a["multiValued"] == true {
			v = []any{v}
		}
		if a["mutability"] != "readOnly" {
			all[fmt.Sprint(a["name"])] = v
		}
	}
	return all
}

// returnedAsSaid reads a resource, and each part of it by name, and holds what comes to
// what its schema says.
func returnedAsSaid(c *client, path, urn string) {
	below, prefix := []any{}, ""
	if urn != userURN && urn != groupURN {
		below, prefix = []any{urn}, urn+":"
	}
	whole := c.get(path).is(200)
	var look func(attributes []any, at []any, named string)
	look = func(attributes []any, at []any, named string) {
		for _, one := range attributes {
			a := one.(map[string]any)
			name := fmt.Sprint(a["name"])
			here := append(slices.Clone(at), name)
			full := named + name
			if full == staffURN+":manager.displayName" {
				continue // it is another resource's to say, and optional: nobody has one
			}
			said := a["returned"]
			there := whole.at(here...) != nil
			asked := c.get(path+"?attributes="+full).is(200).at(here...) != nil
			c.check(there == (said == "default" || said == "always"), "%s is returned %v, and there unasked: %v", full, said, there)
			c.check(asked == (said != "never"), "%s is returned %v, and there where it is asked for: %v", full, said, asked)
			if said == "always" {
				c.check(c.get(path+"?excludedAttributes="+full).at(here...) != nil, "%s is excluded", full)
			}
			if a["multiValued"] == true {
				here = append(here, 0)
			}
			look(list(a["subAttributes"]), here, full+".")
		}
	}
	look(attributesOf(c, urn), below, prefix)
}

// changedAsSaid adds, replaces and removes each attribute of a schema, by its full name,
// and holds what becomes of it to what the schema says.
func changedAsSaid(c *client, path, urn string) {
	var below []any
	if urn != userURN && urn != groupURN {
		below = []any{urn}
	}
	for _, one := range attributesOf(c, urn) {
		a := one.(map[string]any)
		name, full := fmt.Sprint(a["name"]), fmt.Sprint(urn, ":", a["name"])
		if name == "members" {
			continue // whoever they are has to be there
		}
		here := append(slices.Clone(below), name)
		op := func(op, value string) got {
			if value != "" {
				value = `,"value":` + value
			}
			return c.patch(path, `{"op":"`+op+`","path":"`+full+`"`+value+`}`)
		}
		is := func(when, want string) {
			got := c.get(path + "?attributes=" + full).is(200).at(here...)
			if a["returned"] == "never" {
				want = "null"
			}
			text, _ := json.Marshal(got)
			c.check(string(text) == want, "%s, %s, is %s, want %s", full, when, text, want)
		}
		if a["mutability"] == "readOnly" {
			op("add", `"x"`).refuses(400, "mutability")
			op("remove", "").refuses(400, "mutability")
			continue
		}
		value, _ := json.Marshal(sample([]any{a})[name])
		c.check(op("add", string(value)).status < 300, "%s is not added", full)
		is("added", string(value))
		if a["mutability"] == "immutable" {
			op("replace", strings.ReplaceAll(string(value), "x", "y")).refuses(400, "mutability")
			op("remove", "").refuses(400, "mutability")
			continue
		}
		other := strings.NewReplacer(`"x"`, `"y"`, `/a"`, `/b"`, "7", "8", "2026", "2027", "QUJD", "REVG").Replace(string(value))
		c.check(op("replace", other).status < 300, "%s is not replaced", full)
		is("replaced", other)
		if a["required"] == true {
			op("remove", "").refuses(400, "mutability")
			is("that is required", other)
			continue
		}
		c.check(op("remove", "").status < 300, "%s is not removed", full)
		is("removed", "null")
	}
}

// foundAsSaid finds a resource by each attribute of a schema, and by each part of one.
func foundAsSaid(c *client, u got, urn string) {
	var look func(attributes []any, named string)
	look = func(attributes []any, named string) {
		for _, one := range attributes {
			a := one.(map[string]any)
			full := named + fmt.Sprint(a["name"])
			if a["mutability"] == "readOnly" || full == userURN+":userName" {
				continue // it has none, or one of its own
			}
			finds := func(filter string) bool {
				return c.get("/Users?count=0&filter="+url.QueryEscape(`id eq "`+u.id()+`" and `+filter)).is(200).at("totalResults") == 1.0
			}
			if a["returned"] == "never" {
				c.get("/Users?filter="+url.QueryEscape(full+` pr`)).refuses(400, "invalidFilter")
				c.get("/Users?sortBy="+full).refuses(400, "invalidValue")
				continue
			}
			c.check(finds(full+` pr`), "%s pr does not find it", full)
			if a["type"] == "complex" {
				look(list(a["subAttributes"]), full+".")
				continue
			}
			c.get("/Users?count=1&sortBy=" + full).is(200)
			value, _ := json.Marshal(sample([]any{a})[fmt.Sprint(a["name"])])
			text := strings.Trim(string(value), "[]")
			c.check(finds(full+` eq `+text), "%s eq %s does not find it", full, text)
			c.check(!finds(full+` ne `+text), "%s ne %s finds it", full, text)
			if upper := strings.ToUpper(text); a["type"] == "string" && upper != text {
				c.check(finds(full+` eq `+upper) == (a["caseExact"] != true), "%s, of which caseExact is %v, eq %s", full, a["caseExact"], upper)
			}
		}
	}
	look(attributesOf(c, urn), urn+":")
}
