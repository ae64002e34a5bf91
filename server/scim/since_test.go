package scim_test

import (
	"fmt"
	"testing"

	"drawbridge/server/scim"
)

// TestWhatChangedSince asks for what changed since a time, of more resources than a
// request may look at: the few that did are found, by the very time that is shown.
func TestWhatChangedSince(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 10}})
	var last string
	for i := range 30 {
		last = w.user(fmt.Sprintf("u%02d", i))
	}
	modified := func(path string) string { return w.send("GET", path, "").is(200).text("meta", "lastModified") }
	find := func(path, filter string) reply { return w.send("GET", path+"?filter="+escape(filter), "") }

	at := modified("/Users/" + last)
	find("/Users", `meta.lastModified ge "`+at+`" and userName eq "u29"`).is(200).has(1.0, "totalResults")
	find("/Users", `meta.created eq "`+at+`" and userName eq "u29"`).is(200).has(1.0, "totalResults")
	find("/Users", `meta.lastModified gt "2999-01-01T00:00:00Z"`).is(200).has(0.0, "totalResults")
	find("/Users", `meta.lastModified gt "2011-05-13T04:42:34Z"`).refuses(400, "tooMany", "cursor")
	find("/Users", `meta.lastModified lt "2999-01-01T00:00:00Z"`).refuses(400, "tooMany", "cursor")

	title := ""
	for made := at; at == made; at = modified("/Users/" + last) { // times are shown by the millisecond, in which others were made
		title += "x"
		w.send("PATCH", "/Users/"+last, patch(`{"op":"replace","path":"title","value":"`+title+`"}`)).is(200)
	}
	find("/Users", `meta.lastModified ge "`+at+`"`).is(200).has(1.0, "totalResults").has(last, "Resources", 0, "id")
	find("/Users", `meta.lastModified eq "`+at+`"`).is(200).has(1.0, "totalResults")
	find("/Users", `meta.lastModified gt "`+at+`"`).is(200).has(0.0, "totalResults")
	find("/Users", `title eq "`+title+`" and meta.lastModified ge "`+at+`" and active eq true`).is(200).has(1.0, "totalResults")
	w.send("other:GET", "/Users?filter="+escape(`meta.lastModified ge "`+at+`"`), "").is(200).has(0.0, "totalResults")

	seen, cursor := 0, ""
	for range 20 { // all of them changed since; by cursor they are walked
		r := w.send("GET", "/Users?count=7&cursor="+cursor+"&filter="+escape(`meta.lastModified gt "2011-05-13T04:42:34Z"`), "").is(200)
		list, _ := r.at("Resources").([]any)
		seen += len(list)
		if cursor = r.text("nextCursor"); cursor == "" {
			break
		}
	}
	if seen != 30 {
		t.Errorf("%d by cursor, want 30", seen)
	}
}
