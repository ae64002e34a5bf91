package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// proposing is the policy with the wiki in propose.
func proposing(t testing.TB, replace ...string) *policy.Book {
	return book(t, append([]string{"  type: memory\n  mode: enforce\n  authority: exclusive", "  type: memory\n  mode: propose\n  authority: exclusive"}, replace...)...)
}

// groups returns what is proposed: change, roles and count.
func (w *world) groups() (all []schema.ProposalGroup) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		all, err = access.ProposalGroups(r)
		return err
	})
	return all
}

// proposed says in a word what is proposed, by group.
func (w *world) proposed() string {
	w.t.Helper()
	text := ""
	for _, g := range w.groups() {
		text += fmt.Sprintf("%s=%d ", g.ID, g.Count)
	}
	return text
}

func (w *world) choose(of string, release bool) (access.Chosen, error) {
	w.t.Helper()
	c := access.Choosing{Of: of, By: "token/boss", Reason: "it is as it should be"}
	for _, g := range w.groups() {
		if g.ID == of {
			c.Plan = g.Plan
		}
	}
	return access.Choose(w.t.Context(), w.store, w.rules, c, release)
}

func (w *world) wantProposed(want string) {
	w.t.Helper()
	if got := w.proposed(); got != want {
		w.t.Errorf("proposed: %q, want %q", got, want)
	}
}

// TestPropose walks somebody through joining, moving and leaving where everything is
// proposed. R-MODE-1.
func TestPropose(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(proposing(t))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.wantProposed("grant:engineer=2 ")
		w.want(ada, "")
		if w.calls != 0 {
			t.Errorf("the target was told %d times of what is only proposed", w.calls)
		}
		if c, err := w.choose("grant:engineer", true); err != nil || c.Count != 2 {
			t.Fatalf("released %+v, %v", c, err)
		}
		w.work()
		w.want(ada, "Readers")
		w.want(bob, "Readers")
		w.wantProposed("")
		calls := w.calls
		w.admit(person{id: ada, name: "ada", department: "Engineering"}) // released once, it stays
		w.work()
		w.want(ada, "Readers")
		if w.calls != calls {
			t.Errorf("told %d times more of what is as it was", w.calls-calls)
		}

		w.admit(person{id: ada, name: "ada", department: "Sales"}) // the end of it is proposed too
		w.admit(person{id: bob, name: "bob", department: "Engineering", inactive: true})
		w.work()
		w.want(ada, "Readers")
		w.want(bob, "Readers")
		w.wantProposed("leaver:engineer=1 revoke:engineer=1 ") // who left first
		for _, id := range []string{"leaver:engineer", "revoke:engineer"} {
			if c, err := w.choose(id, true); err != nil || c.Count != 1 {
				t.Fatalf("released %+v, %v", c, err)
			}
		}
		w.work()
		w.want(ada, "")
		w.want(bob, "")
		w.wantProposed("")
	})
}

// TestDismissed has a proposal dismissed: it does not come back before what it was
// decided from changes. One that nothing calls for any more is closed.
func TestDismissed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(proposing(t))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		if _, err := w.choose("grant:engineer", false); err != nil {
			t.Fatal(err)
		}
		w.admit(person{id: ada, name: "ada.l", department: "Engineering"})
		w.work()
		w.wantProposed("")
		w.admit(person{id: ada, name: "ada.l", department: "Operations"})
		w.work()
		w.wantProposed("grant:admin=1 ")
		w.admit(person{id: ada, name: "ada.l", department: "Sales"})
		w.work()
		w.wantProposed("")
		w.admit(person{id: ada, name: "ada.l", department: "Engineering"})
		w.work()
		w.wantProposed("grant:engineer=1 ") // it was closed, and is called for anew
		w.want(ada, "")
	})
}

// TestLoweredToPropose has the mode of what is enforced lowered, and raised again. R-MODE-4.
func TestLoweredToPropose(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.publish(proposing(t))
		w.admit(person{id: ada, name: "renamed", department: "Engineering"})
		w.admit(person{id: bob, name: "bob", department: "Sales"})
		w.work()
		w.want(ada, "Readers")
		w.want(bob, "Readers")
		w.wantProposed("revoke:engineer=1 ")
		if got := w.targets["wiki"]["r-"+ada].Attributes["userName"]; got != "ada" {
			t.Errorf("the account is called %q though nobody released anything", got)
		}
		w.publish(book(t))
		w.work()
		w.want(bob, "")
		w.wantProposed("")
		if got := w.targets["wiki"]["r-"+ada].Attributes["userName"]; got != "renamed" {
			t.Errorf("the account is called %q", got)
		}
	})
}

// TestProposedByRole has one role in propose at a target that is enforced. R-MODE-3.
func TestProposedByRole(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, "  mode: enforce\n  intent: Engineers read the wiki.", "  mode: propose\n  intent: Engineers read the wiki."))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		root := w.admit(person{name: "root", department: "Operations"})
		w.work()
		w.want(ada, "")
		w.want(root, "Admins")
		if _, err := w.choose("grant:engineer", true); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(ada, "Readers")
		w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
		w.work()
		w.want(ada, "") // the account goes by the mode of its target
		w.wantProposed("")
	})
}

// TestTwoReleaseMany has more ended at once than the policy's limit.
func TestTwoReleaseMany(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(proposing(t, "  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 1 } }\n  identity:"))
		var ids []string
		for _, name := range []string{"ada", "bob", "eve"} {
			ids = append(ids, w.admit(person{name: name, department: "Engineering"}))
		}
		w.work()
		if _, err := w.choose("grant:engineer", true); err != nil {
			t.Fatal(err)
		}
		w.work()
		for _, id := range ids {
			w.admit(person{id: id, name: "p" + id, department: "Sales"})
		}
		w.work()
		c, err := w.choose("revoke:engineer", true)
		if err != nil || c.Awaits != 1 || c.Count != 0 {
			t.Fatalf("one person released %+v, %v", c, err)
		}
		if _, err := w.choose("revoke:engineer", true); !errors.Is(err, schema.ErrForbidden) {
			t.Fatalf("the same person agreed twice: %v", err)
		}
		g := w.groups()[0]
		c, err = access.Choose(t.Context(), w.store, w.rules, access.Choosing{Of: g.ID, Plan: g.Plan, By: "token/second", Reason: "so it is"}, true)
		if err != nil || c.Count != 3 {
			t.Fatalf("two people released %+v, %v", c, err)
		}
		w.work()
		for _, id := range ids {
			w.want(id, "")
		}
	})
}

// TestChoicesThatCannotBe refuses what was not looked at, nobody's and one's own.
func TestChoicesThatCannotBe(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(proposing(t))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		plan := w.groups()[0].Plan
		own := func(store.Reader, string) (bool, error) { return true, nil }
		for name, row := range map[string]struct {
			c    access.Choosing
			want error
		}{
			"no reason":    {access.Choosing{Of: "grant:engineer", Plan: plan, By: "token/x"}, schema.ErrInvalid},
			"no plan":      {access.Choosing{Of: "grant:engineer", By: "token/x", Reason: "x"}, schema.ErrConflict},
			"nothing":      {access.Choosing{Of: "grant:writer", Plan: plan, By: "token/x", Reason: "x"}, schema.ErrNotFound},
			"their own":    {access.Choosing{Of: "grant:engineer", Plan: plan, By: "token/x", Reason: "x", Own: own}, schema.ErrForbidden},
			"another plan": {access.Choosing{Of: "grant:engineer", Plan: "0123456789", By: "token/x", Reason: "x"}, schema.ErrConflict},
		} {
			if _, err := access.Choose(t.Context(), w.store, w.rules, row.c, true); !errors.Is(err, row.want) {
				t.Errorf("%s: %v, want %v", name, err, row.want)
			}
		}
		w.work()
		w.want(ada, "")
		var id string
		w.view(func(r store.Reader) error {
			for p, err := range store.Proposals.All(r, ada) {
				id = p.ID
				return err
			}
			return nil
		})
		if c, err := w.choose(id, true); err != nil || c.Count != 1 {
			t.Fatalf("released by itself: %+v, %v", c, err)
		}
		if _, err := w.choose(id, true); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("released twice: %v", err)
		}
		w.work()
		w.want(ada, "Readers")
	})
}

// TestNothingUnreleasedReachesATarget tries any history of people and choices where
// everything is proposed: a target has what people released, and no more; whoever was
// given something has it until its end is released; groups count what is open; what was
// dismissed stays away until what it was decided from changes, and no longer. R-MODE-1.
func TestNothingUnreleasedReachesATarget(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		h := proposals{world: w, ids: map[string]string{}, people: map[string]person{}, given: map[string]bool{}, dismissed: map[string]person{}}
		w.publish(proposing(t, h.rule(false)...))
		for range rapid.IntRange(1, 16).Draw(r, "steps") {
			h.step(r)
			w.work()
			h.compare()
		}
		w.check()
	})
}

// proposals is one history of people and choices, and what a model knows of it.
type proposals struct {
	*world
	ids       map[string]string
	people    map[string]person // as they were told of last, by name
	given     map[string]bool   // what was released, by name and line
	dismissed map[string]person // likewise what was dismissed, and of whom
}

// rule is that of engineers, in two words that come to the same.
func (h proposals) rule(otherwise bool) []string {
	intent := "Engineers and designers read the wiki."
	if otherwise {
		intent = "Designers and engineers read the wiki."
	}
	return []string{`identity.department == "Engineering"`, `identity.department in ["Engineering", "Design"]`, "Engineers read the wiki.", intent}
}

// earns is what somebody would have, were it not proposed.
func (h proposals) earns(p person, line string) bool {
	roles := map[string][]string{"wiki/readers": {"Engineering", "Design"}, "wiki/admins": {"Operations"}}
	return !p.inactive && slices.Contains(roles[line], p.department)
}

// step is one thing that happens: people choose, somebody is told of, as they were or anew,
// time passes, or the policy is worded otherwise.
func (h proposals) step(r *rapid.T) {
	groups := h.groups()
	switch what := rapid.SampledFrom([]string{"choose", "choose", "tell", "tell", "again", "time", "publish"}).Draw(r, "what"); {
	case what == "choose" && len(groups) > 0:
		h.chooses(groups[rapid.IntRange(0, len(groups)-1).Draw(r, "group")], rapid.Bool().Draw(r, "release"))
	case what == "time":
		h.pass(25 * time.Hour)
	case what == "publish":
		h.publish(proposing(h.t, h.rule(rapid.Bool().Draw(r, "otherwise"))...))
	default:
		name := rapid.SampledFrom([]string{"ada", "bob", "eve"}).Draw(r, "who")
		p, known := h.people[name]
		if !known || what != "again" {
			p = person{name: name, inactive: rapid.Bool().Draw(r, "left"), department: rapid.SampledFrom([]string{"Engineering", "Design", "Operations", "Sales"}).Draw(r, "where")}
		}
		p.id = h.ids[name]
		h.ids[name] = h.admit(p)
		h.people[name] = p
	}
}

// chooses has people choose about a group.
func (h proposals) chooses(g schema.ProposalGroup, release bool) {
	open := h.openIn(g.ID)
	if len(open) != g.Count {
		violated("group %s counts %d, and %d are open", g.ID, g.Count, len(open))
	}
	if _, err := h.choose(g.ID, release); err != nil {
		violated("%v", err)
	}
	for _, p := range open {
		name := h.nameOf(p.Identity)
		if key := name + " " + p.Ref(); release {
			h.given[key] = p.Change == schema.ProposeGrant
		} else {
			h.dismissed[key] = h.people[name]
		}
	}
}

func (h proposals) nameOf(id string) string {
	for name, is := range h.ids {
		if is == id {
			return name
		}
	}
	return ""
}

// compare fails where a target has what nobody released, or where something else is proposed
// than is called for and was not dismissed.
func (h proposals) compare() {
	for name, id := range h.ids {
		has, open, p := strings.Fields(h.holds(id)), h.openFor(id), h.people[name]
		for line, target := range map[string]string{"wiki/readers": "Readers", "wiki/admins": "Admins"} {
			key := name + " " + line
			if slices.Contains(has, target) != h.given[key] {
				violated("%s holds %q; released: %v", name, has, h.given)
			}
			called := h.earns(p, line) != h.given[key]
			if was, ok := h.dismissed[key]; ok && (!called || was.department != p.department || was.inactive != p.inactive) {
				delete(h.dismissed, key)
			}
			_, stays := h.dismissed[key]
			if want := called && !stays; slices.Contains(open, line) != want {
				violated("of %s it is proposed %v to change %s, and called for %v, and dismissed %v", name, !want, line, called, stays)
			}
		}
	}
}

// openFor returns what is proposed about somebody.
func (w *world) openFor(identity string) (lines []string) {
	w.view(func(r store.Reader) error {
		for p, err := range store.Proposals.All(r, identity) {
			if err != nil {
				return err
			}
			if p.State == schema.ProposalOpen {
				lines = append(lines, p.Ref())
			}
		}
		return nil
	})
	return lines
}

func (w *world) openIn(group string) (open []schema.Proposal) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		for p, err := range store.Proposals.By(r, store.ProposalsOpen, group) {
			if err != nil {
				return err
			}
			open = append(open, p)
		}
		return nil
	})
	return open
}
