package scim_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"drawbridge/server/scim"
)

// TestFiltersAreBounded counts what is looked at over the whole request, however
// many questions to indexes it is made of, and how much is compared with it.
func TestFiltersAreBounded(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 10, Work: 1 << 20}})
	var users []string
	for i := range 6 {
		users = append(users, w.user(fmt.Sprint(i)))
	}
	a, b := w.group("a", users...), w.group("b", users...)
	find := func(path, filter string) reply { return w.send("GET", path+"?filter="+escape(filter), "") }
	find("/Users", `groups.value eq "`+a+`"`).is(200).has(6.0, "totalResults")
	find("/Users", `groups.value eq "`+a+`" or groups.value eq "`+b+`"`).refuses(400, "tooMany", "more than 10")

	var groups []string
	for i := range 12 {
		g := w.send("POST", "/Groups", fmt.Sprintf(`{"displayName":"%d","externalId":"%d","members":[%q]}`, i%2, i, users[0])).is(201)
		groups = append(groups, g.text("id"))
	}
	find("/Groups", `members.value eq "`+users[1]+`"`).is(200).has(2.0, "totalResults")
	find("/Groups", `members.value eq "`+users[0]+`"`).refuses(400, "tooMany", "more than 10")
	find("/Groups", `displayName eq "0" or displayName eq "1"`).refuses(400, "tooMany", "more than 10")
	find("/Groups", `displayName eq "0" and id eq "`+groups[0]+`"`).is(200).has(1.0, "totalResults")

	w.send("PATCH", "/Users/"+users[0], patch(`{"op":"add","path":"title","value":"`+strings.Repeat("x", 100_000)+`"}`)).is(200)
	find("/Users", `title co "y"`).is(200).has(0.0, "totalResults")
	costly := `title co "y"` + strings.Repeat(` or title co "z"`, 20)
	find("/Users", costly).refuses(400, "tooMany", "cursor")
	cursor, pages := "", 0
	for {
		page := w.send("GET", "/Users?filter="+escape(costly)+"&cursor="+cursor, "").is(200)
		if pages++; page.at("nextCursor") == nil {
			break
		}
		cursor = page.text("nextCursor")
	}
	if pages != 2 {
		t.Errorf("%d pages, want 2", pages)
	}
}

// TestOneLargeGroupIsBounded has one group alone be more to look through than a request
// may: it stops within the group, and a walk by cursor stops before it.
func TestOneLargeGroupIsBounded(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Work: 1 << 20}}) // 256 members by display
	var few, many []string
	for i := range 400 {
		if many = append(many, w.user(fmt.Sprint(i))); i < 150 {
			few = many
		}
	}
	a := w.group("a", few...)
	find := func(filter, more string) reply { return w.send("GET", "/Groups?filter="+escape(filter)+more, "") }
	const none = `members[display co "zz"]`
	find(none, "").is(200).has(0.0, "totalResults")
	find(none, "&cursor=").is(200).has(nil, "nextCursor")
	w.group("b", few...)
	find(none, "").refuses(400, "tooMany", "cursor")
	next := find(none, "&cursor=").is(200).text("nextCursor")
	find(none, "&cursor="+next).is(200).has(nil, "nextCursor")
	big := w.group("c", many...)
	find(none+` and id eq "`+big+`"`, "").refuses(400, "tooMany", "bytes")
	next = find(none, "&cursor=").is(200).text("nextCursor")
	next = find(none, "&cursor="+next).is(200).text("nextCursor")
	find(none, "&cursor="+next).refuses(400, "tooMany", "one resource alone")
	find(`members.value eq "`+many[399]+`"`, "").is(200).has(1.0, "totalResults").has(big, "Resources", 0, "id")
	find(none+` and id eq "`+a+`"`, "").is(200).has(0.0, "totalResults")
}

// TestNamesakes creates a group that may be another one sent again, beside very
// many of its name.
func TestNamesakes(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 10}})
	create := func(externalID string) reply {
		return w.send("POST", "/Groups", `{"displayName":"g","externalId":"`+externalID+`"}`)
	}
	for i := range 11 {
		if i == 10 {
			w.send("POST", "/Groups", `{"displayName":"h"}`).is(201)
		}
		create(fmt.Sprint(i)).is(201)
	}
	w.send("POST", "/Groups", `{"displayName":"g"}`).refuses(409, "uniqueness", "externalId")
	create("11").is(201)
}

// A fading context ends after some looks at it.
type fading struct {
	context.Context
	left *int
}

func (f fading) Err() error {
	if *f.left--; *f.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestNobodyWaitsForTheAnswer stops looking once the sender has gone.
func TestNobodyWaitsForTheAnswer(t *testing.T) {
	w := newWorld(t, scim.Options{})
	for i := range 100 {
		w.user(fmt.Sprint(i))
	}
	for _, query := range []string{"filter=" + escape(`title co "y"`), "filter=" + escape(`title co "y"`) + "&cursor="} {
		left := 20
		r := httptest.NewRequestWithContext(fading{t.Context(), &left}, "GET", "/scim/v2/Users?"+query, nil)
		r.Header.Set("From", "hr")
		if a := w.do(r); a.status == 200 {
			t.Errorf("%s: looked at everybody for nobody: %s", query, a.body)
		}
	}
}
