package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// seeded is an endpoint on a store that was filled without it: a group of so many
// members, the first of whom is in so many groups besides.
func seeded(t *testing.T, members, groups int) (w *world, group, user string) {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "seeded.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	w = worldOn(t, e, scim.Options{})
	user, group = w.user("ada"), w.group("large")
	fill := func(n int, put func(tx store.Tx, i int) error) {
		const some = 5000
		for from := 0; from < n; from += some {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				for i := from; i < min(from+some, n); i++ {
					if err := put(tx, i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	id := func(i int) string { return fmt.Sprintf("01999999-9999-7999-8999-%012d", i) }
	fill(members, func(tx store.Tx, i int) error {
		return store.Members.Put(tx, schema.Member{Group: group, Member: id(i)})
	})
	fill(groups, func(tx store.Tx, i int) error {
		g := schema.Group{ID: id(i), Source: "hr", DisplayName: fmt.Sprint("group ", i), Resource: []byte(`{}`), Version: 1}
		if err := store.Groups.Put(tx, g); err != nil {
			return err
		}
		return store.Members.Put(tx, schema.Member{Group: g.ID, Member: user})
	})
	return w, group, user
}

// A sink takes an answer, keeps nothing of it, and looks now and then at how much
// memory is in use while it comes.
type sink struct {
	quiet
	writes, edges int
	most          uint64 // bytes of the heap that were in use
}

func (s *sink) Write(b []byte) (int, error) {
	s.edges += strings.Count(string(b), `{"value":`)
	if s.writes++; s.writes%100 == 5 {
		s.most = max(s.most, inUse())
	}
	return len(b), nil
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools had is gone after the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestLongAnswersTakeLittleMemory reads groups of very many members, and a user in
// very many groups: what is in use meanwhile does not grow with them, and what is
// made for each edge is little.
func TestLongAnswersTakeLittleMemory(t *testing.T) { // beside no other test
	const mostInUse = 1 << 20
	for _, size := range []int{10_000, 200_000} {
		w, group, user := seeded(t, size, size/10)
		for _, c := range []struct {
			path  string
			edges int
			most  uint64 // bytes that are made for each
		}{
			{"/Groups/" + group, size, 400},
			{"/Users/" + user, size / 10, 1500}, // every group is decoded twice: for the ETag, and to be shown
			{"/Users?filter=userName+eq+%22ada%22", size / 10, 1800},
		} {
			made, most := w.reading(t, c.path, c.edges)
			t.Logf("%s with %d edges: %d bytes made for each, %d more in use at most", c.path, c.edges, made, most)
			if most > mostInUse || made > c.most {
				t.Errorf("want %d bytes for each at most, and %d in use", c.most, mostInUse)
			}
		}
	}
}

// reading reads a long answer, and returns how many bytes were made for each of its
// edges and how many more were in use at once.
func (w *world) reading(t *testing.T, path string, edges int) (made uint64, most int64) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/scim/v2"+path, nil)
	r.Header.Set("From", "hr")
	var before, after runtime.MemStats
	idle := inUse()
	runtime.ReadMemStats(&before)
	s := &sink{quiet: quiet{header: http.Header{}}}
	w.handler.ServeHTTP(s, r)
	runtime.ReadMemStats(&after)
	if s.status != 200 || s.edges < edges {
		t.Errorf("%s: status %d, %d of %d edges", path, s.status, s.edges, edges)
	}
	return (after.TotalAlloc - before.TotalAlloc) / uint64(edges), int64(s.most) - int64(idle)
}

// TestETagOfOneInManyGroups is one ETag, in the header and in the answer, however
// many parts the groups are read in, and another when one of them changes.
func TestETagOfOneInManyGroups(t *testing.T) {
	w, _, user := seeded(t, 0, 450)
	r := w.send("GET", "/Users/"+user, "").is(200)
	etag := r.header.Get("ETag")
	if version := r.text("meta", "version"); version != etag || strings.Count(r.body, `{"value":`) != 450 {
		t.Errorf("ETag %s, version %s, %d groups", etag, version, strings.Count(r.body, `{"value":`))
	}
	listed := w.send("GET", "/Users?filter=userName+eq+%22ada%22", "").is(200)
	if !strings.Contains(listed.body, strings.ReplaceAll(etag, `"`, `\"`)) {
		t.Errorf("it is not listed with version %s", etag)
	}
	w.send("GET", "/Users/"+user, "", "If-None-Match", etag).is(304)
	last := fmt.Sprintf("/Groups/01999999-9999-7999-8999-%012d", 449)
	w.send("PATCH", last, patch(`{"op":"replace","path":"displayName","value":"renamed"}`)).is(204)
	if now := w.send("GET", "/Users/"+user, "", "If-None-Match", etag).is(200).header.Get("ETag"); now == etag {
		t.Error("a group has another name, and the ETag is the same")
	}
}
