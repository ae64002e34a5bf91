package server_test

import "testing"

// TestActiveUnsaid: whoever says nothing of active ends nobody's access and gives it
// back to nobody. A PUT without it leaves it (RFC 7644, section 3.5.1, lets a service
// provider choose), and what removes it leaves it unassigned, as section 3.5.2.2 has
// it, and the person as active as they were.
func TestActiveUnsaid(t *testing.T) {
	for _, was := range []struct {
		name, said string
		active     bool
	}{{"of somebody active", "", true}, {"of somebody disabled", `,"active":false`, false}} {
		for _, test := range []struct {
			name, op string
			shown    any
		}{
			{"removed", `{"op":"remove","path":"active"}`, nil},
			{"removed, with a value", `{"op":"Remove","path":"active","value":"True"}`, nil},
			{"replaced by null", `{"op":"replace","path":"active","value":null}`, nil},
			{"replaced by an empty text", `{"op":"replace","path":"active","value":""}`, nil},
			{"null, without a path", `{"op":"replace","value":{"active":null}}`, nil},
			{"null is added", `{"op":"add","path":"active","value":null}`, was.active},
			{"by its URN", `{"op":"remove","path":"` + userURN + `:active"}`, nil},
		} {
			t.Run(was.name+", "+test.name, func(t *testing.T) {
				c := newClient(t)
				u := c.user(was.said).has(was.active, "active")
				c.patch(u.path(), test.op).is(200).has(test.shown, "active")
				c.get(u.path()).is(200).has(test.shown, "active")
				c.holds(u, was.active)
				if test.shown == nil {
					c.check(c.find(`userName eq "`+u.name()+`" and active pr`) == "", "what is unassigned is found by active")
				}
				c.patch(u.path(), `{"op":"add","path":"title","value":"x"}`).is(200).has(test.shown, "active")
				c.send("PUT", u.path(), `{"userName":"`+u.name()+`"}`).is(200).has(test.shown, "active")
				c.holds(u, was.active)
				c.patch(u.path(), `{"op":"replace","path":"active","value":"False"}`).is(200).has(false, "active")
				c.holds(u, false)
				c.send("PUT", u.path(), `{"userName":"`+u.name()+`","active":null}`).is(200).has(false, "active")
				c.holds(u, false)
				c.send("PUT", u.path(), `{"userName":"`+u.name()+`","active":true}`).is(200).has(true, "active")
				c.holds(u, true)
			})
		}
	}
	c := newClient(t)
	c.user("").has(true, "active")
	c.user(`,"active":null`).has(true, "active")
}

// holds checks whether the bridge takes somebody for active, whatever their record
// shows.
func (c *client) holds(u got, active bool) {
	c.t.Helper()
	got := c.send("GET", c.api+"/identities/"+u.id(), "", "Authorization", "Bearer "+viewerSecret).is(200)
	list, _ := got.body["records"].([]any)
	c.check(len(list) == 1, "records are %v", got.text)
	got.has(active, "records", 0, "active")
}
