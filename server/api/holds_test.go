package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// braking is the policy with a brake on its source that believes one leaver.
var braking = strings.Replace(documents, `trust: authoritative, authoritativeFor: ["*"] }`,
	`trust: authoritative, authoritativeFor: ["*"], massChange: { deactivationsPerHour: 1, onExceeded: hold } }`, 1)

// TestTwoPeopleReleaseLeavers has a source end three people where one is believed,
// and two people let the other two go, over HTTP. R-SRC-7.
func TestTwoPeopleReleaseLeavers(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, braking))
	var people []string
	for i := range 3 {
		people = append(people, w.person(fmt.Sprintf("p%d@example.com", i)).ID)
	}
	for _, id := range people {
		w.update(func(tx store.Tx) error {
			return access.Remove(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}, id)
		})
	}
	lines := func() (n int) {
		w.reconcile()
		for _, id := range people {
			held, _ := pages[api.AssignmentView](w, "/api/v1/assignments?identity="+id)
			n += len(held)
		}
		return n
	}
	if got := lines(); got != 2 {
		t.Fatalf("%d have access, want the two whose end is held", got)
	}
	holds, _ := pages[schema.Hold](w, "/api/v1/holds")
	if len(holds) != 1 || holds[0].ID != "source:hr" || holds[0].Count != 2 || holds[0].First[0].UserName != "p1@example.com" {
		t.Fatalf("held: %+v", holds)
	}
	const path = "/api/v1/holds/source:hr/release"
	body := `{"plan": "` + holds[0].Plan + `", "reason": "they did leave"}`
	w.want(403, "auditor", "POST", path, body, nil)
	w.want(422, "approver", "POST", path, `{"plan": "", "reason": "they did leave"}`, nil)
	w.want(409, "approver", "POST", path, `{"plan": "another", "reason": "they did leave"}`, nil)
	var r api.ReleaseReply
	for range 2 { // a dry run leaves no trace
		if w.want(200, "approver", "POST", path+"?dryRun=true", body, &r); r.Awaits != 1 || !r.Released.IsZero() {
			t.Errorf("tried: %+v", r)
		}
	}
	if w.want(200, "approver", "POST", path, body, &r); r.Awaits != 1 || !r.Released.IsZero() {
		t.Errorf("after the first: %+v", r)
	}
	if text := w.want(403, "approver", "POST", path, body, nil); !strings.Contains(text, "a second person has to") {
		t.Errorf("the first again: %s", text)
	}
	w.carryOut()
	if got := lines(); got != 2 {
		t.Errorf("%d have access after one agreed, want 2", got)
	}
	r = api.ReleaseReply{}
	if w.want(200, "admin", "POST", path, body, &r); r.Awaits != 0 || r.Released.IsZero() {
		t.Errorf("after the second: %+v", r)
	}
	w.want(409, "operator", "POST", path, body, nil)
	w.carryOut()
	if got := lines(); got != 0 {
		t.Errorf("%d have access after two agreed, want none", got)
	}
	w.want(404, "operator", "POST", path, body, nil)
	if got, want := w.decided("source/hr"), []schema.Verb{schema.Found, schema.Agreed, schema.Released}; !slices.Equal(got, want) {
		t.Errorf("decisions %v, want %v", got, want)
	}
}

func TestUnparkAll(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.person("a@example.com"), w.person("b@example.com")
	w.update(func(tx store.Tx) error {
		for _, id := range []string{ada.ID, bob.ID} {
			if err := store.Accounts.Put(tx, schema.Account{Connector: "wiki", Identity: id, State: schema.Parked}); err != nil {
				return err
			}
		}
		return nil
	})
	var out api.UnparkReply
	const path = "/api/v1/accounts/unpark"
	for _, step := range []struct {
		query, body string
		accounts    int
	}{
		{"?dryRun=true", `{"connector": "wiki"}`, 2},
		{"?dryRun=true", `{"connector": "wiki", "identity": "a@example.com"}`, 1},
		{"", `{"connector": "wiki", "identity": "a@example.com"}`, 1},
		{"", `{"connector": "wiki", "identity": "a@example.com"}`, 0},
		{"", `{"connector": "wiki"}`, 1},
		{"", `{"connector": "wiki"}`, 0},
	} {
		if w.want(200, "operator", "POST", path+step.query, step.body, &out); out.Accounts != step.accounts {
			t.Errorf("%s%s: %d accounts, want %d", step.query, step.body, out.Accounts, step.accounts)
		}
	}
	w.want(404, "operator", "POST", path, `{"connector": "elsewhere"}`, nil)
	w.want(404, "operator", "POST", path, `{"connector": "wiki", "identity": "nobody"}`, nil)
}

// carryOut does what the scheduler would do with what people released.
func (w *world) carryOut() {
	w.t.Helper()
	var items []store.Item
	w.update(func(tx store.Tx) (err error) {
		items, err = tx.Lease(access.LaneRelease, 10, time.Minute)
		return err
	})
	for _, item := range items {
		finish, err := access.CarryOut(w.t.Context(), w.store, w.rules, item)
		if err != nil {
			w.t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			if _, err := finish(tx); err != nil {
				return err
			}
			return tx.Done(item, time.Time{})
		})
	}
}

// decided returns the verbs of what is decided about a subject, newest first.
func (w *world) decided(subject string) (verbs []schema.Verb) {
	w.t.Helper()
	entries, _ := pages[api.EntryView](w, "/api/v1/decisions?subject="+subject)
	for _, e := range entries {
		verbs = append(verbs, e.Verb)
	}
	slices.Reverse(verbs)
	return verbs
}
