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

// TestVeryManyNobodies has a source put a group of whose members it has told of two:
// as many of the others as there is room for are parked, and to pass over the rest
// keeps nobody's changes waiting. Those who are parked stay so when it does it again.
func TestVeryManyNobodies(t *testing.T) {
	e, err := bolt.Open(filepath.Join(t.TempDir(), "nobodies.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	w := worldOn(t, e, scim.Options{})
	ada, g := w.user("ada"), w.group("g")
	bob := w.send("POST", "/Users", `{"userName":"bob","externalId":"z-bob"}`).is(201).text("id")
	names := []string{ada, "z-bob"}
	for i := range 160_000 {
		names = append(names, fmt.Sprintf("nobody-%06d", i))
	}
	body := `{"displayName":"g","members":["` + strings.Join(names, `","`) + `"]}`
	for round, most := range []int64{1000, 10} { // some are the store's own, which indexes its log
		before := w.store.Stats()
		w.send("PUT", "/Groups/"+g, body).is(200)
		if got := w.send("GET", "/Groups/"+g, "").members(); len(got) != 2 || !slices.Contains(got, ada) || !slices.Contains(got, bob) {
			t.Errorf("members %v", got)
		}
		parked := w.parked(g)
		if len(parked) != 100_000 || parked[0] != "nobody-000000" || parked[99_999] != "nobody-099999" {
			t.Errorf("%d are parked", len(parked))
		}
		if over := w.passedOver(g); len(over) != 1 || !strings.HasPrefix(over[0].Reason, "60000 members") {
			t.Errorf("of those who were passed over there is %+v", over)
		}
		after := w.store.Stats()
		if n := after.Commits - before.Commits; n > most {
			t.Errorf("round %d: %d commits, want %d at most", round, n, most)
		}
	}
	w.send("PUT", "/Groups/"+g, `{"displayName":"g","members":["`+strings.Join(names[:100], `","`)+`"]}`).is(200)
	if over := w.passedOver(g); len(over) != 0 || len(w.parked(g)) != 98 {
		t.Errorf("when there is room for all, %d wait, and there is still %+v", len(w.parked(g)), over)
	}
}

// passedOver returns the findings of members of a group who were passed over.
func (w *world) passedOver(group string) (all []schema.Finding) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		all = nil
		for f, err := range store.Findings.All(r, "members-passed-over") {
			if err != nil {
				return err
			}
			if f.Subject == "source/hr" && f.Object == "group/"+group {
				all = append(all, f)
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}
