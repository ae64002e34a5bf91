package scim_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// parked returns whom a group waits for.
func (w *world) parked(group string) []string {
	w.t.Helper()
	var names []string
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		names = nil
		for p, err := range store.ParkedMembers.All(r, group) {
			if err != nil {
				return err
			}
			names = append(names, p.Member)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// waits checks who is in a group, and whom it waits for.
func (w *world) waits(group string, members, parked []string) {
	w.t.Helper()
	if got := w.send("GET", "/Groups/"+group, "").is(200).members(); !slices.Equal(got, members) {
		w.t.Errorf("in the group are %v, want %v", got, members)
	}
	if got := w.parked(group); !slices.Equal(got, parked) {
		w.t.Errorf("the group waits for %v, want %v", got, parked)
	}
}

// verbs returns what the log says was done about something, oldest first.
func (w *world) verbs(subject string) []schema.Verb {
	w.t.Helper()
	var verbs []schema.Verb
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		verbs = nil
		for entry, err := range store.LogAbout(r, subject) {
			if err != nil {
				return err
			}
			verbs = append(verbs, entry.Decision.Verb)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return verbs
}

func TestMembersWhoAreYetToCome(t *testing.T) {
	w := newWorld(t, scim.Options{})
	here := w.user("here")
	g := w.group("Staff", here, "emp-7", "emp-8")
	w.waits(g, []string{here}, []string{"emp-7", "emp-8"})
	if got, want := w.verbs("group/"+g), []schema.Verb{schema.Admitted, schema.Awaited, schema.Awaited}; !slices.Equal(got, want) {
		t.Errorf("the log has %v of the group, want %v", got, want)
	}

	version := w.send("GET", "/Groups/"+g, "").text("meta", "version")
	made := w.send("POST", "/Users", `{"userName":"seven","externalId":"emp-7"}`).is(201).has(g, "groups", 0, "value") // who made it is told of the group at once
	came := made.text("id")
	if now := w.send("GET", "/Users/"+came, "").is(200); now.header.Get("ETag") != made.header.Get("ETag") || now.body != made.body {
		t.Errorf("made as %s %s, and is %s %s", made.header.Get("ETag"), made.body, now.header.Get("ETag"), now.body)
	}
	w.waits(g, schema.Sorted(here, came), []string{"emp-8"})
	if got, want := w.verbs(came), []schema.Verb{schema.Admitted, schema.Joined}; !slices.Equal(got, want) {
		t.Errorf("the log has %v of who came, want %v", got, want)
	}
	if now := w.send("GET", "/Groups/"+g, "").text("meta", "version"); now == version {
		t.Errorf("somebody came, and the group is still at version %s", now)
	}
	w.send("GET", "/Users/"+came, "").has(g, "groups", 0, "value")

	// Somebody may get their externalId later.
	w.send("PATCH", "/Users/"+here, patch(`{"op":"add","path":"externalId","value":"emp-8"}`)).is(200)
	w.waits(g, schema.Sorted(here, came), nil)
}

func TestOrderMakesNoDifference(t *testing.T) {
	w := newWorld(t, scim.Options{})
	sub := w.send("POST", "/Groups", `{"displayName":"Sub","externalId":"g-1"}`).is(201).text("id")
	ada := w.send("POST", "/Users", `{"userName":"ada","externalId":"7f000000-0000-4000-8000-000000000001"}`).is(201).text("id")
	g := w.group("Staff", "7f000000-0000-4000-8000-000000000001", "g-1", "g-2")
	w.waits(g, schema.Sorted(ada, sub), []string{"g-2"})
	late := w.send("POST", "/Groups", `{"displayName":"Late","externalId":"g-2"}`).is(201).text("id")
	w.waits(g, schema.Sorted(ada, sub, late), nil)

	// Replaced by the same people under their other names, nobody moves.
	version := w.send("GET", "/Groups/"+g, "").text("meta", "version")
	w.send("PUT", "/Groups/"+g, `{"displayName":"Staff","members":["7f000000-0000-4000-8000-000000000001",{"value":"g-1"},{"value":"`+late+`"}]}`).is(200)
	w.waits(g, schema.Sorted(ada, sub, late), nil)
	w.send("GET", "/Groups/"+g, "").has(version, "meta", "version")

	w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members[value eq \"7f000000-0000-4000-8000-000000000001\"]"}`)).is(204)
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members","value":[{"value":"g-1"}]}`)).is(204)
	w.waits(g, []string{late}, nil)
}

func TestWhoIsTakenBackDoesNotCome(t *testing.T) {
	for name, remove := range map[string]func(w *world, g string){
		"a list": func(w *world, g string) {
			w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members","value":[{"value":"e1"}]}`)).is(204)
		},
		"a filter": func(w *world, g string) {
			w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members[value eq \"e1\"]"}`)).is(204)
		},
		"all": func(w *world, g string) {
			w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members"}`)).is(204)
		},
		"a replacement": func(w *world, g string) { w.send("PUT", "/Groups/"+g, `{"displayName":"Staff","members":[]}`).is(200) },
		"deletion":      func(w *world, g string) { w.send("DELETE", "/Groups/"+g, "").is(204) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, scim.Options{})
			g := w.group("Staff", "e1")
			w.waits(g, nil, []string{"e1"})
			remove(w, g)
			id := w.send("POST", "/Users", `{"userName":"one","externalId":"e1"}`).is(201).text("id")
			w.send("GET", "/Users/"+id, "").has(nil, "groups")
			if name != "deletion" {
				w.waits(g, nil, nil)
			}
		})
	}
	w := newWorld(t, scim.Options{})
	g := w.group("Staff", "e1", "e2")
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"replace","path":"members","value":[{"value":"e2"}]}`)).is(204)
	w.waits(g, nil, []string{"e2"})
	w.send("PUT", "/Groups/"+g, `{"displayName":"Staff 2"}`).is(200) // says nothing of members
	w.waits(g, nil, []string{"e2"})
}

// TestWhomNobodyWaitsFor has names that are none of the source's, or will never be.
func TestWhomNobodyWaitsFor(t *testing.T) {
	w := newWorld(t, scim.Options{})
	gone := w.user("gone")
	w.send("DELETE", "/Users/"+gone, "").is(204)
	g := w.group("Staff", gone, strings.Repeat("x", 2000))
	w.waits(g, nil, nil)
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":["`+g+`","e9"]}`)).is(204)
	w.waits(g, nil, []string{"e9"})
	w.send("other:POST", "/Users", `{"userName":"stranger","externalId":"e9"}`).is(201)
	w.waits(g, nil, []string{"e9"})
}

// TestVeryManyWait names very many people who are yet to come: all are waited for, and
// the valid one has their place.
func TestVeryManyWait(t *testing.T) {
	w := newWorld(t, scim.Options{})
	here := w.user("here")
	g := w.group("Staff")
	var names []string
	for i := range 10_050 {
		names = append(names, fmt.Sprintf(`"e%05d"`, i))
	}
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":[`+strings.Join(names, ",")+`,"`+here+`"]}`)).is(204)
	if got := len(w.parked(g)); got != 10_050 || len(w.passedOver(g)) != 0 {
		t.Errorf("the group waits for %d, want 10,050", got)
	}
	if got := w.send("GET", "/Groups/"+g, "").members(); !slices.Equal(got, []string{here}) {
		t.Errorf("in the group are %v", got)
	}
	w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members"}`)).is(204)
	w.waits(g, nil, nil)
}

func TestWaitingSurvivesRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open := func() *world {
		e, err := bolt.Open(path, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return worldOn(t, e, scim.Options{})
	}
	w := open()
	g := w.group("Staff", "e1")
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w = open()
	w.waits(g, nil, []string{"e1"})
	id := w.send("POST", "/Users", `{"userName":"one","externalId":"e1"}`).is(201).text("id")
	w.waits(g, []string{id}, nil)
}
