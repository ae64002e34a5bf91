package scim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/server/scim"
)

// pages follows cursors to the end, and returns the names it saw.
func (w *world) pages(path, name string) (names []string, pages int) {
	w.t.Helper()
	for cursor := ""; ; {
		r := w.send("GET", path+"&cursor="+cursor, "").is(200)
		list, _ := r.at("Resources").([]any)
		for i := range list {
			names = append(names, r.text("Resources", i, name))
		}
		pages++
		if cursor = r.text("nextCursor"); cursor == "" {
			return names, pages
		}
	}
}

func TestCursors(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 10}})
	var want, ids []string
	for i := range 25 {
		name := fmt.Sprintf("u%02d", i)
		want = append(want, name)
		ids = append(ids, w.send("POST", "/Users", `{"userName":"`+name+`","title":"`+strings.Repeat("x", i%2)+`"}`).is(201).text("id"))
	}
	for i := range 3 {
		w.send("POST", "/Groups", fmt.Sprintf(`{"displayName":"same","externalId":"%d","members":["%s"]}`, i, ids[0])).is(201)
	}
	if got, pages := w.pages("/Users?count=7", "userName"); !slices.Equal(got, want) || pages != 4 {
		t.Errorf("%v in %d pages", got, pages)
	}
	// A filter that no index serves, over more than one request may look at.
	if got, _ := w.pages("/Users?count=7&filter=title+pr", "userName"); len(got) != 12 {
		t.Errorf("%d found, want 12: %v", len(got), got)
	}
	if got, pages := w.pages("/Groups?count=1&excludedAttributes=members", "externalId"); !slices.Equal(got, []string{"0", "1", "2"}) || pages != 3 {
		t.Errorf("%v in %d pages", got, pages)
	}
	if got, pages := w.pages("/Groups?count=2&filter=members+eq+%22"+ids[0]+"%22", "externalId"); len(got) != 3 || pages != 2 {
		t.Errorf("%v in %d pages", got, pages)
	}

	first := w.send("GET", "/Users?count=7&cursor=", "").is(200).has(nil, "startIndex")
	next := first.text("nextCursor")
	w.send("DELETE", "/Users/"+ids[6], "").is(204) // where the cursor stands
	w.send("GET", "/Users?count=7&cursor="+next, "").is(200).has("u07", "Resources", 0, "userName")

	w.send("GET", "/Users?count=8&cursor="+next, "").refuses(400, "invalidCount", "were of 7")
	w.send("GET", "/Users?count=7&sortBy=userName&cursor="+next, "").refuses(400, "invalidCursor", "not of this query")
	w.send("GET", "/Groups?count=7&cursor="+next, "").refuses(400, "invalidCursor", "not of this query")
	w.send("other:GET", "/Users?count=7&cursor="+next, "").refuses(400, "invalidCursor", "not of this query")
	flipped := "A" + next[1:]
	if next[0] == 'A' {
		flipped = "B" + next[1:]
	}
	w.send("GET", "/Users?count=7&cursor="+flipped, "").refuses(400, "invalidCursor", "")
	w.send("GET", "/Users?count=7&cursor=x", "").refuses(400, "invalidCursor", "none of ours")
	w.send("GET", "/Users?count=x&cursor=", "").refuses(400, "invalidCount", "count")
	for path, total := range map[string]float64{
		"/Users?count=0&cursor=": 24, "/Users?count=-1&cursor=": 24, "/Users?count=0&cursor=&filter=" + escape(`userName eq "u01"`): 1, "/Users?count=0&cursor=&sortBy=userName&sortOrder=descending": 24,
		"/Users?count=0&cursor=&sortBy=title": 24, "/Groups?count=0&cursor=": 3, "/?count=-7&cursor=": 27, "/Groups?count=0&cursor=&filter=" + escape(`displayName eq "same"`): 3,
	} {
		w.send("GET", path, "").is(200).has(total, "totalResults").has(nil, "nextCursor").has(nil, "Resources", 0).has(nil, "startIndex") // RFC 9865, section 2
	}
	for _, path := range []string{"/Users?count=0&cursor=&filter=title+pr", "/?count=0&cursor=&filter=title+pr"} {
		w.send("GET", path, "").is(200).has(nil, "totalResults").has(nil, "nextCursor").has(nil, "Resources", 0) // no index knows, and nobody looks at all of them
	}
	w.send("GET", "/Users?count=0&cursor="+next, "").refuses(400, "invalidCount", "were of 7")
	w.send("GET", "/Users?count=0&cursor="+flipped, "").refuses(400, "invalidCursor", "")
	for _, cursor := range []string{"1.", "0.", ".", "9." + next, "1." + next, "x." + next} {
		w.send("GET", "/?count=7&cursor="+cursor, "").refuses(400, "invalidCursor", "")
	}
	w.send("POST", "/Users/.search", `{"count":7,"cursor":""}`).is(200).has("u00", "Resources", 0, "userName")
}

// TestCursorsGoOnBehindWhoIsGone deletes who was on a page before the next one is asked
// for: that passes nobody by, in whatever order, and shows nobody twice.
func TestCursorsGoOnBehindWhoIsGone(t *testing.T) {
	for _, row := range []struct{ name, query, want string }{
		{"by an index", "filter=" + escape(`emails.value eq "all@x.example"`), "u0 u1 u2 u3 u4 u5"},
		{"sorted", "sortBy=title", "u5 u4 u3 u2 u1 u0"},
		{"sorted, backwards", "sortBy=title&sortOrder=descending", "u0 u1 u2 u3 u4 u5"},
		{"where none has a value", "sortBy=nickName&filter=" + escape(`userName sw "u"`), "u0 u1 u2 u3 u4 u5"},
		{"by an index, sorted", "sortBy=title&filter=" + escape(`emails.value eq "all@x.example"`), "u5 u4 u3 u2 u1 u0"},
		{"all of them, backwards", "sortBy=userName&sortOrder=descending", "u5 u4 u3 u2 u1 u0"},
		{"all of them", "", "u0 u1 u2 u3 u4 u5"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scim.Options{})
			ids := map[string]string{}
			for i := range 6 {
				name := fmt.Sprintf("u%d", i)
				ids[name] = w.send("POST", "/Users", fmt.Sprintf(`{"userName":%q,"title":"t%d","emails":[{"value":"all@x.example"}]}`, name, 6-i)).is(201).text("id")
			}
			var got []string
			for cursor := ""; ; {
				r := w.send("GET", "/Users?count=2&"+row.query+"&cursor="+cursor, "").is(200)
				page, _ := r.at("Resources").([]any)
				for i := range page {
					got = append(got, r.text("Resources", i, "userName"))
				}
				if cursor = r.text("nextCursor"); cursor == "" {
					break
				}
				for _, name := range got {
					w.send("DELETE", "/Users/"+ids[name], "")
				}
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("%v, want %s", got, row.want)
			}
		})
	}
}

func TestACursorGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scim.Options{})
		w.user("a")
		w.user("b")
		next := w.send("GET", "/Users?count=1&cursor=", "").is(200).text("nextCursor")
		time.Sleep(59 * time.Minute) //nolint:forbidigo // of the bubble's own time: nothing waits
		w.send("GET", "/Users?count=1&cursor="+next, "").is(200).has("b", "Resources", 0, "userName")
		time.Sleep(2 * time.Minute) //nolint:forbidigo // the same
		w.send("GET", "/Users?count=1&cursor="+next, "").refuses(400, "expiredCursor", "older than")
	})
}
