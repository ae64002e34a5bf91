package scim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	library "github.com/elimity-com/scim/schema"
	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/server/scim"
	"drawbridge/store"
)

// TestARegisteredExtension has an operator's own schema read, kept, shown and
// found by, from a file and without code.
func TestARegisteredExtension(t *testing.T) {
	var badge library.Schema
	err := json.Unmarshal([]byte(`{"id":"urn:example:2.0:User","name":"Badge","description":"What the HR system adds","attributes":[
		{"name":"jobCode","type":"string","description":"","multiValued":false,"required":false,"caseExact":true},
		{"name":"floor","type":"integer","multiValued":false},
		{"name":"sites","type":"string","multiValued":true}]}`), &badge)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, scim.Options{Extensions: []library.Schema{badge}})
	id := w.send("POST", "/Users", `{"userName":"a","urn:example:2.0:User":{"jobcode":12,"floor":"3","sites":"HQ","pet":"cat"}}`).is(201).text("id")
	w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"urn:example:2.0:User:sites","value":["HQ","Lab"]}`)).is(200).
		has("12", "urn:example:2.0:User", "jobCode").has(3.0, "urn:example:2.0:User", "floor").has("Lab", "urn:example:2.0:User", "sites", 1).
		has("urn:example:2.0:User", "schemas", 1)
	if want := []string{"hr urn:example:2.0:User:pet"}; !slices.Equal(w.dropped, want) {
		t.Errorf("told of %v, want %v", w.dropped, want)
	}
	w.send("GET", "/Users?filter="+escape(`urn:example:2.0:User:floor ge 3 and urn:example:2.0:User:sites eq "lab"`), "").is(200).has(1.0, "totalResults")
	w.send("GET", "/Schemas/urn:example:2.0:User", "").is(200).has("Badge", "name")

	// A schema whose name begins with another's.
	more := library.Schema{ID: "urn:example:2.0:User:More", Attributes: []library.CoreAttribute{library.SimpleCoreAttribute(library.SimpleStringParams(library.StringParams{Name: "hat"}))}}
	w = newWorld(t, scim.Options{Extensions: []library.Schema{badge, more}})
	id = w.user("a")
	w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"urn:example:2.0:User:More:hat","value":"top"},{"op":"add","path":"urn:example:2.0:User:floor","value":1}`)).is(200).
		has("top", "urn:example:2.0:User:More", "hat").has(1.0, "urn:example:2.0:User", "floor")
	w.send("GET", "/ResourceTypes/User", "").is(200).has("urn:example:2.0:User", "schemaExtensions", 2, "schema")
	twice := scim.Options{Store: w.store, Rules: access.NewRules(book(t), nil), Source: func(echo.Context) string { return "" }, Extensions: []library.Schema{badge, badge}}
	if _, err := scim.New(twice); err == nil {
		t.Error("two schemas with one id were taken")
	}
}

// TestLargeBodiesTakeTurns sends more of them at once than are held at once.
func TestLargeBodiesTakeTurns(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id, g := w.user("a"), w.group("g")
	body := patch(`{"op":"add","path":"members","value":[{"value":"` + id + `"},` + strings.Repeat(`{"value":"nobody"},`, 80_000) + `{"value":"` + id + `"}]}`)
	if len(body) <= 1<<20 {
		t.Fatalf("%d bytes are not large", len(body))
	}
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			if r := w.send("PATCH", "/Groups/"+g, body); r.status != 204 {
				t.Errorf("status %d: %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if got := w.send("GET", "/Groups/"+g, "").is(200).members(); !slices.Equal(got, []string{id}) {
		t.Errorf("members %v", got)
	}
}

// TestLargeBodiesAreFew keeps the store busy while large bodies arrive: no more of
// them are in memory than take turns, be they read or not yet done.
func TestLargeBodiesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scim.Options{})
		g := w.group("g")
		busy := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := w.store.Update(t.Context(), func(store.Tx) error { <-busy; return nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		var whole atomic.Int32
		for range 8 {
			wg.Go(func() {
				body := io.MultiReader(strings.NewReader(`{"displayName":"g"`+strings.Repeat(" ", 2<<20)), told{&whole}, strings.NewReader("}"))
				r := httptest.NewRequestWithContext(t.Context(), "PUT", "/scim/v2/Groups/"+g, body)
				r.Header.Set("From", "hr")
				if a := w.do(r); a.status != 200 {
					t.Errorf("status %d: %s", a.status, a.body)
				}
			})
		}
		synctest.Wait()
		if n := whole.Load(); n != 3 {
			t.Errorf("%d large bodies of one source were read at once, want 3", n)
		}
		close(busy)
		wg.Wait()
	})
}

// TestLargeBodiesOfOthers has one source send large bodies so slowly that each
// keeps its turn for as long as it may. Another source is not kept waiting.
func TestLargeBodiesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, scim.Options{})
		g := w.send("other:POST", "/Groups", `{"displayName":"g"}`).is(201).text("id")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				body := io.MultiReader(strings.NewReader(strings.Repeat(" ", 2<<20)), trickle{19 * time.Second})
				r := httptest.NewRequestWithContext(t.Context(), "PUT", "/scim/v2/Groups/"+g, body)
				r.Header.Set("From", "hr")
				w.do(r)
			})
		}
		synctest.Wait()
		began := time.Now()
		w.send("other:PUT", "/Groups/"+g, `{"displayName":"g"`+strings.Repeat(" ", 2<<20)+`}`).is(200)
		if took := time.Since(began); took > time.Second {
			t.Errorf("another source waited %s", took)
		}
		wg.Wait()
	})
}

// A trickle is the end of a body, and it is late.
type trickle struct{ late time.Duration }

func (s trickle) Read([]byte) (int, error) {
	<-time.After(s.late)
	return 0, io.EOF
}

// told counts whoever reads as far as it.
type told struct{ n *atomic.Int32 }

func (c told) Read([]byte) (int, error) { c.n.Add(1); return 0, io.EOF }

// A timed answer remembers where its deadlines were moved to, as the connection of
// a server would.
type timed struct {
	*httptest.ResponseRecorder
	reads, writes []time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error  { w.reads = append(w.reads, t); return nil }
func (w *timed) SetWriteDeadline(t time.Time) error { w.writes = append(w.writes, t); return nil }

// slow is a body that stops coming.
type slow struct{ r io.Reader }

func (s slow) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err == io.EOF {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// TestSlowSenders holds whoever has a large body to a time of its own, and gives
// an answer that is long as much as it takes.
func TestSlowSenders(t *testing.T) {
	w := newWorld(t, scim.Options{})
	g := w.group("g")
	serve := func(method, path string, body io.Reader) *timed {
		r := httptest.NewRequestWithContext(t.Context(), method, "/scim/v2"+path, body)
		r.Header.Set("From", "hr")
		answer := &timed{ResponseRecorder: httptest.NewRecorder()}
		w.handler.ServeHTTP(answer, r)
		return answer
	}
	for name, body := range map[string]string{"small": "{", "large": strings.Repeat(" ", 2<<20)} {
		if a := serve("PUT", "/Groups/"+g, slow{strings.NewReader(body)}); a.Code != 408 {
			t.Errorf("a %s body that stops: status %d: %s", name, a.Code, a.Body)
		}
	}
	var members strings.Builder
	for i := range 600 {
		fmt.Fprintf(&members, `,"%s"`, w.user(fmt.Sprint(i)))
	}
	a := serve("PUT", "/Groups/"+g, strings.NewReader(`{"displayName":"g","members":["x"`+members.String()+`]`+strings.Repeat(" ", 2<<20)+`}`))
	if a.Code != 200 || len(a.reads) != 2 || a.reads[0].IsZero() || !a.reads[1].IsZero() {
		t.Errorf("a large body: status %d, read deadlines %v; want one while it is read, and then none", a.Code, a.reads)
	}
	if len(a.writes) < 3 {
		t.Errorf("a large body, several transactions and a long answer: write deadlines %v", a.writes)
	}
	if a := serve("GET", "/Groups/"+g, nil); a.Code != 200 || len(a.writes) == 0 {
		t.Errorf("a long answer: status %d, write deadlines %v", a.Code, a.writes)
	}
}

// TestHostileRequests sends what would bring a careless server down. Each gets an
// answer that says why.
func TestHostileRequests(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id, g := w.user("a"), w.group("g")
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		scimType, detail         string
	}{
		{"deep JSON", "POST", "/Users", `{"userName":` + strings.Repeat("[", 100_000), 400, "invalidSyntax", "nested"},
		{"deep JSON in a value", "PATCH", "/Users/" + id, patch(`{"op":"add","path":"title","value":` + strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60) + `}`), 400, "invalidSyntax", "nested"},
		{"a body that is too large", "POST", "/Users", `{"userName":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "", "larger than 1048576 bytes"},
		{"a name that no index takes", "POST", "/Users", `{"userName":"` + strings.Repeat("x", 40_000) + `"}`, 400, "invalidValue", "userName"},
		{"100,000 operations", "PATCH", "/Groups/" + g, patch(many(100_000, `{"op":"remove","path":"members[value eq \"x\"]"}`)), 413, "tooMany", "Operations"},
		{"100,000 attributes in an operation", "PATCH", "/Groups/" + g, patch(`{"op":"replace","value":{` + numbered(100_000, `"x%d":"x"`) + `}}`), 413, "tooMany", "Operations"},
		{"a filter of 100,000 parentheses", "GET", "/Groups?filter=" + strings.Repeat("(", 100_000), "", 400, "invalidFilter", "longer"},
		{"a search of 100,000 parentheses", "POST", "/Users/.search", `{"filter":"` + strings.Repeat("(", 100_000) + `"}`, 400, "invalidFilter", "longer"},
		{"parentheses in brackets", "PATCH", "/Users/" + id, patch(`{"op":"remove","path":"emails[` + strings.Repeat("(", 3000) + `]"}`), 400, "invalidFilter", "nested"},
		{"10,000 addresses", "POST", "/Users", `{"userName":"b","emails":[` + many(10_000, `{"value":"x"}`) + `]}`, 400, "invalidValue", "emails"},
		{"a million members", "PATCH", "/Groups/" + g, patch(`{"op":"add","path":"members","value":[` + many(1_000_000, `"x"`) + `]}`), 413, "tooMany", "members"},
		{"a huge number", "GET", "/Users?count=99999999999999999999&startIndex=-99999999999999999999", "", 200, "", ""},
		{"NUL", "PATCH", "/Users/" + id, patch(`{"op":"add","path":"title","value":"a\u0000b"}`), 400, "invalidValue", "title"},
		{"broken UTF-8", "POST", "/Users", "{\"userName\":\"\xc3\x28\"}", 400, "invalidSyntax", "UTF-8"},
		{"half a surrogate", "POST", "/Users", `{"userName":"\ud800x"}`, 201, "", ""},
		{"the same key twice", "POST", "/Users", `{"userName":"first","userName":"second"}`, 400, "invalidSyntax", "userName"},
		{"an id that is a path", "GET", "/Users/..%2fGroups%2f" + g, "", 404, "", ""},
		{"an id that is long", "GET", "/Users/" + strings.Repeat("x", 60_000), "", 404, "", ""},
		{"60,000 unknown attributes", "POST", "/Users", `{"userName":"c",` + numbered(60_000, `"x%d":1`) + `}`, 201, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			here := *w
			here.t = t
			if r := here.send(test.method, test.path, test.body); test.status < 400 {
				r.is(test.status)
			} else {
				r.refuses(test.status, test.scimType, test.detail)
			}
		})
	}
	w.send("GET", "/Users/"+id, "").is(200).has("a", "userName")
}

// numbered writes something so many times, each with its number.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
