package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/server/scim"
)

// over sends a request over the listener.
func (w *world) over(server *httptest.Server, method, path, body string, headers ...string) (reply, error) {
	r, err := http.NewRequestWithContext(w.t.Context(), method, server.URL+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("From", "hr")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := server.Client().Do(r)
	if err != nil {
		return reply{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return reply{w.t, got.StatusCode, got.Header, string(text)}, err
}

// A writer does as it was drawn to one group and one user, and knows what must
// come of it whatever the others do meanwhile.
type writer struct {
	name    string
	moves   []string // bodies of PATCHes to the group
	members map[string]bool
	address string // what its element of the user's addresses is in the end
	edits   []string
	counts  int // how often it adds one to the counter
}

func drawWriter(t *rapid.T, name string, own []string) *writer {
	w := &writer{name: name, members: map[string]bool{}, counts: rapid.IntRange(0, 3).Draw(t, name+" counts")}
	for range rapid.IntRange(1, 5).Draw(t, name+" moves") {
		ids := rapid.SliceOfNDistinct(rapid.SampledFrom(own), 1, len(own), rapid.ID).Draw(t, "ids")
		values := `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]`
		joins, body := true, ""
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			body = `{"op":"add","path":"members","value":` + values + `}`
		case 1:
			body = `{"op":"Add","value":{"members":` + values + `}}`
		case 2:
			joins, body = false, `{"op":"remove","path":"members","value":`+values+`}`
		case 3:
			joins, ids = false, ids[:1]
			body = `{"op":"Remove","path":"members[value eq \"` + ids[0] + `\"]"}`
		}
		w.moves = append(w.moves, patch(body))
		for _, id := range ids {
			w.members[id] = joins
		}
	}
	for i := range rapid.IntRange(1, 4).Draw(t, name+" edits") {
		w.address = fmt.Sprintf("%s-%d@x", name, i)
		w.edits = append(w.edits, patch(`{"op":"add","path":"emails[type eq \"`+name+`\"].value","value":"`+w.address+`"}`))
	}
	return w
}

// TestConcurrentWrites has many writers change one group and one user over a
// listener, blindly and by compare-and-set. Nothing of what any of them did is
// lost.
func TestConcurrentWrites(t *testing.T) {
	w := newWorld(t, scim.Options{})
	var crowd crowd
	server := httptest.NewServer(crowd.counting(w.handler))
	defer server.Close()
	const writers, each = 6, 4
	ids := make([]string, writers*each)
	for i := range ids {
		ids[i] = w.user(fmt.Sprint("u", i))
	}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		if round++; round > 20 {
			return // each takes some tens of commits
		}
		g, u := w.group(fmt.Sprint("g", round)), w.user(fmt.Sprint("shared", round))
		all := make([]*writer, writers)
		var wg sync.WaitGroup
		for i := range all {
			all[i] = drawWriter(t, fmt.Sprint("w", i), ids[i*each:(i+1)*each])
		}
		start := make(chan struct{})
		for _, one := range all {
			wg.Go(func() {
				<-start
				for _, body := range one.moves {
					w.changes(server, "/Groups/"+g, body)
				}
			})
			wg.Go(func() {
				<-start
				for _, body := range one.edits {
					w.changes(server, "/Users/"+u, body)
				}
			})
			wg.Go(func() {
				<-start
				for range one.counts {
					w.countUp(server, "/Users/"+u)
				}
			})
		}
		close(start)
		wg.Wait()
		var members []string
		total := 0
		read := w.send("GET", "/Users/"+u, "").is(200)
		for _, one := range all {
			for id, in := range one.members {
				if in {
					members = append(members, id)
				}
			}
			if total += one.counts; !strings.Contains(read.body, `"`+one.address+`"`) {
				t.Fatalf("%s of %s is lost: %s", one.address, one.name, read.body)
			}
		}
		if slices.Sort(members); !slices.Equal(w.send("GET", "/Groups/"+g, "").is(200).members(), members) {
			t.Fatalf("members %v, want %v", w.send("GET", "/Groups/"+g, "").members(), members)
		}
		if got := read.text("title"); got != "" && got != strconv.Itoa(total) || got == "" && total > 0 {
			t.Fatalf("counted to %q, want %d", got, total)
		}
	})
	// Writers that took turns by accident would prove nothing.
	if most := crowd.most.Load(); most < writers {
		t.Errorf("at most %d writes were under way at once, want %d", most, writers)
	}
	if crowd.refused.Load() == 0 {
		t.Error("no write met another one's: nobody was ever refused with 412")
	}
}

// A crowd counts how many writes are under way at once, and how many come too late.
type crowd struct{ now, most, refused atomic.Int32 }

func (c *crowd) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		now := c.now.Add(1)
		defer c.now.Add(-1)
		for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
		}
		rec := &statusOf{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		if rec.status == http.StatusPreconditionFailed {
			c.refused.Add(1)
		}
	})
}

// statusOf remembers the status of an answer.
type statusOf struct {
	http.ResponseWriter
	status int
}

func (s *statusOf) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusOf) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (w *world) changes(server *httptest.Server, path, body string) {
	if r, err := w.over(server, "PATCH", path, body); err != nil || r.status >= 300 {
		w.t.Errorf("%s: status %d, %v: %s", path, r.status, err, r.body)
	}
}

// countUp adds one to a user's title: it reads, and writes if nobody else did
// meanwhile.
func (w *world) countUp(server *httptest.Server, path string) {
	for {
		r, err := w.over(server, "GET", path, "")
		if err != nil || r.status != 200 {
			w.t.Errorf("status %d, %v", r.status, err)
			return
		}
		n, _ := strconv.Atoi(r.text("title"))
		done, err := w.over(server, "PATCH", path, patch(fmt.Sprintf(`{"op":"replace","path":"title","value":"%d"}`, n+1)), "If-Match", r.header.Get("ETag"))
		switch {
		case err == nil && done.status == 200:
			return
		case err != nil || done.status != 412:
			w.t.Errorf("status %d, %v: %s", done.status, err, done.body)
			return
		}
	}
}

// TestPreconditions holds every write to the version that it names.
func TestPreconditions(t *testing.T) {
	w := newWorld(t, scim.Options{})
	u, g := w.user("a"), w.group("g")
	for _, test := range []struct{ method, path, body string }{
		{"PUT", "/Users/" + u, `{"userName":"a","title":"%d"}`},
		{"PATCH", "/Users/" + u, patch(`{"op":"replace","path":"title","value":"%d-"}`)},
		{"PUT", "/Groups/" + g, `{"displayName":"g%d"}`},
		{"PATCH", "/Groups/" + g, patch(`{"op":"add","path":"members","value":["` + u + `"]},{"op":"replace","path":"displayName","value":"g-%d"}`)},
		{"DELETE", "/Users/" + u, ""},
		{"DELETE", "/Groups/" + g, ""},
	} {
		body := func(i int) string { return strings.ReplaceAll(test.body, "%d", strconv.Itoa(i)) }
		before := w.send("GET", test.path, "").is(200)
		tag := before.header.Get("ETag")
		for _, stale := range []string{`W/"99"`, `"0"`, `W/"98", W/"99"`, `nonsense`} {
			w.send(test.method, test.path, body(1), "If-Match", stale).refuses(412, "", strings.TrimRight(strings.Split(tag, "-")[0], `"`))
		}
		if after := w.send("GET", test.path, "", "If-None-Match", tag); after.status != 304 || after.body != "" {
			t.Errorf("%s %s: something changed: %d %s", test.method, test.path, after.status, after.body)
		}
		w.send("GET", test.path, "", "If-None-Match", `W/"99"`).is(200)
		for i, good := range []string{tag, "*", strings.TrimPrefix(tag, "W/")} {
			if test.method == "DELETE" && i > 0 {
				break
			}
			if r := w.send(test.method, test.path, body(2+i), "If-Match", `W/"99", `+good); r.status >= 300 {
				t.Errorf("%s %s, If-Match %s: %d %s", test.method, test.path, good, r.status, r.body)
			}
			good = w.send("GET", test.path, "").header.Get("ETag")
			if i == 1 && good == tag {
				t.Errorf("%s %s: the version stays %s", test.method, test.path, tag)
			}
			if i == 1 {
				break // the third is of the first version
			}
		}
	}
}
