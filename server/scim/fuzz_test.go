package scim_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"drawbridge/server/scim"
)

// FuzzRequest sends anything to any endpoint. Whatever comes back is SCIM, and
// nothing of it is an error of ours.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"POST", "/Users", `{"userName":"b"}`}, {"PUT", "/Users/{user}", `{"userName":"c","active":"False"}`},
		{"PATCH", "/Users/{user}", patch(`{"op":"add","path":"emails[type eq \"work\"].value","value":"x"}`)},
		{"PATCH", "/Groups/{group}", patch(`{"op":"replace","path":"members","value":[{"value":"{user}"},{"value":"?"}]}`)},
		{"GET", `/Users?filter=userName+eq+"a"&attributes=name.givenName,emails&startIndex=-1&count=2`, ""},
		{"GET", "/Groups?filter=members[value+eq+%22{user}%22]&excludedAttributes=members.display", ""},
		{"GET", "/Users/%2e%2e/x", ""}, {"DELETE", "/Users/", ""}, {"OPTIONS", "/Schemas/x", ""}, {"GET", "/Users/{user}/x", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Add("POST", "/Bulk", bulkOf(1, post("/Groups", "g", `{"displayName":"b","members":["bulkId:g","{user}"]}`), `{"method":"PATCH","path":"/Users/{user}","data":`+patch("")+`}`))
	f.Add("POST", "/.search", `{"filter":"userName pr or displayName pr","sortBy":"meta.created","sortOrder":"descending","count":2,"cursor":""}`)
	f.Add("GET", "/Roles?cursor=AAAA&count=1&filter=type+pr", "")
	senders(f)
	w := newWorld(f, scim.Options{Limits: scim.Limits{Scan: 50}})
	user, group := w.user("a"), w.group("g")
	names := strings.NewReplacer("{user}", user, "{group}", group)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, ok := request(t, method, names.Replace(path), names.Replace(body))
		if !ok {
			t.Skip()
		}
		here := *w
		here.t = t
		got := here.do(r)
		if got.status >= 500 && got.status != 501 {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
		}
		if got.body != "" && !json.Valid([]byte(got.body)) {
			t.Fatalf("%s %s: not JSON: %s", method, path, got.body)
		}
	})
}

// senders adds what senders send in their conversations.
func senders(f *testing.F) {
	f.Helper()
	names, err := filepath.Glob("../../schema/scim/testdata/*/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if parts := strings.Fields(file.Name); parts[0] != "GET" {
				f.Add(parts[0], parts[1], string(file.Data))
			}
		}
	}
}
