package scim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/server/scim"
)

// TestAdvertisedLimits holds what the endpoint says of itself to what it does, with
// limits that an operator set.
func TestAdvertisedLimits(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{BulkBody: 3000, BulkOperations: 3}})
	w.send("GET", "/ServiceProviderConfig", "").is(200).has(3.0, "bulk", "maxOperations").has(3000.0, "bulk", "maxPayloadSize")
	op := func(i int) string { return post("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"u%d"}`, i)) }
	w.send("POST", "/Bulk", bulkOf(0, op(1), op(2), op(3))).is(200).statuses("201", "201", "201")
	w.send("POST", "/Bulk", bulkOf(0, op(4), op(5), op(6), op(7))).refuses(413, "tooMany", "3")
	body := bulkOf(0, op(8))
	w.send("POST", "/Bulk", body+strings.Repeat(" ", 3000-len(body))).is(200).statuses("201")
	w.send("POST", "/Bulk", body+strings.Repeat(" ", 3001-len(body))).refuses(413, "", "3000")
}

// TestPublicURLWithAPath is behind a proxy that takes a path off: everything that
// refers to something has it.
func TestPublicURLWithAPath(t *testing.T) {
	const base = "https://example.com/a/bridge/scim/v2"
	w := newWorld(t, scim.Options{})
	h, err := scim.New(scim.Options{Store: w.store, Rules: access.NewRules(book(t), nil), BaseURL: base + "/", Source: func(echo.Context) string { return "hr" }})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Mount(e.Group("/scim/v2"))
	w.handler = e
	made := w.send("POST", "/Users", `{"userName":"a"}`).is(201)
	id := made.text("id")
	made.has(base+"/Users/"+id, "meta", "location")
	if at := made.header.Get("Location"); at != base+"/Users/"+id {
		t.Errorf("Location %q", at)
	}
	g := w.send("POST", "/Groups", `{"displayName":"g","members":[{"value":"`+id+`"}]}`).is(201).has(base+"/Users/"+id, "members", 0, "$ref").text("id")
	w.send("GET", "/Users/"+id, "").is(200).has(base+"/Groups/"+g, "groups", 0, "$ref")
	w.send("GET", "/Users", "").is(200).has(base+"/Users/"+id, "Resources", 0, "meta", "location")
	w.send("GET", "/ServiceProviderConfig", "").is(200).has(base+"/ServiceProviderConfig", "meta", "location")
	w.send("GET", "/Schemas", "").is(200).has(base+"/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "Resources", 0, "meta", "location")
	w.send("POST", "/Bulk", bulkOf(0, `{"method":"DELETE","path":"`+base+"/Users/"+id+`"}`)).is(200).statuses("204").has(base+"/Users/"+id, "Operations", 0, "location")
}

// TestVersionOfAUser is of the user and of the groups that are shown with it: who
// has both is told so, and a change asks for the first only.
func TestVersionOfAUser(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.user("a")
	alone := w.send("GET", "/Users/"+id, "").is(200).header.Get("ETag")
	w.send("GET", "/Users/"+id, "", "If-None-Match", alone).is(304)
	g := w.group("g", id)
	in := w.send("GET", "/Users/"+id, "", "If-None-Match", alone).is(200)
	tag := in.header.Get("ETag")
	in.has(tag, "meta", "version")
	w.send("GET", "/Users", "").is(200).has(tag, "Resources", 0, "meta", "version")
	w.send("GET", "/Users/"+id, "", "If-None-Match", tag).is(304)
	w.send("GET", "/Users/"+id+"?excludedAttributes=groups", "", "If-None-Match", alone).is(304)
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"replace","path":"displayName","value":"h"}`)).is(204)
	w.send("GET", "/Users/"+id, "", "If-None-Match", tag).is(200).has("h", "groups", 0, "display")
	w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"title","value":"x"}`), "If-Match", tag).is(200)
	w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"title","value":"y"}`), "If-Match", tag).refuses(412, "", "version")
}
