package access_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func TestFindIdentity(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Sales"})
		bob := w.admit(person{name: "bob", department: "Sales"})
		gone := w.admit(person{name: "eve", department: "Sales"})
		w.update(func(tx store.Tx) error {
			twin := schema.Identity{ID: "twin", Source: "okta", UserName: "BOB", Email: "bob@example.com", Active: true}
			return errors.Join(access.Remove(tx, w.hr(), gone), store.Identities.Put(tx, twin))
		})
		for _, c := range []struct {
			name, want string
			err        error
		}{
			{name: ada, want: ada},
			{name: strings.ToUpper(ada), want: ada},
			{name: "ADA", want: ada},
			{name: " Ada@Example.com ", want: ada},
			{name: "eve", want: gone},
			{name: "Eve@example.com", want: gone},
			{name: bob, want: bob},
			{name: "bob", err: schema.ErrConflict},
			{name: "bob@example.com", err: schema.ErrConflict},
			{name: "nobody", err: schema.ErrNotFound},
			{name: "", err: schema.ErrNotFound},
		} {
			w.view(func(r store.Reader) error {
				got, err := access.FindIdentity(r, c.name)
				if !errors.Is(err, c.err) || err == nil && got.ID != c.want {
					t.Errorf("%q: got %s, %v; want %s, %v", c.name, got.ID, err, c.want, c.err)
				}
				return nil
			})
		}
	})
}

// TestExplain follows one person from never having an entitlement to having lost
// it, and asks why at each turn. What the role is for is said with it. R-LOG-5, R-POL-6.
func TestExplain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ask := func(ref string, standing access.Standing, words ...string) access.Explanation {
			t.Helper()
			var e access.Explanation
			w.view(func(r store.Reader) (err error) {
				e, err = access.Explain(r, w.rules, "ada", ref)
				return err
			})
			if e.Standing != standing {
				t.Errorf("%s: got %s (%s), want %s", ref, e.Standing, e.Answer, standing)
			}
			for _, word := range words {
				if !strings.Contains(e.Answer, word) {
					t.Errorf("%s: the answer %q does not say %q", ref, e.Answer, word)
				}
			}
			if _, err := json.Marshal(e); err != nil {
				t.Error(err)
			}
			return e
		}
		id := w.admit(person{name: "ada", department: "Engineering"})
		ask("wiki/readers", access.Never, "engineer")
		w.work()
		ask("wiki/readers", access.Holds, "role engineer, its rule matches")
		ask("wiki/editors", access.Never, "role editor: may be asked for")
		ask("crm/sales", access.Never, "role seller: its rule does not match")

		w.grant(id, "editor")
		w.work()
		e := ask("wiki/editors", access.Holds, "approved by iam@example.com", "until ")
		verbs := verbsOf(e)
		if !slices.Equal(verbs, []schema.Verb{schema.Granted, schema.Assigned, schema.Provisioned}) {
			t.Errorf("decisions %v, want granted, assigned, provisioned", verbs)
		}
		if got := e.Roles[0].Intent; got != "Edit the wiki for a while." {
			t.Errorf("the role is said to be for %q", got)
		}
		if d := e.Decisions[0]; len(d.Approvals) != 1 || d.Ticket != "CHG-1" || d.Words != "to write the manual" {
			t.Errorf("the grant is without who approved and why: %+v", d)
		}
		if e.Decisions[2].Change == nil || e.Decisions[2].Exposure == "" {
			t.Errorf("what the target agreed to has no times: %+v", e.Decisions[2])
		}
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "editor", By: "token/test", Reason: "done"})
		})
		w.work()
		e = ask("wiki/editors", access.Lost, "role editor", "after the bridge was told")
		if e.Roles[0].Tombstone == nil || e.Roles[0].Outcome != "not-eligible" && e.Roles[0].Outcome != "eligible" {
			t.Errorf("the role says %+v", e.Roles[0])
		}

		w.admit(person{id: id, name: "ada", department: "Sales"})
		w.work()
		ask("crm/sales", access.Watched, "observe")
		ask("wiki/readers", access.Lost, "role engineer", "its rule does not match")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
		w.work()
		if e := ask("crm/sales", access.Missed, "in mode observe", "its source deleted the identity"); !slices.Contains(verbsOf(e), schema.Left) {
			t.Errorf("decisions %v, want that she left among them", verbsOf(e))
		}
		w.view(func(r store.Reader) error {
			if _, err := access.Explain(r, w.rules, id, "wiki/nothing"); !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("what no catalogue has: %v, want ErrNotFound", err)
			}
			if _, err := access.Explain(r, w.rules, id, "wiki"); !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("what is no entitlement: %v, want ErrInvalid", err)
			}
			return nil
		})
	})
}

// TestExplainWhatNeverCameToBe asks about what a person was to have, and lost
// before its target ever agreed.
func TestExplainWhatNeverCameToBe(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ask := func(who string) access.Explanation {
			t.Helper()
			var e access.Explanation
			w.view(func(r store.Reader) (err error) {
				e, err = access.Explain(r, w.rules, who, "wiki/readers")
				return err
			})
			return e
		}
		w.missing = "Readers"
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		if e := ask("ada"); e.Standing != access.Due {
			t.Errorf("before she leaves: %s (%s)", e.Standing, e.Answer)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.work()
		e := ask("ada")
		if e.Standing != access.Missed {
			t.Errorf("got %s (%s), want %s", e.Standing, e.Answer, access.Missed)
		}
		for _, word := range []string{"was to have", "never had it", "no such group: Readers", "its source deleted the identity"} {
			if !strings.Contains(e.Answer, word) {
				t.Errorf("the answer %q does not say %q", e.Answer, word)
			}
		}
		if strings.Contains(e.Answer, "agreed") {
			t.Errorf("the answer %q says that the target agreed", e.Answer)
		}

		// Nobody came to tell the target of it.
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(t.Context(), w.store, w.rules, item)
		})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), bob) })
		w.work()
		if e := ask("bob"); e.Standing != access.Missed {
			t.Errorf("never told of: %s (%s), want %s", e.Standing, e.Answer, access.Missed)
		}

		// The target was mended before she left: then she had it.
		cai := w.admit(person{name: "cai", department: "Engineering"})
		w.work()
		w.missing = ""
		w.update(func(tx store.Tx) error { return access.Unpark(tx, "token/test", "wiki", cai) })
		w.work()
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), cai) })
		w.work()
		if e := ask("cai"); e.Standing != access.Lost {
			t.Errorf("given late: %s (%s), want %s", e.Standing, e.Answer, access.Lost)
		}
	})
}

func verbsOf(e access.Explanation) (verbs []schema.Verb) {
	for _, d := range e.Decisions {
		verbs = append(verbs, d.Verb)
	}
	return verbs
}
