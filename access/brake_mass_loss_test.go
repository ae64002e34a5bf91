package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A team is people who hold something by what their source says, and may lose it.
type team struct {
	*world
	people []string
	group  schema.Group
}

const lossesOfHR = "losses:hr"

// newTeam tells of n people who are in the group of writers, and in a department that
// reads, of a source that may take something from two an hour.
func newTeam(t *testing.T, w *world, n int) *team {
	t.Helper()
	w.rules.Use(braked(t, "deactivationsPerHour: 2"))
	m := &team{world: w}
	w.update(func(tx store.Tx) (err error) {
		m.group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
		return err
	})
	for i := range n {
		m.people = append(m.people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
	}
	m.join()
	w.work()
	for _, id := range m.people {
		w.want(id, "Readers Writers")
	}
	return m
}

func (m *team) join() {
	m.t.Helper()
	var all []schema.Member
	for _, id := range m.people {
		all = append(all, schema.Member{Group: m.group.ID, Member: id})
	}
	m.update(func(tx store.Tx) error {
		_, err := access.JoinAll(tx, m.hr(), all)
		return err
	})
}

// look has everybody looked at before whatever else is due.
func (m *team) look(tx store.Tx) error {
	for _, id := range m.people {
		if err := tx.WakeUrgent(access.LaneIdentity, id); err != nil {
			return err
		}
	}
	return nil
}

// left returns how many hold no more than that.
func (m *team) left(entitlements string) (n int) {
	for _, id := range m.people {
		if m.holds(id) == entitlements {
			n++
		}
	}
	return n
}

// takings are the ways in which a source takes something from everybody, and what they
// have afterwards.
var takings = map[string]struct {
	left string
	take func(m *team)
}{
	"members": {"Readers", func(m *team) {
		m.update(func(tx store.Tx) error {
			_, err := access.LeaveAll(tx, m.hr(), m.group.ID, m.people)
			return err
		})
	}},
	"one after another": {"Readers", func(m *team) {
		for _, id := range m.people {
			m.update(func(tx store.Tx) error {
				_, err := access.Leave(tx, m.hr(), schema.Member{Group: m.group.ID, Member: id})
				return err
			})
			m.work()
		}
	}},
	"the group": {"Readers", func(m *team) {
		m.update(func(tx store.Tx) error { return access.RemoveGroup(tx, m.hr(), m.group.ID) })
	}},
	"the group's name": {"Readers", func(m *team) {
		m.group.DisplayName = "readers"
		m.update(func(tx store.Tx) error {
			_, err := access.AdmitGroup(tx, m.hr(), m.group)
			return err
		})
	}},
	"the group, of whose members each is looked at before it is": {"Readers", func(m *team) {
		m.update(func(tx store.Tx) error {
			if err := access.RemoveGroup(tx, m.hr(), m.group.ID); err != nil {
				return err
			}
			return m.look(tx)
		})
	}},
	"the group's name, of whose members each is looked at before it is": {"Readers", func(m *team) {
		m.group.DisplayName = "readers"
		m.update(func(tx store.Tx) error {
			if _, err := access.AdmitGroup(tx, m.hr(), m.group); err != nil {
				return err
			}
			return m.look(tx)
		})
	}},
	"the group around their own, of whose members each is looked at before it is": {"Readers", func(m *team) {
		var inner schema.Group
		m.update(func(tx store.Tx) (err error) {
			inner, err = access.AdmitGroup(tx, m.hr(), schema.Group{DisplayName: "authors"})
			return err
		})
		edges := []schema.Member{}
		for _, id := range m.people {
			edges = append(edges, schema.Member{Group: inner.ID, Member: id})
		}
		m.update(func(tx store.Tx) error {
			if _, err := access.JoinAll(tx, m.hr(), edges); err != nil {
				return err
			}
			if _, err := access.LeaveAll(tx, m.hr(), m.group.ID, m.people); err != nil {
				return err
			}
			_, err := access.Join(tx, m.hr(), schema.Member{Group: m.group.ID, Member: inner.ID, Nested: true})
			return err
		})
		m.work()
		m.update(func(tx store.Tx) error {
			if _, err := access.Leave(tx, m.hr(), schema.Member{Group: m.group.ID, Member: inner.ID}); err != nil {
				return err
			}
			return m.look(tx)
		})
	}},
	"an attribute": {"Writers", func(m *team) {
		for i, id := range m.people {
			m.admit(person{id: id, name: fmt.Sprint("p", i), department: "Elsewhere"})
		}
	}},
}

// TestManyWouldLose has a source take something from more than its limit, without
// ending anybody (R-SRC-7, R-BRAKE-3): those beyond keep it until two people let it
// through; who leaves meanwhile leaves.
func TestManyWouldLose(t *testing.T) {
	for name, c := range takings {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				m := newTeam(t, w, 6)
				c.take(m)
				w.work()
				if got := m.left(c.left); got != 2 {
					t.Fatalf("%d lost it, want the two that the source may take it from", got)
				}
				h := w.held(lossesOfHR)
				if h.Kind != schema.LossHold || h.Count != 4 || len(h.First) != 4 || h.First[0].UserName == "" || h.Subject != "source/hr" {
					t.Errorf("held: %+v", h)
				}
				if got := w.findings("mass-loss"); !slices.Equal(got, []string{"source/hr"}) {
					t.Errorf("findings %v", got)
				}
				i := slices.IndexFunc(m.people, func(id string) bool { return w.holds(id) == "Readers Writers" })
				w.saysWhatKeeps(m.people[i], c.left, lossesOfHR)
				w.admit(person{id: m.people[i], name: fmt.Sprint("p", i), department: "Engineering", inactive: true})
				w.work()
				w.want(m.people[i], "")
				if got := w.held(lossesOfHR).Count; got != 3 {
					t.Errorf("%d are held, want three", got)
				}
				w.release(lossesOfHR, "it was meant")
				w.work()
				if got := m.left(c.left); got != 5 {
					t.Errorf("%d lost it, want all but who left", got)
				}
				if h := w.held(lossesOfHR); h.ID != "" || len(w.findings("mass-loss")) != 0 {
					t.Errorf("still held: %+v", h)
				}
			})
		})
	}
}

// saysWhatKeeps checks that an explanation and a plan say that somebody has one of two
// entitlements, the one that is not left, only because a hold keeps it.
func (w *world) saysWhatKeeps(who, left, hold string) {
	w.t.Helper()
	kept, other := "writers", "readers"
	if left == "Writers" {
		kept, other = other, kept
	}
	w.view(func(r store.Reader) error {
		e, err := access.Explain(r, w.rules, who, "wiki/"+kept)
		if err != nil {
			return err
		}
		if e.Hold != hold || e.Kept == "" || !strings.Contains(e.Answer, "it stays only because its end is held ("+hold) {
			w.t.Errorf("it says %+v: %s", e.Hold, e.Answer)
		}
		if e, err = access.Explain(r, w.rules, who, "wiki/"+other); err == nil && (e.Hold != "" || e.Kept != "") {
			w.t.Errorf("of what is earned it says %s", e.Answer)
		}
		return err
	})
	plan, err := access.PlanPolicy(w.t.Context(), w.store, w.rules.Book(), w.rules.Book())
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(plan.Lines, func(l access.PlanLine) bool { return l.Identity == who && l.Entitlement == kept })
	if plan.Revocations != 0 || plan.Holds != 4 || i < 0 || plan.Lines[i].Change != access.PlanHold || !strings.Contains(plan.Lines[i].Reason, hold) {
		w.t.Errorf("the plan says %d end and %d stay: %+v", plan.Revocations, plan.Holds, plan.Lines)
	}
}

// TestLossesAreTakenBack has the source put back whom it took out.
func TestLossesAreTakenBack(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newTeam(t, w, 6)
		takings["members"].take(m)
		w.work()
		m.join()
		w.work()
		if got := m.left("Readers Writers"); got != 6 {
			t.Errorf("%d have it, want all", got)
		}
		if h := w.held(lossesOfHR); h.ID != "" {
			t.Errorf("still held: %+v", h)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		takings["members"].take(m) // what was let go of is held anew
		w.work()
		if got := m.left("Readers"); got != 2 {
			t.Errorf("%d lost it, want two", got)
		}
	})
}

// TestReleasedLossesHappen has the source touch those again whose losses people let
// through, before these are looked at: nobody has to be asked again.
func TestReleasedLossesHappen(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newTeam(t, w, 6)
		takings["an attribute"].take(m)
		w.work()
		w.release(lossesOfHR, "it was meant")
		w.lane(access.LaneRelease, func(item store.Item) (access.Finish, error) {
			return access.CarryOut(t.Context(), w.store, w.rules, item)
		})
		var other schema.Group
		w.update(func(tx store.Tx) (err error) {
			other, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "others"})
			return err
		})
		w.update(func(tx store.Tx) error {
			var all []schema.Member
			for _, id := range m.people {
				all = append(all, schema.Member{Group: other.ID, Member: id})
			}
			if _, err := access.JoinAll(tx, w.hr(), all); err != nil {
				return err
			}
			_, err := access.LeaveAll(tx, w.hr(), other.ID, m.people)
			return err
		})
		w.work()
		if got := m.left("Writers"); got != 6 {
			t.Errorf("%d lost it, want all: %+v", got, w.held(lossesOfHR))
		}
	})
}

// TestFewAreNoMass has no more lose something than an hour's worth beyond the limit:
// the next hour lets them.
func TestFewAreNoMass(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newTeam(t, w, 4)
		takings["members"].take(m)
		w.work()
		if got := m.left("Readers"); got != 2 {
			t.Errorf("%d lost it, want two", got)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if got := m.left("Readers"); got != 4 {
			t.Errorf("%d lost it, want all", got)
		}
	})
}

// TestAPolicyIsNoSourcesDoing has a policy take from many what a source once gave.
func TestAPolicyIsNoSourcesDoing(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newTeam(t, w, 6)
		w.publish(w.rules.Book())
		w.work()
		w.publish(book(t, `authoritativeFor: ["*"]`, `authoritativeFor: ["*"], massChange: { deactivationsPerHour: 2, onExceeded: hold }`,
			`"writers" in identity.groups`, `"others" in identity.groups`))
		w.work()
		if got := m.left("Readers"); got != 6 {
			t.Errorf("%d lost it, want all: %+v", got, w.held(lossesOfHR))
		}
	})
}

// TestManyAreDistrusted has a source of signals distrust more than its limit.
func TestManyAreDistrusted(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		w.publish(book(t,
			"\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", strings.Replace(outside,
				"authoritativeFor: [risk, use] }", "authoritativeFor: [risk, use], massChange: { deactivationsPerHour: 2, onExceeded: hold } }", 1),
			"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }",
			"triggers: [leaver]\n  permanent: { because: Held for the length of employment. }", "triggers: [leaver, risky]\n  permanent: { because: Held for the length of employment. }"))
		var people []string
		for i := range 6 {
			people = append(people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
		}
		w.work()
		suspended := func() (n int) {
			for _, id := range people {
				if w.holds(id) == "" {
					n++
				}
			}
			return n
		}
		for i := range people {
			w.signal("idp", riskSignal("session-hijacked", true, fmt.Sprintf("p%d@example.com", i)))
		}
		w.work()
		if got := suspended(); got != 2 {
			t.Errorf("%d are suspended, want two", got)
		}
		h := w.held("losses:idp")
		if h.Count != 4 || len(h.First) != 4 {
			t.Errorf("held: %+v", h)
		}
		w.signal("idp", riskSignal("session-hijacked", false, "p5@example.com"))
		w.work()
		if got := w.held("losses:idp").Count; got != 3 {
			t.Errorf("%d are held, want three", got)
		}
		w.release("losses:idp", "the tokens did leak")
		w.work()
		if got := suspended(); got != 5 {
			t.Errorf("%d are suspended, want all that are distrusted", got)
		}
	})
}
