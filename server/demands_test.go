package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	library "github.com/elimity-com/scim/schema"

	wire "drawbridge/schema/scim"
	"drawbridge/server"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

const (
	hrURN  = "urn:example:scim:schemas:extension:hr:2.0:Any"
	hrThen = `{"id":"` + hrURN + `","name":"HR","attributes":[{"name":"number","type":"string"},{"name":"site","type":"string"},{"name":"note","type":"string"},
		{"name":"keys","type":"complex","multiValued":true,"subAttributes":[{"name":"value","type":"string"},{"name":"door","type":"string"}]}]}`
)

// hrNow is hrThen, and asks for more.
var hrNow = strings.NewReplacer(
	`{"name":"number",`, `{"name":"number","uniqueness":"server",`, `{"name":"site",`, `{"name":"site","required":true,`,
	`{"name":"value",`, `{"name":"value","uniqueness":"global",`, `{"name":"door",`, `{"name":"door","required":true,`,
).Replace(hrThen)

// of has users and groups have the extension.
func of(t *testing.T, text string, s **store.Store) func(*server.Options) {
	t.Helper()
	x, err := wire.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *server.Options) {
		if *s == nil {
			*s = o.Store
		}
		o.Store, o.Extensions, o.GroupExtensions = *s, []library.Schema{x}, []library.Schema{x}
	}
}

// bulked sends a request as the only operation of a Bulk, and returns its answer.
func (c *client) bulked(method, path, body string) got {
	c.t.Helper()
	data := ""
	if body != "" {
		data = `,"data":` + body
	}
	g := c.send("POST", "/Bulk", `{"Operations":[{"method":"`+method+`","path":"`+path+`"`+data+`}]}`).is(200)
	one, _ := g.at("Operations", 0).(map[string]any)
	status, _ := one["status"].(string)
	answer := got{c: c, text: g.text}
	answer.body, _ = one["response"].(map[string]any)
	for _, digit := range status {
		answer.status = answer.status*10 + int(digit-'0')
	}
	return answer
}

// TestDemandsRefuseNoDeactivation has an extension ask for more than it did when people
// were told of: nobody is refused for what was so before, neither who changes something
// else nor, least of all, whose access ends. What a request makes worse is refused.
func TestDemandsRefuseNoDeactivation(t *testing.T) {
	var s *store.Store
	was := newClient(t, of(t, hrThen, &s))
	is := newClient(t, of(t, hrNow, &s))
	long := strings.Repeat("9", 3000)
	for name, send := range map[string]func(c *client, method, path, body string) got{
		"alone":   func(c *client, method, path, body string) got { return c.send(method, path, body) },
		"in Bulk": (*client).bulked,
	} {
		t.Run(name, func(t *testing.T) {
			then, now := *was, *is
			then.t, now.t = t, t
			person := func(hr string) (path, name string) {
				g := then.user(`,"` + hrURN + `":` + hr)
				return "/Users/" + g.id(), "p" + g.id()
			}
			send := func(method, path, body string) got { return send(&now, method, path, body) }
			put := func(path, name, active, hr string) got {
				return send("PUT", path, `{"userName":"`+name+`"`+active+`,"`+hrURN+`":`+hr+`}`)
			}
			patch := func(path, ops string) got { return send("PATCH", path, operations(ops)) }
			const ends = `{"op":"replace","path":"active","value":false}`
			number := then.name()
			shares := `{"number":"` + number + `","keys":[{"value":"` + number + `"}]}`

			// Who lacks what is required, and shares what is unique, or has it too long.
			for _, hr := range []string{shares, shares, `{"number":"` + long + `"}`} {
				path, name := person(hr)
				patch(path, `{"op":"replace","path":"title","value":"x"}`).is(200)
				patch(path, `{"op":"replace","path":"`+hrURN+`:note","value":"x"}`).is(200)
				put(path, name, "", hr).is(200)
				patch(path, ends).is(200)
				now.get(path).is(200).has(false, "active")
				put(path, name, `,"active":true`, hr).is(200)
				put(path, name, `,"active":false`, hr).is(200)
				now.get(path).is(200).has(false, "active")
				send("DELETE", path, "").is(204)
			}

			// Whose time ends is refused for nothing of it, even where it is the request's doing.
			kept, _ := person(`{"number":"` + number + `x","site":"B"}`)
			for _, hr := range []string{`{"number":"` + number + `X"}`, `{"number":"` + long + `"}`, `{"keys":[{"value":"1"}]}`} {
				path, name := person(`{"number":"` + then.name() + `","site":"A"}`)
				put(path, name, `,"active":false`, hr).is(200)
				now.get(path).is(200).has(false, "active")
				put(path, name, `,"active":false`, hr).is(200) // the sender heard no answer
				path, _ = person(`{"number":"` + then.name() + `","site":"A"}`)
				patch(path, ends+`,{"op":"replace","path":"`+hrURN+`","value":`+hr+`}`).is(200)
				now.get(path).is(200).has(false, "active")
			}

			// What the request makes worse is refused.
			path, name := person(`{"number":"` + then.name() + `","site":"A"}`)
			patch(kept, `{"op":"replace","path":"title","value":"x"}`).is(200) // it is found by its number, now at the latest
			for _, hr := range []string{`{"number":"` + number + `X","site":"A"}`, `{"number":"n"}`, `{"number":"n","site":" "}`, `{"site":"A","keys":[{"value":"w"}]}`, `{"number":"` + long + `","site":"A"}`} {
				status, scimType := 400, "invalidValue"
				if strings.Contains(hr, "X") {
					status, scimType = 409, "uniqueness"
				}
				put(path, name, `,"active":true`, hr).refuses(status, scimType)
			}
			patch(path, `{"op":"replace","path":"`+hrURN+`:number","value":"`+number+`X"}`).refuses(409, "uniqueness")
			patch(path, `{"op":"remove","path":"`+hrURN+`:site"}`).refuses(400, "mutability")
			patch(path, `{"op":"add","path":"`+hrURN+`:keys","value":[{"value":"v"}]}`).refuses(400, "invalidValue")
			now.get(path).is(200).has(true, "active").has("A", hrURN, "site")
		})
	}
}

// TestDemandsOfWhoComesBack has somebody take the number of another while they are out:
// they come back with one of their own, or not at all. What is required, and went with
// them, nobody asks them for.
func TestDemandsOfWhoComesBack(t *testing.T) {
	var s *store.Store
	c := newClient(t, of(t, hrNow, &s))
	c.user(`,"` + hrURN + `":{"number":"7","site":"A"}`)
	const status = wire.DrawbridgeURN + ":employmentStatus"
	for name, w := range map[string]struct{ out, in string }{
		"by active": {`{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"active","value":true}`},
		"by status": {`{"op":"replace","path":"` + status + `","value":"terminated"}`, `{"op":"replace","path":"` + status + `","value":"active"}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			path := "/Users/" + c.user(`,"`+hrURN+`":{"number":"`+name+`","site":"A"}`).id()
			c.patch(path, w.out+`,{"op":"replace","path":"`+hrURN+`:number","value":"7"},{"op":"remove","path":"`+hrURN+`:site"}`).is(200)
			c.patch(path, w.in).refuses(409, "uniqueness")
			c.patch(path, w.in+`,{"op":"replace","path":"`+hrURN+`:number","value":"`+strings.Repeat("9", 3000)+`"}`).refuses(400, "invalidValue")
			c.patch(path, w.in+`,{"op":"replace","path":"`+hrURN+`:number","value":"`+name+`"}`).is(200)
		})
	}
}

// TestDemandsRefuseNoEnd tells, in a form that lacks what is required, of somebody who
// leaves: whatever it is that says so, and however often it is said, it is not refused.
func TestDemandsRefuseNoEnd(t *testing.T) {
	var s *store.Store
	c := newClient(t, of(t, hrNow, &s))
	set := func(path, value string) string {
		return `{"op":"replace","path":"` + path + `","value":` + value + `}`
	}
	const removes = `,{"op":"remove","path":"` + hrURN + `:site"}`
	for _, w := range []struct {
		name, first, then string
		refused           bool
	}{
		{name: "terminated", then: set(wire.DrawbridgeURN+":employmentStatus", `"terminated"`)},
		{name: "on leave", then: set(wire.DrawbridgeURN+":employmentStatus", `"leave"`), refused: true},
		{name: "inactive again", first: set("active", "false"), then: set("active", "false")},
		{name: "a last day", then: set(wire.DrawbridgeURN+":endDate", `"2031-01-01T00:00:00Z"`)},
		{name: "a sooner last day", first: set(wire.DrawbridgeURN+":endDate", `"2031-01-01T00:00:00Z"`), then: set(wire.DrawbridgeURN+":endDate", `"2031-01-01T00:30:00+01:00"`)},
		{name: "a later last day", first: set(wire.DrawbridgeURN+":endDate", `"2031-01-01T00:00:00Z"`), then: set(wire.DrawbridgeURN+":endDate", `"2031-01-02T00:00:00Z"`), refused: true},
	} {
		t.Run(w.name, func(t *testing.T) {
			c := *c
			c.t = t
			path := "/Users/" + c.user(`,"`+hrURN+`":{"number":"`+w.name+`","site":"A"}`).id()
			if w.first != "" {
				c.patch(path, w.first).is(200)
			}
			if w.refused {
				c.patch(path, w.then+removes).refuses(400, "mutability")
			} else {
				c.patch(path, w.then+removes).is(200)
			}
		})
	}
}

// TestDemandsOfGroups holds groups to the same: what they lack, or share, from before
// keeps nobody from changing them.
func TestDemandsOfGroups(t *testing.T) {
	var s *store.Store
	then := newClient(t, of(t, hrThen, &s))
	now := newClient(t, of(t, hrNow, &s))
	var paths []string
	for range 2 {
		g := then.send("POST", "/Groups", `{"displayName":"`+then.name()+`","`+hrURN+`":{"number":"7"}}`).is(201)
		paths = append(paths, "/Groups/"+g.id())
	}
	for _, path := range paths {
		now.patch(path, `{"op":"replace","path":"displayName","value":"`+then.name()+`"}`).is(204)
		now.send("PUT", path, `{"displayName":"`+then.name()+`","`+hrURN+`":{"number":"7"}}`).is(200)
	}
	now.send("POST", "/Groups", `{"displayName":"third","`+hrURN+`":{"number":"7","site":"A"}}`).refuses(409, "uniqueness")
	now.send("DELETE", paths[0], "").is(204)
	now.send("POST", "/Groups", `{"displayName":"third","`+hrURN+`":{"number":"7","site":"A"}}`).refuses(409, "uniqueness")
	now.send("DELETE", paths[1], "").is(204)
	now.send("POST", "/Groups", `{"displayName":"third","`+hrURN+`":{"number":"7","site":"A"}}`).is(201)
	now.check(now.findGroups(hrURN+`:number eq "7"`, "") == "third", "it is not found")
}

// TestTwoSetOneValueAtOnce has many tell at once of people with one number, where several
// write: one of them has it.
func TestTwoSetOneValueAtOnce(t *testing.T) {
	s, err := store.Open(enginetest.Memory(4))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, of(t, hrNow, &s))
	for round := range 10 {
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				body := fmt.Sprintf(`{"userName":"u%d-%d","%s":{"number":"%d","site":"A"}}`, round, i, hrURN, round)
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+"/Users", strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+sourceSecret)
				r.Header.Set("Content-Type", "application/scim+json")
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer answer.Body.Close()
				switch answer.StatusCode {
				case http.StatusCreated:
					made.Add(1)
				case http.StatusConflict:
				default:
					t.Errorf("status %d", answer.StatusCode)
				}
			})
		}
		if all.Wait(); made.Load() != 1 {
			t.Errorf("%d people have the number %d, want one", made.Load(), round)
		}
	}
}
