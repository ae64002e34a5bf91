package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// held returns what is held under an id, a zero hold if nothing is.
func (w *world) held(id string) (h schema.Hold) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		holds, err := access.ListHolds(r)
		if i := slices.IndexFunc(holds, func(h schema.Hold) bool { return h.ID == id }); i >= 0 {
			h = holds[i]
		}
		return err
	})
	return h
}

// agree has one person release a plan.
func (w *world) agree(by, id, plan string) (h schema.Hold, err error) {
	err = w.store.Update(w.t.Context(), func(tx store.Tx) (err error) {
		h, err = access.Release(tx, w.rules.Book(), access.Releasing{Hold: id, Plan: plan, By: by, Reason: "it is as it should be"})
		return err
	})
	return h, err
}

// release has two people release what is held, as it is now.
func (w *world) release(id, reason string) {
	w.t.Helper()
	for _, by := range []string{"token/a", "token/b"} {
		w.update(func(tx store.Tx) error {
			h, err := store.Holds.Get(tx, id)
			if err != nil {
				return err
			}
			_, err = access.Release(tx, w.rules.Book(), access.Releasing{Hold: id, Plan: h.Plan, By: by, Reason: reason})
			return err
		})
	}
}

// lose has hr end people until its brake, which believes one, holds n of them. It
// returns all their ids.
func (w *world) lose(t *testing.T, n int) (people []string) {
	t.Helper()
	w.rules.Use(braked(t, "deactivationsPerHour: 1"))
	for i := range n + 1 {
		people = append(people, w.admit(person{name: fmt.Sprintf("p%02d", i), department: "Engineering"}))
	}
	w.work()
	for _, id := range people {
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
	}
	w.work()
	return people
}

// TestReleaseTakesTwoPeople proves R-BRAKE-5.
func TestReleaseTakesTwoPeople(t *testing.T) {
	const source = "source:hr"
	for name, c := range map[string]struct {
		first, second, plan string // who, and "" for the present plan
		by                  string // who caused it
		refused             error
	}{
		"two people":                        {first: "token/a", second: "token/b"},
		"one person twice":                  {first: "token/a", second: "token/a", refused: schema.ErrForbidden},
		"one person twice, in capitals":     {first: "token/a", second: "token/A", refused: schema.ErrForbidden},
		"whoever caused it":                 {first: "token/a", second: "token/c", by: "token/c", refused: schema.ErrForbidden},
		"somebody who looked at other work": {first: "token/a", second: "token/b", plan: "another", refused: schema.ErrConflict},
		"somebody without a name":           {first: "token/a", second: "", refused: schema.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				people := w.lose(t, 3)
				if c.by != "" {
					w.update(func(tx store.Tx) error {
						h, err := store.Holds.Get(tx, source)
						if err != nil {
							return err
						}
						h.By = c.by
						return store.Holds.Put(tx, h)
					})
				}
				h := w.held(source)
				if h.Count != 3 || len(h.First) != 3 || h.First[0].UserName == "" || h.Reason == "" || h.Since.IsZero() {
					t.Errorf("held: %+v, want three leavers, by name", h)
				}
				if _, err := w.agree(c.first, source, h.Plan); err != nil {
					t.Fatal(err)
				}
				w.work()
				if got := w.held(source); len(got.Agreed) != 1 || !got.Released.IsZero() || got.Plan != h.Plan {
					t.Errorf("after one person: %+v", got)
				}
				for _, id := range people[1:] {
					w.want(id, "Readers")
				}
				plan := h.Plan
				if c.plan != "" {
					plan = c.plan
				}
				if _, err := w.agree(c.second, source, plan); !errors.Is(err, c.refused) {
					t.Errorf("the second: %v, want %v", err, c.refused)
				}
				w.work()
				verbs := []schema.Verb{schema.Found, schema.Agreed}
				for _, id := range people[1:] {
					if c.refused != nil {
						w.want(id, "Readers")
						continue
					}
					w.want(id, "")
				}
				if c.refused == nil {
					verbs = append(verbs, schema.Released)
				}
				if got := w.verbs("source/hr"); !slices.Equal(got, verbs) {
					t.Errorf("decisions %v, want %v", got, verbs)
				}
			})
		})
	}
}

// TestAgreementIsToAPlan has one more leave between the first person and the second. R-BRAKE-5.
func TestAgreementIsToAPlan(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		late := w.admit(person{name: "late", department: "Engineering"})
		people := w.lose(t, 2)
		before := w.held("source:hr")
		if _, err := w.agree("token/a", before.ID, before.Plan); err != nil {
			t.Fatal(err)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), late) })
		if _, err := w.agree("token/b", before.ID, before.Plan); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("a plan that is no more was released: %v", err)
		}
		now := w.held("source:hr")
		if now.Plan == before.Plan || now.Count != 3 || len(now.Agreed) != 0 {
			t.Errorf("held now: %+v, want another plan that nobody agreed to", now)
		}
		if h, err := w.agree("token/b", now.ID, now.Plan); err != nil || !h.Released.IsZero() {
			t.Errorf("the first to agree to it: %+v, %v", h, err)
		}
		w.work()
		w.want(late, "Readers")
		if h, err := w.agree("token/a", now.ID, now.Plan); err != nil || h.Released.IsZero() {
			t.Errorf("the second to agree to it: %+v, %v", h, err)
		}
		w.work()
		for _, id := range append(people, late) {
			w.want(id, "")
		}
		if h := w.held("source:hr"); h.ID != "" {
			t.Errorf("still held: %+v", h)
		}
	})
}

// TestHeldWhileReleasing has one more leave after the second person, and before
// what they released is done.
func TestHeldWhileReleasing(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		late := w.admit(person{name: "late", department: "Engineering"})
		people := w.lose(t, 2)
		w.release("source:hr", "they did leave")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), late) })
		w.work()
		for _, id := range people {
			w.want(id, "")
		}
		w.want(late, "Readers")
		h := w.held("source:hr")
		if h.Count != 1 || len(h.Agreed) != 0 || !h.Released.IsZero() {
			t.Errorf("held: %+v, want the one that came late", h)
		}
		w.release("source:hr", "so did this one")
		w.work()
		w.want(late, "")
	})
}

// TestReleasedPolicyIsWorkedOutAgain has somebody come whom the policy concerns,
// after two people released it.
func TestReleasedPolicyIsWorkedOutAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		var people []string
		for i := range 4 {
			people = append(people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
		}
		other := w.admit(person{name: "other", department: "Sales"})
		w.work()
		w.update(func(tx store.Tx) error { // it holds what the policy takes, when it is carried out
			return store.Assignments.Put(tx, schema.Assignment{Identity: other, Connector: "crm", Entitlement: "sales", Mode: schema.Observe, Because: []string{"role/seller"}, Since: tx.Now()})
		})
		heavy := book(t, `identity.department == "Engineering"`, `identity.department == "Nobody"`,
			"  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 2 } }\n  identity:")
		w.publish(heavy)
		w.work()
		id := "policy:" + heavy.Digest()
		h := w.held(id)
		if h.Count != 4 || h.First[0].What != "loses wiki/readers" || h.By != "token/test" {
			t.Errorf("held: %+v, want four lines", h)
		}
		if _, err := w.agree("token/test", id, h.Plan); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("who published it released it: %v", err)
		}
		w.release(id, "as intended")
		w.update(func(tx store.Tx) error {
			return store.Assignments.Put(tx, schema.Assignment{Identity: other, Connector: "wiki", Entitlement: "readers", Mode: schema.Enforce, Because: []string{"role/engineer"}, Since: tx.Now()})
		})
		w.lane(access.LaneRelease, func(item store.Item) (access.Finish, error) {
			return access.CarryOut(t.Context(), w.store, w.rules, item)
		})
		again := w.held(id)
		if again.Count != 5 || again.Plan == h.Plan || !again.Released.IsZero() || len(again.Agreed) != 0 {
			t.Errorf("held: %+v, want the new plan, released by nobody", again)
		}
		w.work()
		for _, p := range people {
			w.want(p, "Readers")
		}
	})
}

// TestMoversLoseWhileThePolicyIsHeld holds a policy, one after another, and moves
// somebody: what they lose by moving goes at once, what the policies alone take stays.
func TestMoversLoseWhileThePolicyIsHeld(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		publish := func(replace ...string) {
			t.Helper()
			b := book(t, replace...)
			w.rules.Use(b)
			w.update(func(tx store.Tx) error {
				_, err := access.Publish(tx, b, "token/test", map[string]string{"policy.yaml": strings.NewReplacer(replace...).Replace(documents)})
				return err
			})
		}
		held := func(department string) {
			t.Helper()
			publish("  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 1 } }\n  identity:",
				`identity.department == "Engineering"`, `identity.department == "`+department+`"`)
			w.work()
		}
		publish()
		mover := w.admit(person{name: "mover", department: "Engineering"})
		others := []string{w.admit(person{name: "a", department: "Engineering"}), w.admit(person{name: "b", department: "Engineering"})}
		w.work()
		held("Nobody")
		held("Nobody at all")
		w.admit(person{id: mover, name: "mover", department: "Sales"})
		w.work()
		w.want(mover, "")
		for _, id := range others {
			w.want(id, "Readers")
		}
	})
}

func TestStandingHoldsAreNotReleased(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		lead := w.admit(person{name: "lead", department: "Sales"})
		a := w.admit(person{name: "a", department: "Operations"})
		w.work()
		end := strings.Index(documents, "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: writer")
		begin := strings.Index(documents, "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: admin")
		w.publish(book(t, "risk: high }", "risk: high, privileged: true }", documents[begin:end], "",
			"user: lead@example.com, deputy: second@example.com", "user: lead@example.com, deputy: lead@example.com"))
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), lead) })
		w.work()
		for id, kind := range map[string]schema.HoldKind{
			"role:engineer": schema.RoleHold, "last-administrator:wiki:admins:" + a: schema.LastHold,
		} {
			h := w.held(id)
			if h.Kind != kind || h.Ends == "" || h.Plan != "" || h.Since.IsZero() {
				t.Errorf("%s: %+v", id, h)
			}
			if _, err := w.agree("token/a", id, ""); !errors.Is(err, schema.ErrForbidden) || !strings.Contains(err.Error(), h.Ends) {
				t.Errorf("released: %v, want ErrForbidden that says what ends it", err)
			}
		}
		if _, err := w.agree("token/a", "source:nobody", ""); !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("what is not held: %v", err)
		}
	})
}

// TestKeepHolds is about the holds that a sweep's runs leave.
func TestKeepHolds(t *testing.T) {
	w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
	defer w.store.Close()
	run := func(complete bool, past []string, held ...schema.Hold) {
		w.update(func(tx store.Tx) error {
			return access.KeepHolds(tx, w.rules.Book(), "drift", held, past, complete)
		})
	}
	plan := func(connector string, identities ...string) schema.Hold {
		i := access.NewAgenda("sweep/drift/" + connector)
		for _, id := range identities {
			i.Add(id, "has Editors")
		}
		return i.Hold("too many")
	}
	const wiki, crm = "sweep:drift:wiki", "sweep:drift:crm"
	first := w.plansAfter(func() { run(true, nil, plan("wiki", "x", "y"), plan("crm", "z")) })
	if len(first) != 2 || first[wiki] == first[crm] {
		t.Fatalf("held: %v", first)
	}
	if _, err := w.agree("token/a", wiki, first[wiki]); err != nil {
		t.Fatal(err)
	}
	run(false, nil, plan("wiki", "x", "y")) // crm could not be listed
	if got := w.held(wiki); len(got.Agreed) != 1 || w.held(crm).ID == "" {
		t.Errorf("after the same plan again: %+v", got)
	}
	run(true, nil, plan("wiki", "x"))
	if got := w.held(wiki); len(got.Agreed) != 0 || got.Plan == first[wiki] || w.held(crm).ID != "" {
		t.Errorf("after another plan: %+v", got)
	}
	w.release(wiki, "as intended")
	w.view(func(r store.Reader) error {
		got, err := access.ReleasedPlans(r, "drift")
		if len(got) != 1 || got[wiki] != w.held(wiki).Plan {
			t.Errorf("released: %v", got)
		}
		return err
	})
	run(false, []string{wiki})
	if got := w.held(wiki); got.ID != "" {
		t.Errorf("after it was done: %+v", got)
	}
}

func (w *world) plansAfter(do func()) map[string]string {
	do()
	plans := map[string]string{}
	w.view(func(r store.Reader) error {
		holds, err := access.ListHolds(r)
		for _, h := range holds {
			plans[h.ID] = h.Plan
		}
		return err
	})
	return plans
}

// TestNothingIsReleasedByOne has people of three agree to plans that change, in
// any order: what is released has two of them behind its last plan, always.
func TestNothingIsReleasedByOne(t *testing.T) {
	engine := enginetest.Again(enginetest.Memory(4))
	w := newWorld(t, engine)
	defer w.store.Close()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		subject := fmt.Sprintf("sweep/drift/c%d", n)
		id, plan, seen := access.HoldID(subject), "", []string{"none"}
		behind := map[string]map[string]bool{} // plan to who agreed to it since it is the present one
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if plan == "" || rapid.IntRange(0, 3).Draw(t, "step") == 0 {
				would := access.NewAgenda(subject)
				would.Add(fmt.Sprint("person ", rapid.IntRange(0, 2).Draw(t, "of")), "loses it")
				h := would.Hold("too much")
				w.update(func(tx store.Tx) error {
					return access.KeepHolds(tx, &policy.Book{}, "drift", []schema.Hold{h}, nil, false)
				})
				if h.Plan != plan {
					behind = map[string]map[string]bool{h.Plan: {}}
				}
				plan = h.Plan
				seen = append(seen, plan)
				continue
			}
			by := rapid.SampledFrom([]string{"token/a", "token/b", "token/c"}).Draw(t, "by")
			to := rapid.SampledFrom(append(seen, plan)).Draw(t, "plan")
			h, err := w.agree(by, id, to)
			if err == nil {
				if to != plan {
					t.Fatalf("%s agreed to a plan that is not the present one", by)
				}
				behind[plan][by] = true
			}
			if now := !h.Released.IsZero(); now != (len(behind[plan]) >= 2) {
				t.Fatalf("released=%v with %v behind it", now, behind[plan])
			}
		}
	})
}
