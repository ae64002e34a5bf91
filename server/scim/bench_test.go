package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"drawbridge/server/scim"
	"drawbridge/store/bolt"
)

// benchWorld is an endpoint on a plain bolt store, without fsync: what is
// measured is our own work.
func benchWorld(b *testing.B) *world {
	b.Helper()
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	return worldOn(b, e, scim.Options{})
}

// quiet answers a request without keeping what it says.
type quiet struct {
	header http.Header
	status int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) Write(b []byte) (int, error) { return len(b), nil }
func (q *quiet) WriteHeader(status int)      { q.status = status }

func (w *world) serve(b *testing.B, method, path, body string, status int) {
	r := httptest.NewRequestWithContext(b.Context(), method, "/scim/v2"+path, strings.NewReader(body))
	r.Header.Set("From", "hr")
	r.Header.Set("Content-Type", "application/scim+json")
	rec := &quiet{header: http.Header{}}
	w.handler.ServeHTTP(rec, r)
	if rec.status != status {
		b.Fatalf("%s %s: status %d, want %d", method, path, rec.status, status)
	}
}

const person = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"externalId":"701984-%[1]d","userName":"bjensen%[1]d@example.com","name":{"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"},
"displayName":"Babs Jensen","nickName":"Babs","title":"Tour Guide","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,
"emails":[{"value":"bjensen%[1]d@example.com","type":"work","primary":true},{"value":"babs%[1]d@jensen.org","type":"home"}],
"phoneNumbers":[{"value":"555-555-5555","type":"work"}],
"addresses":[{"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","primary":true}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","division":"Theme Park","department":"Tour Operations","manager":{"value":"26118915"}}}`

func (w *world) people(b *testing.B, n int) []string {
	b.Helper()
	ids := make([]string, n)
	for i := range n {
		ids[i] = w.send("POST", "/Users", fmt.Sprintf(person, i)).is(201).text("id")
	}
	return ids
}

func BenchmarkCreateUser(b *testing.B) {
	w := benchWorld(b)
	bodies := make([]string, b.N)
	for i := range bodies {
		bodies[i] = fmt.Sprintf(person, i)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.serve(b, "POST", "/Users", bodies[next.Add(1)-1], 201)
		}
	})
}

func BenchmarkGetUser(b *testing.B) {
	w := benchWorld(b)
	ids := w.people(b, 100)
	w.send("POST", "/Groups", `{"displayName":"g","members":["`+ids[0]+`"]}`).is(201)
	for _, test := range []struct{ name, id string }{{"alone", ids[1]}, {"in a group", ids[0]}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.serve(b, "GET", "/Users/"+test.id, "", 200)
			}
		})
	}
}

func BenchmarkFilterEq(b *testing.B) {
	w := benchWorld(b)
	w.people(b, 1000)
	for _, filter := range []string{`userName eq "bjensen77@example.com"`, `externalId eq "701984-77"`, `emails[type eq "work"].value eq "bjensen77@example.com"`, `userName eq "nobody"`} {
		b.Run(filter, func(b *testing.B) {
			path := "/Users?filter=" + escape(filter)
			b.ReportAllocs()
			for b.Loop() {
				w.serve(b, "GET", path, "", 200)
			}
		})
	}
}

func BenchmarkPatchActive(b *testing.B) {
	w := benchWorld(b)
	id := w.people(b, 1)[0]
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		w.serve(b, "PATCH", "/Users/"+id, patch(fmt.Sprintf(`{"op":"Replace","path":"active","value":"%t"}`, i%2 == 0)), 200)
	}
}

func BenchmarkPatchAdd100Members(b *testing.B) {
	for _, size := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("to %d", size), func(b *testing.B) {
			w := benchWorld(b)
			ids := w.people(b, size+100)
			g := w.send("POST", "/Groups", `{"displayName":"g","members":["`+strings.Join(ids[100:], `","`)+`"]}`).is(201).text("id")
			var values []string
			for _, id := range ids[:100] {
				values = append(values, `{"value":"`+id+`"}`)
			}
			list := "[" + strings.Join(values, ",") + "]"
			b.ReportAllocs()
			for b.Loop() {
				w.serve(b, "PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":`+list+`}`), 204)
				b.StopTimer()
				w.serve(b, "PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members","value":`+list+`}`), 204)
				b.StartTimer()
			}
		})
	}
}

func BenchmarkRemove1000MembersByFilter(b *testing.B) {
	w := benchWorld(b)
	ids := w.people(b, 1000)
	g := w.send("POST", "/Groups", `{"displayName":"g"}`).is(201).text("id")
	add := patch(`{"op":"add","path":"members","value":["` + strings.Join(ids, `","`) + `"]}`)
	var removals []string
	for _, id := range ids {
		removals = append(removals, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
	}
	remove := patch(strings.Join(removals, ","))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		w.serve(b, "PATCH", "/Groups/"+g, add, 204)
		b.StartTimer()
		w.serve(b, "PATCH", "/Groups/"+g, remove, 204)
	}
}

func BenchmarkGetGroup(b *testing.B) {
	for _, size := range []int{500, 20_000} {
		w := benchWorld(b)
		ids := w.people(b, size)
		g := w.send("POST", "/Groups", `{"displayName":"g","members":["`+strings.Join(ids, `","`)+`"]}`).is(201).text("id")
		for _, query := range []string{"", "?excludedAttributes=members"} {
			b.Run(fmt.Sprintf("%d%s", size, query), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					w.serve(b, "GET", "/Groups/"+g+query, "", 200)
				}
			})
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for _, size := range []int{1000, 20_000} {
		w := benchWorld(b)
		w.people(b, size)
		for _, start := range []int{1, size / 2} {
			b.Run(fmt.Sprintf("100 of %d from %d", size, start), func(b *testing.B) {
				path := fmt.Sprintf("/Users?count=100&startIndex=%d", start)
				b.ReportAllocs()
				for b.Loop() {
					w.serve(b, "GET", path, "", 200)
				}
			})
		}
	}
}
