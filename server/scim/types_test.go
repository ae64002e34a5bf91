package scim_test

import (
	"os"
	"testing"

	"drawbridge/policy"
	wire "drawbridge/schema/scim"
	"drawbridge/server/scim"
)

// TestTypesAreData registers two resource types from files, of which no code knows,
// and has the endpoint tell of them and serve them as all others.
func TestTypesAreData(t *testing.T) {
	register := func(file string, lines ...scim.Line) scim.Catalogue {
		t.Helper()
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		typ, err := wire.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		return scim.Catalogue{Type: typ, Lines: func(*policy.Book) []scim.Line { return lines }}
	}
	w := newWorld(t, scim.Options{Catalogues: []scim.Catalogue{
		register("agent.type.json",
			scim.Line{Name: "helper", Attributes: map[string]any{"name": "Helper", "active": true, "owners": []map[string]any{{"value": "ada"}}}},
			scim.Line{Name: "archivist", Attributes: map[string]any{"name": "Archivist", "active": false}}),
		register("device.type.json", scim.Line{Name: "lamp", Attributes: map[string]any{"displayName": "Lamp", "active": true, "mudUrl": "https://mud.example/lamp"}}),
	}})
	w.send("GET", "/ResourceTypes/Agent", "").is(200).has("/Agents", "endpoint").has("urn:ietf:params:scim:schemas:core:2.0:Agent", "schema")
	w.send("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Device", "").is(200).has("mudUrl", "attributes", 2, "name")
	w.send("GET", "/Agents", "").is(200).has(2.0, "totalResults").has("Archivist", "Resources", 0, "name").has("Agent", "Resources", 0, "meta", "resourceType").
		has("ada", "Resources", 1, "owners", 0, "value")
	w.send("GET", "/Agents?filter="+escape(`active eq true and owners[value eq "ada"]`), "").is(200).has(1.0, "totalResults").has("helper", "Resources", 0, "id")
	w.send("GET", "/Agents?sortBy=name&sortOrder=descending&count=1&attributes=name", "").is(200).has("Helper", "Resources", 0, "name").has(nil, "Resources", 0, "active")
	next := w.send("POST", "/Agents/.search", `{"count":1,"cursor":""}`).is(200).text("nextCursor")
	w.send("GET", "/Devices?count=1&cursor="+next, "").refuses(400, "invalidCursor", "not of this query")
	w.send("POST", "/Agents/.search", `{"count":1,"cursor":"`+next+`"}`).is(200).has("helper", "Resources", 0, "id").has(nil, "nextCursor")
	one := w.send("GET", "/Devices/lamp", "").is(200).has("https://mud.example/lamp", "mudUrl")
	w.send("GET", "/Devices/lamp", "", "If-None-Match", one.header.Get("ETag")).is(304)
	w.send("DELETE", "/Devices/lamp", "").refuses(405, "", "GET")
	w.send("GET", "/?filter="+escape(`meta.resourceType eq "Device" or owners.value eq "ada"`), "").is(200).has(2.0, "totalResults").has("Lamp", "Resources", 1, "displayName")

	for _, bad := range []string{`{`, `{"name":"A B","endpoint":"/A"}`, `{"name":"A","endpoint":"A"}`, `{"name":"A","endpoint":"/A","schema":{"id":"urn:x:a","attributes":[]}}`} {
		if _, err := wire.ParseType([]byte(bad)); err == nil {
			t.Errorf("%s is a resource type", bad)
		}
	}
}
