package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"drawbridge/server/scim"
)

// An importer is how a sender finds who is there already when it is connected: some read
// all there is, page by page; others ask for each person, and each group, whom they know.
type importer struct {
	sender        string
	pages         []string // what is read page by page, with {start} for where one begins
	users, groups string   // what is asked for one, with {name}
}

var importers = []importer{
	{sender: "entra default", users: "/Users?filter=userName+eq+%22{name}%22", groups: "/Groups?excludedAttributes=members&filter=displayName+eq+%22{name}%22"},
	{sender: "entra flagged", users: "/Users?filter=userName+eq+%22{name}%22", groups: "/Groups?excludedAttributes=members&filter=displayName+eq+%22{name}%22"},
	{sender: "okta patch", pages: []string{"/Users?count=2&startIndex={start}", "/Groups?startIndex={start}&count=2"}, users: "/Users?filter=userName%20eq%20%22{name}%22&startIndex=1&count=100"},
	{sender: "okta put", pages: []string{"/Users?startIndex={start}&count=2", "/Groups?startIndex={start}&count=2"}, users: "/Users?filter=userName%20eq%20%22{name}%22&startIndex=1&count=100"},
	{sender: "onelogin", pages: []string{"/Users?startIndex={start}&count=1"}, users: "/Users?filter=userName%20eq%20%22{name}%22"},
	{sender: "google", pages: []string{"/Users?startIndex={start}&count=2&attributes=id,userName"}, users: "/Users?filter=userName%20eq%20%22{name}%22&attributes=id,userName"},
	{sender: "jumpcloud", pages: []string{"/Users?startIndex={start}&count=2"}},
	{sender: "pingone", users: "/Users?filter=userName+eq+%22{name}%22", groups: "/Groups?filter=displayName+eq+%22{name}%22"},
	{sender: "sailpoint", pages: []string{"/Users?startIndex={start}&count=2", "/Groups?startIndex={start}&count=1"}},
	{sender: "rippling", pages: []string{"/Users?startIndex={start}&count=1"}, users: "/Users?filter=userName%20eq%20%22{name}%22"},
	{sender: "authentik", users: "/Users?filter=userName+eq+%22{name}%22", groups: "/Groups?filter=displayName+eq+%22{name}%22"},
	{sender: "keycloak", users: "/Users?filter=userName+eq+%22{name}%22", groups: "/Groups?filter=displayName+eq+%22{name}%22"},
	{sender: "rfc7644", pages: []string{"/Users?startIndex={start}&count=2", "/Groups?startIndex={start}&count=2"}},
}

// TestSendersImportWhoIsThere connects each sender to a bridge that has three users and
// two groups already: it finds all of them, once, as they are, and takes them over.
func TestSendersImportWhoIsThere(t *testing.T) {
	for _, row := range importers {
		t.Run(row.sender, func(t *testing.T) {
			w := newWorld(t, scim.Options{})
			people := map[string]string{}
			for _, name := range []string{"Ada@x.example", "bob@x.example", "cy@x.example"} {
				people[name] = w.send("POST", "/Users", `{"userName":"`+name+`","active":`+fmt.Sprint(name != "cy@x.example")+`}`).is(201).text("id")
			}
			teams := map[string]string{"Staff": w.group("Staff", people["Ada@x.example"], people["bob@x.example"]), "Empty": w.group("Empty")}
			server := httptest.NewServer(w.handler)
			defer server.Close()
			for _, pages := range row.pages {
				want, key := people, "userName"
				if strings.HasPrefix(pages, "/Groups") {
					want, key = teams, "displayName"
				}
				w.importsAll(server, pages, key, want)
			}
			for path, known := range map[string]map[string]string{row.users: people, row.groups: teams} {
				for name, id := range known {
					if path != "" {
						r := w.overHTTP(server, "GET", strings.ReplaceAll(path, "{name}", strings.ReplaceAll(strings.ToUpper(name), "@", "%40")), "").has(1.0, "totalResults")
						r.has(id, "Resources", 0, "id")
					}
				}
			}
			// It takes over whom it found, under their ids, and can not make them again.
			w.overHTTP(server, "POST", "/Users", `{"userName":"ada@x.example"}`).refuses(409, "uniqueness", people["Ada@x.example"])
			w.overHTTP(server, "PATCH", "/Users/"+people["Ada@x.example"], patch(`{"op":"add","path":"externalId","value":"idp-1"}`)).is(200)
			r := w.overHTTP(server, "GET", "/Users/"+people["Ada@x.example"], "").is(200).has("idp-1", "externalId").has("Ada@x.example", "userName")
			r.has(teams["Staff"], "groups", 0, "value")
			w.overHTTP(server, "GET", "/Users/"+people["cy@x.example"], "").is(200).has(false, "active")
			w.overHTTP(server, "PATCH", "/Groups/"+teams["Staff"], patch(`{"op":"add","path":"members","value":[{"value":"`+people["cy@x.example"]+`"}]}`)).is(204)
			if got := w.overHTTP(server, "GET", "/Groups/"+teams["Staff"], "").members(); len(got) != 3 {
				t.Errorf("in the group that was there are %v, want all three", got)
			}
		})
	}
}

// importsAll reads a list page by page, as a sender does that goes by totalResults.
func (w *world) importsAll(server *httptest.Server, pages, key string, want map[string]string) {
	w.t.Helper()
	got := map[string]string{}
	for start, total := 1, 1; start <= total; {
		r := w.overHTTP(server, "GET", strings.ReplaceAll(pages, "{start}", fmt.Sprint(start)), "").is(http.StatusOK)
		list, _ := r.at("Resources").([]any)
		if len(list) == 0 {
			w.t.Fatalf("a page is empty before the end, at %d of %d", start, total)
		}
		for i := range list {
			name := r.text("Resources", i, key)
			if _, again := got[name]; again {
				w.t.Errorf("%s comes twice", name)
			}
			got[name] = r.text("Resources", i, "id")
		}
		n, _ := r.at("totalResults").(float64)
		total, start = int(n), start+len(list)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s has %v, want %v", pages, got, want)
	}
}

// overHTTP is send, over a listener.
func (w *world) overHTTP(server *httptest.Server, method, path, body string) reply {
	w.t.Helper()
	r, err := w.over(server, method, path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.status >= http.StatusInternalServerError || !slices.Contains([]string{"GET", "POST", "PATCH"}, method) {
		w.t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
	}
	return r
}
