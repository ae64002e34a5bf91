package scim_test

import (
	"fmt"
	"strings"
	"testing"

	"drawbridge/server/scim"
)

func bulkOf(failOnErrors int, operations ...string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":%d,"Operations":[%s]}`,
		failOnErrors, strings.Join(operations, ","))
}

func post(path, bulkID, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":%s}`, path, bulkID, data)
}

// outcome returns an operation's status and the last part of its location.
func (r reply) outcome(i int) (status, id string) {
	r.t.Helper()
	location := r.text("Operations", i, "location")
	return r.text("Operations", i, "status"), location[strings.LastIndexByte(location, '/')+1:]
}

func (r reply) statuses(want ...string) reply {
	r.t.Helper()
	list, _ := r.at("Operations").([]any)
	if len(list) != len(want) {
		r.t.Fatalf("%d operations were answered, want %d: %s", len(list), len(want), r.body)
	}
	for i := range want {
		if got, _ := r.outcome(i); got != want[i] {
			r.t.Errorf("operation %d: status %s, want %s: %s", i, got, want[i], r.body)
		}
	}
	return r
}

func TestBulk(t *testing.T) {
	w := newWorld(t, scim.Options{})
	old := w.user("old")
	// The group comes before the users that it refers to.
	r := w.send("POST", "/Bulk", bulkOf(0,
		post("/Groups", "g", `{"displayName":"crew","members":[{"value":"bulkId:a"},{"value":"bulkId:b"}]}`),
		post("/Users", "a", `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:b"}}}`),
		post("/Users", "b", `{"userName":"b"}`),
		`{"method":"patch","path":"/Users/bulkId:b","data":`+patch(`{"op":"add","path":"title","value":"Chief"}`)+`}`,
		`{"method":"PUT","path":"/Users/`+old+`","version":"W/\"1\"","data":{"userName":"renamed"}}`,
		`{"method":"DELETE","path":"/Users/bulkId:nobody"}`,
		post("/Users", "again", `{"userName":"A"}`),
		`{"method":"GET","path":"/Users/`+old+`"}`,
		`{"method":"DELETE","path":"/Users/`+old+`"}`,
	)).is(200).statuses("201", "201", "201", "200", "200", "409", "409", "400", "204")
	r.has("urn:ietf:params:scim:api:messages:2.0:BulkResponse", "schemas", 0).has("g", "Operations", 0, "bulkId").
		has(`W/"1"`, "Operations", 1, "version").has(nil, "Operations", 1, "response").
		has("uniqueness", "Operations", 6, "response", "scimType").has("409", "Operations", 6, "response", "status").
		has(baseURL+"/Users/"+old, "Operations", 8, "location").has(nil, "Operations", 6, "location")
	_, g := r.outcome(0)
	_, a := r.outcome(1)
	_, b := r.outcome(2)
	if got := w.send("GET", "/Groups/"+g, "").is(200).members(); len(got) != 2 {
		t.Errorf("members %v, want %s and %s", got, a, b)
	}
	w.send("GET", "/Users/"+a, "").is(200).has(b, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "manager", "value")
	w.send("GET", "/Users/"+b, "").is(200).has("Chief", "title")
	w.send("GET", "/Users/"+old, "").is(404)
}

// TestBulkInCircles makes what refers to each other, and to itself.
func TestBulkInCircles(t *testing.T) {
	w := newWorld(t, scim.Options{})
	manager := func(of string) string {
		return `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:` + of + `"}}`
	}
	r := w.send("POST", "/Bulk", bulkOf(1,
		post("/Groups", "x", `{"displayName":"x","members":[{"type":"Group","value":"bulkId:y"},{"value":"bulkId:self"}]}`),
		post("/Groups", "y", `{"displayName":"y","members":["bulkId:z"]}`),
		post("/Groups", "z", `{"displayName":"z","members":[{"value":"bulkId:x"}]}`),
		post("/Users", "self", `{"userName":"self",`+manager("self")+`}`),
		post("/Users", "p", `{"userName":"p",`+manager("q")+`}`),
		post("/Users", "q", `{"userName":"q",`+manager("p")+`}`),
	)).is(200).statuses("201", "201", "201", "201", "201", "201")
	ids := make([]string, 6)
	for i := range ids {
		_, ids[i] = r.outcome(i)
	}
	for group, member := range map[int][]int{0: {1, 3}, 1: {2}, 2: {0}} {
		got := w.send("GET", "/Groups/"+ids[group], "").is(200).members()
		if len(got) != len(member) || !strings.Contains(strings.Join(got, " "), ids[member[0]]) {
			t.Errorf("group %d has members %v", group, got)
		}
	}
	for user, boss := range map[int]int{3: 3, 4: 5, 5: 4} {
		got := w.send("GET", "/Users/"+ids[user], "").is(200)
		got.has(ids[boss], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "manager", "value")
		version := strings.TrimRight(r.text("Operations", user, "version"), `"`) // which is of the user, and not of its groups
		if !strings.HasPrefix(got.text("meta", "version"), version) {
			t.Errorf("user %d is at %s, want %s", user, got.text("meta", "version"), version)
		}
	}

	// A circle that can not be closed: what was made stays, and the answer says so.
	w.user("taken")
	r = w.send("POST", "/Bulk", bulkOf(0,
		post("/Groups", "m", `{"displayName":"m","members":[{"value":"bulkId:n"}]}`),
		post("/Groups", "n", `{"members":[{"value":"bulkId:m"}]}`),
		post("/Users", "o", `{"userName":"taken",`+manager("p")+`}`),
		post("/Users", "p", `{"userName":"fine"}`),
		`{"method":"PATCH","path":"/Groups/bulkId:m","data":`+patch(`{"op":"add","path":"members","value":[{"value":"bulkId:o"}]}`)+`}`,
	)).is(200).statuses("409", "400", "409", "201", "409")
	if detail := r.text("Operations", 0, "response", "detail"); !strings.Contains(detail, `bulkId "n"`) {
		t.Errorf("detail %q", detail)
	}
}

func TestBulkStops(t *testing.T) {
	w := newWorld(t, scim.Options{Limits: scim.Limits{BulkOperations: 4, BulkBody: 3000, UserBody: 1000}})
	bad, good := post("/Users", "", `{"userName":""}`), func(name string) string { return post("/Users", name, `{"userName":"`+name+`"}`) }
	w.send("POST", "/Bulk", bulkOf(2, bad, good("a"), bad, good("b"))).is(200).statuses("400", "201", "400")
	w.send("GET", "/Users", "").has(1.0, "totalResults")
	w.send("POST", "/Bulk", bulkOf(0, bad, bad, good("b"), good("c"))).is(200).statuses("400", "400", "201", "201")

	w.send("POST", "/Bulk", bulkOf(0, bad, bad, bad, bad, bad)).refuses(413, "tooMany", "more than 4")
	w.send("POST", "/Bulk", bulkOf(0, strings.Repeat(" ", 3000))).refuses(413, "", "larger than 3000 bytes")
	w.send("POST", "/Bulk", bulkOf(0, good("x"), good("x"))).refuses(400, "invalidValue", "twice")
	w.send("POST", "/Bulk", `{}`).refuses(400, "invalidSyntax", "Operations")
	w.send("POST", "/Bulk", `{"Operations":[1]}`).refuses(400, "invalidSyntax", "object")
	w.send("POST", "/Bulk", `{"Operations":[],"failOnErrors":-1}`).refuses(400, "invalidValue", "failOnErrors")
	w.send("POST", "/Bulk", bulkOf(0)).is(200).statuses()
	w.send("GET", "/Bulk", "").refuses(405, "", "POST")
	w.send("GET", "/ServiceProviderConfig", "").has(true, "bulk", "supported").has(4.0, "bulk", "maxOperations").has(3000.0, "bulk", "maxPayloadSize")
}

// TestBulkOpensNoOtherDoor asks for what a Bulk must not reach, and for another
// source's resources.
func TestBulkOpensNoOtherDoor(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.user("a")
	for name, op := range map[string]string{
		"a bulk in a bulk":     `{"method":"POST","path":"/Bulk","data":{}}`,
		"a search":             `{"method":"POST","path":"/Users/.search","data":{}}`,
		"an endpoint":          `{"method":"PUT","path":"/ServiceProviderConfig","data":{}}`,
		"a path out of here":   `{"method":"DELETE","path":"/Groups/../Users/` + id + `"}`,
		"another server":       `{"method":"DELETE","path":"https://other.example/scim/v2/Users/` + id + `"}`,
		"no path":              `{"method":"DELETE"}`,
		"no method":            `{"path":"/Users"}`,
		"another version":      `{"method":"DELETE","path":"/Users/` + id + `","version":"W/\"7\""}`,
		"no data":              `{"method":"PUT","path":"/Users/` + id + `"}`,
		"a version of nothing": `{"method":"PUT","path":"/Users/` + id + `","version":"x","data":{"userName":"b"}}`,
	} {
		r := w.send("POST", "/Bulk", bulkOf(0, op)).is(200)
		if status, _ := r.outcome(0); status[0] != '4' {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	w.send("other:POST", "/Bulk", bulkOf(0, `{"method":"DELETE","path":"/Users/`+id+`"}`)).is(200).statuses("404")
	w.send("GET", "/Users/"+id, "").is(200).has("a", "userName")
	w.send("POST", "/Bulk", bulkOf(0, `{"method":"DELETE","path":"`+baseURL+`/Users/`+id+`"}`)).is(200).statuses("204")
}
