package scim_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	library "github.com/elimity-com/scim/schema"
	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// names returns the userName of each resource in a list, in its order.
func (r reply) names() string {
	r.t.Helper()
	r.is(200)
	list, _ := r.at("Resources").([]any)
	var names []string
	for i := range list {
		names = append(names, r.text("Resources", i, "userName"))
	}
	return strings.Join(names, " ")
}

func TestSorting(t *testing.T) {
	w := newWorld(t, scim.Options{})
	ids := map[string]string{}
	for _, u := range []string{
		`"userName":"d","title":"b","name":{"familyName":"Zoe"},"emails":[{"value":"z@x"},{"value":"a@x","primary":true}],"active":false`,
		`"userName":"B","title":"C","name":{"familyName":"adam"},"urn:drawbridge:scim:schemas:extension:2.0:User":{"startDate":"2026-02-01"}`,
		`"userName":"a","emails":[{"value":"B@x"}],"urn:drawbridge:scim:schemas:extension:2.0:User":{"startDate":"2026-01-01T00:00:00+05:00"}`,
		`"userName":"c","title":"a","urn:drawbridge:scim:schemas:extension:2.0:User":{"startDate":"2025-12-31T20:00:00Z"}`,
	} {
		r := w.send("POST", "/Users", "{"+u+"}").is(201)
		ids[r.text("userName")] = r.text("id")
	}
	w.group("g", ids["d"], ids["a"], ids["B"])
	for _, test := range []struct{ name, query, want string }{
		{"nothing", "", "a B c d"},
		{"the order it has", "sortBy=userName", "a B c d"},
		{"the same, backwards", "sortBy=USERNAME&sortOrder=Descending", "d c B a"},
		{"a page of that", "sortBy=userName&sortOrder=descending&startIndex=2&count=2", "c B"},
		{"the last page of that", "sortBy=userName&sortOrder=descending&startIndex=4&count=2", "a"},
		{"beyond it", "sortBy=userName&sortOrder=descending&startIndex=5", ""},
		{"case folded, none last", "sortBy=title", "c d B a"},
		{"none first, backwards", "sortBy=title&sortOrder=descending", "a B d c"},
		{"a sub-attribute", "sortBy=name.familyName&filter=name.familyName+pr", "B d"},
		{"the primary of a list", "sortBy=emails&filter=emails+pr", "d a"},
		{"its value, said so", "sortBy=emails.value&filter=emails+pr", "d a"},
		{"a truth value", "sortBy=active&sortOrder=descending&count=1&startIndex=4", "d"},
		{"a moment of an extension", "sortBy=urn:drawbridge:scim:schemas:extension:2.0:User:startDate", "a c B d"},
		{"when it was made", "sortBy=meta.created", "d B a c"},
		{"by id", "sortBy=id&sortOrder=descending", "c a B d"},
		{"a page", "sortBy=title&startIndex=2&count=2", "d B"},
		{"none of it", "sortBy=title&count=0", ""},
		{"what an index found", "sortBy=userName&filter=" + escape(`groups eq "`+w.send("GET", "/Groups", "").text("Resources", 0, "id")+`"`), "a B d"},
		{"what was named", "sortBy=title&sortOrder=descending&filter=" + escape(`userName eq "c" or userName eq "d"`), "d c"},
		{"an order of nothing", "sortOrder=descending", "a B c d"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := w.send("GET", "/Users?"+test.query, "").names(); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if got := w.send("POST", "/Users/.search", `{"sortBy":"title","sortOrder":"descending","count":1}`).names(); got != "a" {
		t.Errorf("a search: %s", got)
	}
	if got, pages := w.pages("/Users?sortBy=title&count=3", "userName"); strings.Join(got, " ") != "c d B a" || pages != 2 {
		t.Errorf("by cursor: %v in %d pages", got, pages)
	}
	w.send("GET", "/Users?sortBy=title&sortOrder=up", "").refuses(400, "invalidValue", "sortOrder")
	for _, by := range []string{"shoeSize", "name", "groups", "password", "emails.size"} {
		w.send("GET", "/Users?sortBy="+by, "").refuses(400, "invalidValue", "sortBy")
	}
	w.send("GET", "/ServiceProviderConfig", "").has(true, "sort", "supported")

	small := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 3}})
	for i := range 4 {
		small.user(fmt.Sprint(i))
	}
	if got := small.send("GET", "/Users?sortBy=userName&sortOrder=descending", "").names(); got != "3 2 1 0" {
		t.Errorf("an order of any size: %s", got)
	}
	if got := small.send("GET", "/Users?sortBy=title&sortOrder=descending&filter="+escape(`userName eq "1"`), "").names(); got != "1" {
		t.Errorf("what an index found, of any size: %s", got)
	}
}

func TestTheRoot(t *testing.T) {
	w := newWorld(t, scim.Options{})
	a, b := w.user("a"), w.user("b")
	g := w.group("g", a)
	w.group("h")
	w.send("other:POST", "/Users", `{"userName":"theirs"}`).is(201)
	all := func(query string) string {
		t.Helper()
		r := w.send("GET", "/?"+query, "").is(200)
		list, _ := r.at("Resources").([]any)
		var names []string
		for i := range list {
			names = append(names, r.text("Resources", i, "userName")+r.text("Resources", i, "displayName"))
		}
		return fmt.Sprint(r.at("totalResults"), strings.Join(names, ""))
	}
	for query, want := range map[string]string{
		"":                                     "4abgh",
		"startIndex=2&count=2":                 "4bg",
		"startIndex=4&count=9":                 "4h",
		"startIndex=5":                         "4",
		"count=0":                              "4",
		"sortBy=userName&sortOrder=descending": "4bagh",
		"filter=" + escape(`meta.resourceType eq "Group"`):               "2gh",
		"filter=" + escape(`meta.resourceType eq "User" and id pr`):      "2ab",
		"filter=" + escape(`meta.resourceType eq "user"`):                "0", // RFC 7643, section 3.1: it is case exact
		"filter=" + escape(`not (meta.resourceType eq "User")`):          "2gh",
		"filter=" + escape(`userName eq "b" or displayName eq "g"`):      "2bg",
		"filter=" + escape(`members.value eq "`+a+`"`):                   "1g",
		"filter=" + escape(`emails[type eq "x"].value eq "y"`):           "0",
		"filter=" + escape(`id eq "`+b+`" or id eq "`+g+`"`):             "2bg",
		"filter=" + escape(`meta.resourceType eq "Robot"`):               "0",
		"filter=" + escape(`userName ne "a"`):                            "3bgh",
		"filter=" + escape(`userName eq null`):                           "2gh",
		"filter=" + escape(`emails[value eq "y"] or displayName pr`):     "2gh",
		"filter=" + escape(`emails.value pr and meta.created pr`):        "0",
		"filter=" + escape(`displayName eq "g" and members[value pr]`):   "1g",
		"filter=" + escape(`members[type eq "User" and display sw "A"]`): "1g",
		"filter=" + escape(`groups.display eq "G"`):                      "1a",
		"filter=" + escape(`not (groups pr) and not (members pr)`):       "2bh",
		"filter=" + escape(`schemas ew ":Group"`):                        "2gh",
		"filter=" + escape(`meta.location ew "`+a+`"`):                   "1a",
	} {
		if got := all(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	w.send("GET", "?filter="+escape(`shoeSize eq 3`), "").refuses(400, "invalidFilter", "shoesize")
	w.send("GET", "?filter="+escape(`userName eq`), "").refuses(400, "invalidFilter", "expected")
	w.send("GET", "?sortBy=shoeSize", "").refuses(400, "invalidValue", "shoeSize")
	w.send("POST", "/.search", `{"filter":"userName eq \"a\" or id eq \"`+g+`\"","attributes":["userName"]}`).is(200).
		has("a", "Resources", 0, "userName").has(nil, "Resources", 0, "meta").has(g, "Resources", 1, "id").has(nil, "Resources", 1, "displayName")
	for count, want := range map[int]int{1: 4, 2: 2, 3: 2} {
		if got, pages := w.pages(fmt.Sprintf("/?count=%d", count), "id"); len(got) != 4 || pages != want {
			t.Errorf("by cursor, %d a page: %v in %d pages", count, got, pages)
		}
	}
	if got, _ := w.pages("/?count=1&filter="+escape(`displayName pr`), "displayName"); strings.Join(got, "") != "gh" {
		t.Errorf("what a filter finds, by cursor: %v", got)
	}
}

// TestACursorOutlivesTheProcess has another endpoint on the same store take it.
func TestACursorOutlivesTheProcess(t *testing.T) {
	w := newWorld(t, scim.Options{})
	w.user("a")
	w.user("b")
	next := w.send("GET", "/Users?count=1&cursor=", "").is(200).text("nextCursor")
	h, err := scim.New(scim.Options{Store: w.store, Rules: access.NewRules(book(t), nil), BaseURL: baseURL,
		Source: func(c echo.Context) string { return c.Request().Header.Get("From") }})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Mount(e.Group("/scim/v2"))
	again := *w
	again.handler = e
	again.send("GET", "/Users?count=1&cursor="+next, "").is(200).has("b", "Resources", 0, "userName")
}

const badges = `{"id":"urn:example:2.0:User","name":"Badge","description":"","attributes":[
	{"name":"serial","type":"string","mutability":"immutable"},
	{"name":"pin","type":"string","mutability":"writeOnly","returned":"never"},
	{"name":"photo","type":"string","returned":"request"},
	{"name":"site","type":"string","returned":"always"},
	{"name":"issued","type":"string","mutability":"readOnly"},
	{"name":"locker","type":"complex","subAttributes":[
		{"name":"number","type":"integer","mutability":"immutable"},{"name":"code","type":"string","returned":"never"},
		{"name":"note","type":"string","returned":"request"},{"name":"floor","type":"string"}]}]}`

// TestCharacteristics holds every path, POST, PUT, PATCH and Bulk, to what a schema
// says of its attributes.
func TestCharacteristics(t *testing.T) {
	var badge library.Schema
	if err := json.Unmarshal([]byte(badges), &badge); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, scim.Options{Extensions: []library.Schema{badge}})
	const urn = "urn:example:2.0:User"
	said := `{"userName":"a","` + urn + `":{"serial":"s1","pin":"1234","photo":"x","site":"HQ","issued":"never","locker":{"number":7,"code":"99","note":"n","floor":"2"}}}`
	r := w.send("POST", "/Users", said).is(201)
	id := r.text("id")
	whole := `{"locker":{"floor":"2","note":"n","number":7},"photo":"x","serial":"s1","site":"HQ"}` // with what is shown on request, for who says it
	if got, err := json.Marshal(r.at(urn)); err != nil || string(got) != whole {
		t.Errorf("who makes it is shown %s, want %s", got, whole)
	}
	shown := func(r reply, want string) {
		t.Helper()
		got, err := json.Marshal(r.is(200).at(urn))
		if err != nil || string(got) != want {
			t.Errorf("shows %s, want %s", got, want)
		}
	}
	shown(w.send("GET", "/Users/"+id, ""), `{"locker":{"floor":"2","number":7},"serial":"s1","site":"HQ"}`)
	shown(w.send("GET", "/Users/"+id+"?attributes=userName", ""), `{"site":"HQ"}`)
	shown(w.send("GET", "/Users/"+id+"?attributes="+urn+":photo,"+urn+":pin,"+urn+":locker", ""), `{"locker":{"floor":"2","number":7},"photo":"x","site":"HQ"}`)
	shown(w.send("GET", "/Users/"+id+"?attributes="+urn+":locker.note,"+urn+":locker.code", ""), `{"locker":{"note":"n"},"site":"HQ"}`)
	shown(w.send("GET", "/Users/"+id+"?excludedAttributes="+urn+":site,"+urn+":serial", ""), `{"locker":{"floor":"2","number":7},"site":"HQ"}`)
	shown(w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"title","value":"t"}`)), `{"locker":{"floor":"2","number":7},"serial":"s1","site":"HQ"}`)
	shown(w.send("PUT", "/Users/"+id, said), whole)
	shown(w.send("PUT", "/Users/"+id+"?excludedAttributes="+urn+":photo,"+urn+":locker.note", said), `{"locker":{"floor":"2","number":7},"serial":"s1","site":"HQ"}`)
	shown(w.send("PUT", "/Users/"+id+"?attributes=userName", said), `{"site":"HQ"}`)
	shown(w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"`+urn+`:photo","value":"y"}`)), `{"locker":{"floor":"2","number":7},"photo":"y","serial":"s1","site":"HQ"}`)
	shown(w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"`+urn+`:photo":"x"}}`)), `{"locker":{"floor":"2","number":7},"photo":"x","serial":"s1","site":"HQ"}`)
	for _, op := range []string{`"path":"` + urn + `:locker.note","value":"m"`, `"path":"` + urn + `:locker","value":{"note":"m"}`, `"value":{"` + urn + `":{"locker":{"note":"m"}}}`} {
		shown(w.send("PATCH", "/Users/"+id, patch(`{"op":"add",`+op+`}`)), `{"locker":{"floor":"2","note":"m","number":7},"serial":"s1","site":"HQ"}`)
	}
	for _, body := range []string{r.body, w.send("GET", "/Users", "").body} {
		if strings.Contains(body, "1234") || strings.Contains(body, `"99"`) {
			t.Errorf("what is never shown is: %s", body)
		}
	}
	w.send("GET", "/Users?filter="+escape(urn+`:pin sw "1"`), "").refuses(400, "invalidFilter", "pin")
	w.send("GET", "/Users?filter="+escape(urn+`:locker.code sw "9"`), "").refuses(400, "invalidFilter", "code")
	w.send("GET", "/Users?sortBy="+urn+":pin", "").refuses(400, "invalidValue", "pin")

	// Immutable: the same again, or nothing of it, is fine.
	w.send("PUT", "/Users/"+id, said).is(200)
	shown(w.send("PUT", "/Users/"+id, `{"userName":"a","`+urn+`":{"site":"HQ"}}`), `{"locker":{"number":7},"serial":"s1","site":"HQ"}`)
	w.send("PUT", "/Users/"+id, strings.Replace(said, "s1", "s2", 1)).refuses(400, "mutability", "serial")
	w.send("PUT", "/Users/"+id, strings.Replace(said, "7", "8", 1)).refuses(400, "mutability", "locker.number")
	for _, op := range []string{
		`{"op":"replace","path":"` + urn + `:serial","value":"s2"}`, `{"op":"remove","path":"` + urn + `:serial"}`, `{"op":"remove","path":"` + urn + `"}`,
		`{"op":"replace","value":{"` + urn + `":{"serial":"s2"}}}`, `{"op":"replace","path":"` + urn + `:locker.number","value":8}`,
		`{"op":"add","path":"` + urn + `:issued","value":"x"}`, `{"op":"remove","path":"groups"}`, `{"op":"replace","path":"id","value":"x"}`,
	} {
		w.send("PATCH", "/Users/"+id, patch(op)).refuses(400, "mutability", "")
		bulk := w.send("POST", "/Bulk", bulkOf(0, `{"method":"PATCH","path":"/Users/`+id+`","data":`+patch(op)+`}`)).is(200).statuses("400")
		bulk.has("mutability", "Operations", 0, "response", "scimType")
	}
	w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"`+urn+`:serial","value":"s1"}`)).is(200)
	w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"id":"x","groups":[],"meta":{},"`+urn+`:issued":"x"}}`)).is(200) // by the way, it is passed over

	// Uniqueness and case, on each path.
	other := w.user("Other")
	for _, r := range []reply{
		w.send("POST", "/Users", `{"userName":"OTHER"}`), w.send("PUT", "/Users/"+id, `{"userName":"oTher"}`),
		w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"userName":"other"}}`)),
	} {
		r.refuses(409, "uniqueness", other)
	}
	w.send("POST", "/Users", `{"userName":"x1","externalId":"E"}`).is(201)
	w.send("POST", "/Users", `{"userName":"x2","externalId":"e"}`).is(201) // another one: it is case-exact
	w.send("PATCH", "/Users/"+id, patch(`{"op":"add","path":"externalId","value":"E"}`)).refuses(409, "uniqueness", "externalId")
}

// TestSortIsBounded asks for orders that no index has, of more than pages by index may lie
// behind, and of more than one request may look through.
func TestSortIsBounded(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: 3, Work: 10 << 10}})
	for i := range 9 {
		w.send("POST", "/Users", fmt.Sprintf(`{"userName":"%d","title":"t%d"}`, i, 9-i)).is(201)
	}
	w.send("GET", "/Users?sortBy=title&startIndex=4&count=2", "").is(200).has(9.0, "totalResults")
	w.send("GET", "/Users?sortBy=title&startIndex=5&count=2", "").refuses(400, "tooMany", "page by cursor")
	w.send("GET", "/Users?sortBy=title&startIndex=11", "").is(200).has(9.0, "totalResults")
	if got := w.send("POST", "/Users/.search", `{"sortBy":"title","filter":"title pr","count":3}`).names(); got != "8 7 6" {
		t.Errorf("the first of a search: %s", got)
	}
	if got, pages := w.pages("/Users?sortBy=title&count=2", "userName"); strings.Join(got, " ") != "8 7 6 5 4 3 2 1 0" || pages != 5 {
		t.Errorf("by cursor: %v in %d pages", got, pages)
	}
	w.send("GET", "/Users?filter="+escape(`title pr`), "").refuses(400, "tooMany", "page by cursor")
	for i := range 40 {
		w.user(fmt.Sprint("x", i))
	}
	w.send("GET", "/Users?sortBy=title", "").refuses(400, "tooMany", "sort by userName")
	w.send("GET", "/Users?sortBy=userName&sortOrder=descending", "").is(200).has("x9", "Resources", 0, "userName")
	w.send("GET", "/Users?sortBy=title&filter="+escape(`userName eq "1"`), "").is(200).has(1.0, "totalResults")
}

// An interrupted engine runs something once, when somebody begins to read for the nth time.
type interrupted struct {
	store.Engine
	left atomic.Int64 // reads until then
	then func()
}

func (e *interrupted) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if !write && e.left.Add(-1) == 0 {
		e.then()
	}
	return e.Engine.Begin(ctx, write)
}

// TestSortedPagesMissNobody has the foremost of a list deleted, at each read of a request for a
// page of them in an order that no index has: the pages behind it still have all that is left.
func TestSortedPagesMissNobody(t *testing.T) {
	for read := range 8 {
		for count := 1; count <= 3; count++ {
			opened, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			e := &interrupted{Engine: opened}
			w := worldOn(t, e, scim.Options{})
			var ids []string
			for i := range 6 {
				ids = append(ids, w.send("POST", "/Groups", fmt.Sprintf(`{"displayName":"g","externalId":"%d"}`, i)).is(201).text("id"))
			}
			e.then = func() {
				for _, id := range ids[:2] {
					w.send("DELETE", "/Groups/"+id, "").is(204)
				}
			}
			e.left.Store(int64(read) + 1)
			got, _ := w.pages(fmt.Sprintf("/Groups?sortBy=externalId&count=%d", count), "externalId")
			if all := strings.Join(got, ""); !strings.HasSuffix(all, "2345") {
				t.Errorf("deleted at read %d, pages of %d: %s", read, count, all)
			}
		}
	}
}

// TestSortsLikeAModel makes up users and pages of them, in orders that no index has.
func TestSortsLikeAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, scim.Options{Limits: scim.Limits{Scan: rapid.IntRange(1, 12).Draw(rt, "scan")}})
		type person struct{ name, title string }
		var people []person
		for i := range rapid.IntRange(0, 12).Draw(rt, "people") {
			p := person{fmt.Sprintf("p%02d", i), rapid.SampledFrom([]string{"", "a", "b", "C"}).Draw(rt, "title")}
			w.send("POST", "/Users", fmt.Sprintf(`{"userName":%q,"title":%q}`, p.name, p.title)).is(201) // ids are in this order
			people = append(people, p)
		}
		down := rapid.Bool().Draw(rt, "descending")
		slices.SortStableFunc(people, func(a, b person) int {
			if (a.title == "") != (b.title == "") {
				return cmp.Compare(b.title, a.title) // who has none is last
			}
			return cmp.Compare(strings.ToLower(a.title), strings.ToLower(b.title))
		})
		order := ""
		if down {
			slices.Reverse(people)
			order = "&sortOrder=descending"
		}
		var want []string
		for _, p := range people {
			want = append(want, p.name)
		}
		count := rapid.IntRange(1, 5).Draw(rt, "count")
		if got, _ := w.pages(fmt.Sprintf("/Users?sortBy=title%s&count=%d", order, count), "userName"); !slices.Equal(got, want) {
			t.Errorf("by cursor: %v, want %v", got, want)
		}
		got := w.send("GET", fmt.Sprintf("/Users?sortBy=title%s&count=%d", order, count), "").names()
		if want := strings.Join(want[:min(count, len(want))], " "); got != want {
			t.Errorf("the first page: %s, want %s", got, want)
		}
	})
}
