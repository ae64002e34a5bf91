package scim_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/server/scim"
)

const whatThereIs = documents + `
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki, deputy: wiki2 } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low }
    - { id: all editors, target: Editors, risk: moderate }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.active == false', action: revoke, failClosed: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read the wiki.
  assign: identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: nobodys }
spec:
  type: birthright
  mode: enforce
  assign: "true"
  grants: [{ connector: wiki, entitlement: readers }]
  review: { every: 365d }
`

// TestCatalogues reads what policy has: roles in force, and entitlements.
func TestCatalogues(t *testing.T) {
	w := newWorld(t, scim.Options{})
	set, _ := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(whatThereIs)}})
	full, _ := policy.Compile(set)
	set, _ = policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(strings.Replace(whatThereIs, "    - { id: all editors, target: Editors, risk: moderate }\n", "", 1))}})
	withoutFirst, _ := policy.Compile(set)
	rules := access.NewRules(book(t), nil)
	h, err := scim.New(scim.Options{Store: w.store, Rules: rules, BaseURL: baseURL, Source: func(echo.Context) string { return "hr" }})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Mount(e.Group("/scim/v2"))
	w.handler = e
	w.send("GET", "/Roles", "").is(200).has(0.0, "totalResults")
	rules.Use(full)

	list := w.send("GET", "/Roles", "").is(200).has(1.0, "totalResults").has("engineer", "Resources", 0, "id") // the other is refused
	list.has("urn:ietf:params:scim:schemas:core:2.0:Role", "Resources", 0, "schemas", 0).
		has("urn:okta:scim:schemas:core:1.0:Role", "Resources", 0, "schemas", 1).
		has("engineer", "Resources", 0, "displayName").has("birthright", "Resources", 0, "type").
		has("Engineers read the wiki.", "Resources", 0, "description").has(true, "Resources", 0, "supported")
	one := w.send("GET", "/Roles/engineer", "").is(200).has(baseURL+"/Roles/engineer", "meta", "location").has("Role", "meta", "resourceType")
	w.send("GET", "/Roles/engineer", "", "If-None-Match", one.header.Get("ETag")).is(304)
	w.send("GET", "/Roles/nobodys", "").refuses(404, "", "nobodys")

	w.send("GET", "/Entitlements", "").is(200).has(2.0, "totalResults").has("wiki:all~20editors", "Resources", 0, "id")
	w.send("GET", "/Entitlements/wiki:all~20editors", "").is(200).has("wiki/all editors", "value").has("wiki", "type").has("Editors, risk moderate", "description")
	w.send("GET", "/Entitlements?filter="+escape(`value eq "wiki/readers"`)+"&attributes=display", "").is(200).has(1.0, "totalResults").
		has("readers", "Resources", 0, "display").has(nil, "Resources", 0, "value").has(nil, "Resources", 0, "meta")
	w.send("GET", "/Entitlements?sortBy=value&sortOrder=descending&count=1", "").is(200).has(2.0, "totalResults").has("wiki/readers", "Resources", 0, "value")
	w.send("POST", "/Entitlements/.search", `{"filter":"displayName co \"EDIT\"","startIndex":2}`).is(200).has(1.0, "totalResults").has(nil, "Resources", 0)
	w.send("GET", "/Roles?filter="+escape(`owner eq "x"`), "").refuses(400, "invalidFilter", "owner")
	next := w.send("GET", "/Entitlements?count=1&cursor=", "").is(200).has("wiki/all editors", "Resources", 0, "value").text("nextCursor")
	w.send("GET", "/Entitlements?count=1&cursor="+next, "").is(200).has("wiki/readers", "Resources", 0, "value").has(nil, "nextCursor")
	w.send("GET", "/Roles?count=1&cursor="+next, "").refuses(400, "invalidCursor", "not of this query")
	rules.Use(withoutFirst) // what the cursor stands on is gone, and what is behind it is not passed by
	w.send("GET", "/Entitlements?count=1&cursor="+next, "").is(200).has(1.0, "totalResults").has("wiki/readers", "Resources", 0, "value")
	rules.Use(full)

	for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		path := "/Roles/engineer"
		if verb == "POST" {
			path = "/Roles"
		}
		w.send(verb, path, "{}").refuses(405, "", "GET")
		w.send("POST", "/Bulk", bulkOf(0, `{"method":"`+verb+`","path":"`+path+`","data":{}}`)).is(200).statuses("404")
	}

	types := w.send("GET", "/ResourceTypes", "").is(200).has(6.0, "totalResults")
	types.has("OktaRole", "Resources", 3, "id").has("/Roles", "Resources", 3, "endpoint").has("urn:okta:scim:schemas:core:1.0:Role", "Resources", 3, "schema")
	for _, urn := range []string{"urn:ietf:params:scim:schemas:core:2.0:Role", "urn:okta:scim:schemas:core:1.0:Role",
		"urn:ietf:params:scim:schemas:core:2.0:Entitlement", "urn:okta:scim:schemas:core:1.0:Entitlement"} {
		w.send("GET", "/Schemas/"+urn, "").is(200).has(urn, "id").has("readOnly", "attributes", 0, "mutability")
	}
}
