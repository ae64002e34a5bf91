package scim_test

import (
	"fmt"
	"strings"
	"testing"

	"drawbridge/server/scim"
)

// TestHowMembersAreCalled asks for parts of members. How they are called is told
// to whoever names it, as they are called now.
func TestHowMembersAreCalled(t *testing.T) {
	w := newWorld(t, scim.Options{})
	ada := w.send("POST", "/Users", `{"userName":"ada","displayName":"Ada \"L\""}`).is(201).text("id")
	bob := w.user("bob")
	inner := w.group("inner", bob)
	g := w.group("g", ada, bob, inner)
	members := func(query string) map[string]string {
		t.Helper()
		r := w.send("GET", "/Groups/"+g+query, "").is(200)
		all := map[string]string{}
		for i := range 3 {
			m, _ := r.at("members", i).(map[string]any)
			all[fmt.Sprint(m["value"])] = fmt.Sprint(m["display"], " ", m["type"], " ", m["$ref"] != nil)
		}
		return all
	}
	for query, want := range map[string][3]string{
		"":                                 {"<nil> User true", "<nil> User true", "<nil> Group true"},
		"?attributes=members":              {"<nil> User true", "<nil> User true", "<nil> Group true"},
		"?attributes=members.value":        {"<nil> <nil> false", "<nil> <nil> false", "<nil> <nil> false"},
		"?excludedAttributes=members.$ref": {"<nil> User false", "<nil> User false", "<nil> Group false"},
		"?attributes=members.display,members.value,members.type": {`Ada "L" User false`, "bob User false", "inner Group false"},
	} {
		got := members(query)
		if got[ada] != want[0] || got[bob] != want[1] || got[inner] != want[2] {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	w.send("PATCH", "/Users/"+bob, patch(`{"op":"add","path":"displayName","value":"Robert"}`)).is(200)
	if got := members("?attributes=members.display,members.value"); got[bob] != "Robert <nil> false" {
		t.Errorf("after a new name: %v", got)
	}
	tag := w.send("GET", "/Groups/"+g, "").header.Get("ETag")
	w.send("GET", "/Groups/"+g, "", "If-None-Match", tag).is(304)
	w.send("GET", "/Groups/"+g+"?attributes=members.display", "", "If-None-Match", tag).is(200) // a name may be new
	if body := w.send("GET", "/Groups/"+g+"?attributes=members.display", "").body; !strings.Contains(body, `{"display":"Robert"}`) {
		t.Errorf("the name alone: %s", body)
	}
}
