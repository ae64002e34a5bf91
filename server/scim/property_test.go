package scim_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/schema"
	"drawbridge/server/scim"
	"drawbridge/store"
)

// few lets rapid draw fewer histories than usual, where each is many requests.
func few(t *testing.T) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	was := checks.Value.String()
	if err := checks.Value.Set("15"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(was) })
}

// TestMembersAgreeWithTheModel does lists of requests to one group, large and
// small, and after each holds what GET says against a set.
func TestMembersAgreeWithTheModel(t *testing.T) {
	w := newWorld(t, scim.Options{})
	all := make([]string, 1300) // more than two transactions' worth
	for i := range all {
		all[i] = w.user(fmt.Sprintf("u%04d", i))
	}
	list := func(ids []string) string {
		var members []string
		for _, id := range ids {
			members = append(members, `{"value":"`+id+`"}`)
		}
		return "[" + strings.Join(members, ",") + "]"
	}
	g := w.group("Staff")
	few(t)
	rapid.Check(t, func(t *rapid.T) {
		w.send("PATCH", "/Groups/"+g, patch(`{"op":"replace","path":"members","value":[]}`)).is(204)
		set := map[string]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "requests") {
			from := rapid.IntRange(0, len(all)).Draw(t, "from")
			ids := all[from:rapid.IntRange(from, len(all)).Draw(t, "to")]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				w.send("PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":`+list(ids)+`}`)).is(204)
				for _, id := range ids {
					set[id] = true
				}
			case 1:
				w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members","value":`+list(ids)+`}`)).is(204)
				for _, id := range ids {
					delete(set, id)
				}
			case 2:
				w.send("PATCH", "/Groups/"+g, patch(`{"op":"replace","path":"members","value":`+list(ids)+`}`)).is(204)
				clear(set)
				for _, id := range ids {
					set[id] = true
				}
			case 3:
				w.send("PUT", "/Groups/"+g, `{"displayName":"Staff","members":`+list(append(slices.Clone(ids), "nobody"))+`}`).is(200)
				clear(set)
				for _, id := range ids {
					set[id] = true
				}
			default:
				w.send("PUT", "/Groups/"+g, `{"displayName":"Staff"}`).is(200)
			}
			if got, want := w.send("GET", "/Groups/"+g, "").is(200).members(), slices.Sorted(maps.Keys(set)); !slices.Equal(got, want) {
				t.Fatalf("%d members, want %d", len(got), len(want))
			}
		}
	})
}

// TestManyWritersLoseNothing has writers add and remove their own members of one
// group, all at once.
func TestManyWritersLoseNothing(t *testing.T) {
	w := newWorld(t, scim.Options{})
	const writers, each = 8, 6
	ids := make([]string, writers*each)
	for i := range ids {
		ids[i] = w.user(fmt.Sprint("u", i))
	}
	g := w.group("Staff")
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			own := ids[i*each : (i+1)*each]
			for _, id := range own {
				if r := w.send("PATCH", "/Groups/"+g, patch(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)); r.status != 204 {
					t.Errorf("status %d: %s", r.status, r.body)
				}
			}
			for _, id := range own[:each/2] {
				if r := w.send("PATCH", "/Groups/"+g, patch(`{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)); r.status != 204 {
					t.Errorf("status %d: %s", r.status, r.body)
				}
			}
		})
	}
	wg.Wait()
	var want []string
	for i := range writers {
		want = append(want, ids[i*each+each/2:(i+1)*each]...)
	}
	slices.Sort(want)
	r := w.send("GET", "/Groups/"+g, "").is(200)
	if got := r.members(); !slices.Equal(got, want) {
		t.Errorf("%d members, want %d", len(got), len(want))
	}
	r.has(fmt.Sprintf(`W/"%d"`, 1+writers*(each+each/2)), "meta", "version")
}

// TestEveryMoveIsInTheLog counts the decisions that a group's life leaves, however
// many transactions it took.
func TestEveryMoveIsInTheLog(t *testing.T) {
	w := newWorld(t, scim.Options{})
	ids := make([]string, 1300)
	for i := range ids {
		ids[i] = w.user(fmt.Sprint("u", i))
	}
	g := w.group("Staff", ids...)
	w.send("PUT", "/Groups/"+g, `{"displayName":"Staff","members":[{"value":"`+ids[0]+`"}]}`, "X-Request-Id", "r").is(200)
	for {
		if n, err := w.store.Sequence(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
	}
	verbs := map[schema.Verb]int{}
	err := w.store.View(t.Context(), func(r store.Reader) error {
		for e, err := range store.LogAbout(r, ids[5]) {
			if err != nil {
				return err
			}
			verbs[e.Decision.Verb]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[schema.Verb]int{schema.Admitted: 1, schema.Joined: 1, schema.Parted: 1}; !maps.Equal(verbs, want) {
		t.Errorf("the log says %v, want %v", verbs, want)
	}
	report, err := w.store.Check(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("%v, %v", report.Faults, err)
	}
}
