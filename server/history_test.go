package server_test

import (
	"flag"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A modelUser is what anyone would write down of a user, with RFC 7644 beside it.
type modelUser struct {
	id, name     string
	title, given string
	active       bool
	emails       []modelEmail
}

type modelEmail struct {
	value, kind string
	primary     bool
}

// A model is a few users and a group, and does to them what a request asks for.
type model struct {
	users   []*modelUser
	group   string
	members map[string]bool
}

// TestHistoriesAgreeWithTheModel sends histories of PATCHes, good ones and bad, to
// a bridge that runs, and after each request holds all that it reads, the versions
// and the groups of users among it, against a model that knows nothing of it. R-PROV-3.
func TestHistoriesAgreeWithTheModel(t *testing.T) {
	c := newClient(t)
	checks := flag.Lookup("rapid.checks")
	was := checks.Value.String()
	if err := checks.Value.Set("25"); err != nil { // each is many requests
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(was) }()
	rapid.Check(t, func(r *rapid.T) {
		m := &model{members: map[string]bool{}}
		for range 3 {
			u := c.user("")
			m.users = append(m.users, &modelUser{id: u.id(), name: u.name(), active: true})
		}
		m.group = c.group().id()
		for range rapid.IntRange(1, 8).Draw(r, "requests") {
			if len(m.users) > 0 && rapid.IntRange(0, 2).Draw(r, "about") > 0 {
				m.changeUser(r, c)
			} else {
				m.changeGroup(r, c)
			}
			m.compare(r, c)
		}
	})
}

// changeUser sends some operations on one user, or deletes it.
func (m *model) changeUser(r *rapid.T, c *client) {
	i := rapid.IntRange(0, len(m.users)-1).Draw(r, "user")
	u := m.users[i]
	if rapid.IntRange(0, 9).Draw(r, "deleted") == 0 {
		c.send("DELETE", "/Users/"+u.id, "").is(204)
		m.users = slices.Delete(m.users, i, i+1)
		delete(m.members, u.id)
		return
	}
	before := c.get("/Users/" + u.id).is(200).header.Get("ETag")
	now := *u
	now.emails = slices.Clone(u.emails)
	var ops []string
	status := 200
	for range rapid.IntRange(1, 4).Draw(r, "operations") {
		op, bad := now.operation(r)
		if ops = append(ops, op); bad {
			status = 400
		}
	}
	headers := []string{}
	if rapid.IntRange(0, 5).Draw(r, "stale") == 0 {
		headers, status = []string{"If-Match", `W/"999"`}, max(status, 412)
	}
	got := c.send("PATCH", "/Users/"+u.id, operations(strings.Join(ops, ",")), headers...)
	if status == 412 && got.status == 400 {
		status = 400 // it is refused before anybody looks at the version
	}
	if got.status != status {
		r.Fatalf("status %d, want %d, of %v: %s", got.status, status, ops, got.text)
	}
	same := status != 200 || now.says() == u.says()
	if status == 200 {
		*u = now
	}
	if after := c.get("/Users/" + u.id).header.Get("ETag"); same != (before == after) {
		r.Fatalf("the version was %s and is %s, after %d %v", before, after, status, ops)
	}
}

// operation draws one operation, does it, and says whether it is refused.
func (u *modelUser) operation(r *rapid.T) (op string, refused bool) {
	word := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(r, "word")
	kind := rapid.SampledFrom([]string{"work", "home"}).Draw(r, "kind")
	verb := rapid.SampledFrom([]string{"add", "replace"}).Draw(r, "verb")
	at := slices.IndexFunc(u.emails, func(e modelEmail) bool { return e.kind == kind })
	switch rapid.IntRange(0, 9).Draw(r, "what") {
	case 0:
		u.title = word
		return fmt.Sprintf(`{"op":%q,"path":"title","value":%q}`, verb, word), false
	case 1:
		u.title = ""
		return `{"op":"remove","path":"title"}`, false
	case 2:
		u.given = word
		return fmt.Sprintf(`{"op":%q,"value":{"name":{"givenName":%q}}}`, verb, word), false
	case 3:
		u.active = !u.active
		return fmt.Sprintf(`{"op":"replace","path":"active","value":%t}`, u.active), false
	case 4:
		if at < 0 {
			u.emails = append(u.emails, modelEmail{value: word, kind: kind})
		} else {
			u.emails[at].value = word
		}
		return fmt.Sprintf(`{"op":%q,"path":"emails[type eq \"%s\"].value","value":%q}`, verb, kind, word), false
	case 5:
		u.emails = slices.DeleteFunc(u.emails, func(e modelEmail) bool { return e.kind == kind })
		return fmt.Sprintf(`{"op":"remove","path":"emails[type eq \"%s\"]"}`, kind), false
	case 6: // one becomes the primary one, and the others are not; it is made where it is not
		if at < 0 {
			at, u.emails = len(u.emails), append(u.emails, modelEmail{kind: kind})
		}
		for i := range u.emails {
			u.emails[i].primary = i == at
		}
		return fmt.Sprintf(`{"op":"replace","path":"emails[type eq \"%s\"].primary","value":true}`, kind), false
	case 7:
		u.emails = []modelEmail{{value: word, kind: kind}}
		return fmt.Sprintf(`{"op":"replace","path":"emails","value":[{"value":%q,"type":%q}]}`, word, kind), false
	case 8:
		return `{"op":"remove","path":"userName"}`, true
	default:
		return `{"op":"replace","path":"id","value":"x"}`, true
	}
}

func (u *modelUser) says() string {
	return fmt.Sprintf("%q %q %q %t %+v", u.name, u.title, u.given, u.active, u.emails)
}

// changeGroup sends some operations on who is in the group.
func (m *model) changeGroup(r *rapid.T, c *client) {
	var ops []string
	for range rapid.IntRange(1, 3).Draw(r, "operations") {
		var ids, list []string
		for _, u := range m.users {
			if rapid.Bool().Draw(r, "in") {
				ids, list = append(ids, u.id), append(list, `{"value":"`+u.id+`"}`)
			}
		}
		value := "[" + strings.Join(list, ",") + "]"
		switch rapid.IntRange(0, 3).Draw(r, "what") {
		case 0:
			ops = append(ops, `{"op":"add","path":"members","value":`+value+`}`)
			for _, id := range ids {
				m.members[id] = true
			}
		case 1:
			ops = append(ops, `{"op":"remove","path":"members","value":`+value+`}`)
			for _, id := range ids {
				delete(m.members, id)
			}
		case 2:
			ops = append(ops, `{"op":"replace","path":"members","value":`+value+`}`)
			clear(m.members)
			for _, id := range ids {
				m.members[id] = true
			}
		default:
			for _, id := range ids {
				ops = append(ops, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
				delete(m.members, id)
			}
		}
	}
	c.patch("/Groups/"+m.group, strings.Join(ops, ",")).is(204)
}

// compare holds what is read against the model.
func (m *model) compare(r *rapid.T, c *client) {
	var ids []string
	for _, e := range list(c.get("/Groups/" + m.group).is(200).at("members")) {
		ids = append(ids, fmt.Sprint(e.(map[string]any)["value"]))
	}
	slices.Sort(ids)
	if want := slices.Sorted(maps.Keys(m.members)); !slices.Equal(ids, want) {
		r.Fatalf("members %v, want %v", ids, want)
	}
	for _, u := range m.users {
		g := c.get("/Users/" + u.id).is(200)
		read := modelUser{name: g.name(), active: g.at("active") == true}
		read.title, _ = g.at("title").(string)
		read.given, _ = g.at("name", "givenName").(string)
		for _, e := range list(g.at("emails")) {
			o := e.(map[string]any)
			value, _ := o["value"].(string)
			kind, _ := o["type"].(string)
			read.emails = append(read.emails, modelEmail{value, kind, o["primary"] == true})
		}
		if read.says() != u.says() {
			r.Fatalf("reads %s, want %s", read.says(), u.says())
		}
		if in := len(list(g.at("groups"))) == 1; in != m.members[u.id] {
			r.Fatalf("%s says it is in %v", u.name, g.at("groups"))
		}
		found := c.get("/Users?filter=" + url.QueryEscape(`userName eq "`+u.name+`" and active eq `+fmt.Sprint(u.active))).is(200)
		found.has(1.0, "totalResults").has(g.at("meta", "version"), "Resources", 0, "meta", "version")
	}
}
