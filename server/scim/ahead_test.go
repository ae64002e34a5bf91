package scim_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A counting engine counts the reads that begin.
type counting struct {
	store.Engine
	reads atomic.Int64
}

func (e *counting) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if !write {
		e.reads.Add(1)
	}
	return e.Engine.Begin(ctx, write)
}

// TestPagesBehindTheFirstAreRankedAlready walks a list in an order that no index has: not
// all of it is looked at for each page.
func TestPagesBehindTheFirstAreRankedAlready(t *testing.T) {
	const people, page = 1100, 50 // looked at in three reads
	opened, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &counting{Engine: opened}
	w := worldOn(t, e, scim.Options{})
	for i := range people {
		w.send("POST", "/Users", fmt.Sprintf(`{"userName":"u%04d","title":"t%04d"}`, i, people-i)).is(201)
	}
	for _, query := range []string{"sortBy=title", "sortBy=title&sortOrder=descending&filter=title+pr"} {
		before := e.reads.Load()
		got, pages := w.pages(fmt.Sprintf("/Users?%s&count=%d&attributes=userName", query, page), "userName")
		if len(got) != people || pages != people/page {
			t.Errorf("%s: %d people in %d pages", query, len(got), pages)
		}
		// Of each page the ranks are read, and who is on it is written.
		if reads := e.reads.Load() - before; reads > 3*int64(pages)+10 {
			t.Errorf("%s: %d reads for %d pages", query, reads, pages)
		}
	}
}

// TestManyListsAreWalkedAtOnce has more walks under way than are ranked ahead, by two
// sources: none sees what another one asked for.
func TestManyListsAreWalkedAtOnce(t *testing.T) {
	w := newWorld(t, scim.Options{})
	for i := range 9 {
		w.send("POST", "/Users", fmt.Sprintf(`{"userName":"u%d","title":"t%d","nickName":"n%d"}`, i, 9-i, i%3)).is(201)
		w.send("other:POST", "/Users", fmt.Sprintf(`{"userName":"o%d","title":"t%d"}`, i, i)).is(201)
	}
	type walk struct{ from, query, cursor, seen string }
	var walks []*walk
	for _, from := range []string{"", "other:"} {
		for _, query := range []string{"sortBy=title", "sortBy=title&sortOrder=descending", "sortBy=nickName", "sortBy=meta.created&sortOrder=descending"} {
			walks = append(walks, &walk{from: from, query: query})
		}
	}
	for page := range 5 {
		for _, k := range walks {
			if page > 0 && k.cursor == "" {
				continue
			}
			r := w.send(k.from+"GET", "/Users?count=2&"+k.query+"&cursor="+k.cursor, "")
			k.seen += " " + r.names()
			k.cursor = r.text("nextCursor")
		}
	}
	for i, want := range []string{
		"u8 u7 u6 u5 u4 u3 u2 u1 u0", "u0 u1 u2 u3 u4 u5 u6 u7 u8", "u0 u3 u6 u1 u4 u7 u2 u5 u8", "u8 u7 u6 u5 u4 u3 u2 u1 u0",
		"o0 o1 o2 o3 o4 o5 o6 o7 o8", "o8 o7 o6 o5 o4 o3 o2 o1 o0", "o0 o1 o2 o3 o4 o5 o6 o7 o8", "o8 o7 o6 o5 o4 o3 o2 o1 o0",
	} {
		if k := walks[i]; strings.TrimSpace(k.seen) != want || k.cursor != "" {
			t.Errorf("%s%s: %s, want %s", k.from, k.query, k.seen, want)
		}
	}
}

// TestPagesWhileAListChanges has people come, go and change between the pages of a walk:
// who is as they were is shown once and in order, and nobody whom the filter does not mean.
func TestPagesWhileAListChanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: rapid.IntRange(1, 20).Draw(rt, "scan")}})
		create := func(name string, title int) string {
			return w.send("POST", "/Users", fmt.Sprintf(`{"userName":%q,"title":"%02d"}`, name, title)).is(201).text("id")
		}
		titles, ids := map[string]int{}, map[string]string{} // of those who are as they were
		for i := range rapid.IntRange(3, 20).Draw(rt, "people") {
			name := fmt.Sprintf("p%02d", i)
			titles[name] = rapid.IntRange(10, 30).Draw(rt, "title")
			ids[name] = create(name, titles[name])
		}
		count, seen := rapid.IntRange(1, 4).Draw(rt, "count"), []string{}
		for cursor, page := "", 0; page == 0 || cursor != ""; page++ {
			r := w.send("GET", fmt.Sprintf("/Users?sortBy=title&filter=active+eq+true&count=%d&cursor=%s", count, cursor), "").is(200)
			list, _ := r.at("Resources").([]any)
			for i := range list {
				seen = append(seen, r.text("Resources", i, "userName"))
				r.has(true, "Resources", i, "active")
			}
			cursor = r.text("nextCursor")
			if names := slices.Sorted(maps.Keys(titles)); len(names) > 0 {
				name := rapid.SampledFrom(names).Draw(rt, "who")
				switch rapid.IntRange(0, 4).Draw(rt, "what") {
				case 0:
					w.send("DELETE", "/Users/"+ids[name], "").is(204)
					delete(titles, name)
				case 1:
					w.send("PATCH", "/Users/"+ids[name], patch(`{"op":"replace","path":"active","value":false}`)).is(200)
					delete(titles, name)
				case 2:
					w.send("PATCH", "/Users/"+ids[name], patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"%02d"}`, rapid.IntRange(0, 40).Draw(rt, "new")))).is(200)
					delete(titles, name)
				case 3:
					create(fmt.Sprintf("new%02d", page), rapid.IntRange(0, 40).Draw(rt, "new"))
				}
			}
		}
		last := 0
		for name, title := range titles {
			n := 0
			for _, s := range seen {
				if s == name {
					n++
				}
			}
			if n != 1 {
				rt.Fatalf("%s, with %02d, was shown %d times: %v", name, title, n, seen)
			}
		}
		for _, name := range seen {
			if title, same := titles[name]; same {
				if title < last {
					rt.Fatalf("%s, with %02d, comes after %02d: %v", name, title, last, seen)
				}
				last = title
			}
		}
	})
}
