package access_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// moverRoles are held by all engineers, and each is reviewed in a way of its own.
const moverRoles = `
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: guide, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers edit.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: editors }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 90d, by: manager, within: 5d, overdue: suspend, onChange: [manager] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: keeper, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers keep the wiki.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: admins }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 90d, by: owner, within: 5d, overdue: revoke, onChange: [manager] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: scribe, owner: { user: iam@example.com, deputy: lead@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers write.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: writers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 90d, by: owner, within: 30d, onChange: [manager, title] }
`

// A moving is an engineer who holds those roles, and whom two managers may have.
type moving struct {
	*world
	governors
	before, after, ada string
}

func newMoving(w *world) *moving {
	const said = "    department: { type: string, from: [hr] }\n"
	w.rules.Use(compiled(w.t, documents+moverRoles, said, said+"    manager: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }\n"))
	m := &moving{world: w, governors: w.governors()}
	m.before, m.after = w.admit(person{name: "before", department: "Leads"}), w.admit(person{name: "after", department: "Leads"})
	m.to(m.before, "junior")
	w.work()
	w.want(m.ada, "Admins Editors Readers Writers")
	return m
}

// to has the engineer go over to a manager, with a title.
func (m *moving) to(manager, title string) {
	m.t.Helper()
	ada := person{id: m.ada, name: "ada"}.identity(m.t)
	resource, err := json.Marshal(map[string]any{"userName": "ada", "title": title, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{
		"department": "Engineering", "manager": map[string]any{"value": manager},
	}})
	if err != nil {
		m.t.Fatal(err)
	}
	ada.Resource = resource
	m.update(func(tx store.Tx) error {
		got, err := access.Admit(tx, m.hr(), ada)
		m.ada = got.ID
		return err
	})
	m.work()
}

// waiting returns what waits of the engineer's, by holding: how often.
func (m *moving) waiting() map[string]int {
	n := map[string]int{}
	for _, i := range m.all() {
		if i.Awaited() {
			n[i.Holding]++
		}
	}
	return n
}

// all returns the items about the engineer.
func (m *moving) all() []schema.ReviewItem {
	m.t.Helper()
	return m.about(m.ada)
}

// about returns the items about somebody.
func (w *world) about(who string) (items []schema.ReviewItem) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		items = nil
		for i, err := range store.ReviewItems.By(r, store.ItemIdentity, who) {
			if err != nil {
				return err
			}
			items = append(items, i)
		}
		return nil
	})
	return items
}

// of returns the one item about a role that waits.
func (m *moving) of(role string) schema.ReviewItem {
	m.t.Helper()
	for _, i := range m.all() {
		if i.Awaited() && i.Holding == "role/"+role {
			return i
		}
	}
	m.t.Fatalf("nothing waits about role %s: %+v", role, m.all())
	return schema.ReviewItem{}
}

// late has the time of everything that waits pass by days, and what nobody decided acted on.
func (m *moving) late(days int) {
	m.t.Helper()
	time.Sleep(time.Duration(days)*24*time.Hour + time.Hour) //nolint:forbidigo // of the bubble's own time
	m.work()
	for _, i := range m.all() {
		m.update(func(tx store.Tx) error {
			_, err := access.OverdueItem(tx, m.rules, "sweep/reviews", i)
			return err
		})
	}
	m.work()
}

// TestEachRoleAsksItsOwn has somebody move who holds roles that are reviewed in different
// ways: about each of them those are asked whom it names, within its own time, and what
// nobody decides becomes what it says. R-REV-2.
func TestEachRoleAsksItsOwn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newMoving(w)
		m.to(m.after, "junior")
		for role, want := range map[string]struct {
			by     string
			within time.Duration
		}{"guide": {m.after, 5 * 24 * time.Hour}, "keeper": {m.lead, 5 * 24 * time.Hour}, "scribe": {m.iam, 30 * 24 * time.Hour}} {
			i := m.of(role)
			if v := m.review(i.Review); !slices.Equal(i.Awaits, []string{"identity/" + want.by}) || v.Within != want.within {
				t.Errorf("about role %s it asks %v within %v, want %s within %v", role, i.Awaits, v.Within, want.by, want.within)
			}
		}
		if err := m.judge(m.of("keeper"), schema.ItemKept, m.after); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("the manager decided about a role that its owner reviews: %v", err)
		}
		m.late(5)
		m.want(m.ada, "Readers Writers")
		if i := m.of("guide"); i.State != schema.ItemSuspended {
			t.Errorf("of the role that rests: %+v", i)
		}
		if n := m.waiting()["role/keeper"]; n != 0 {
			t.Error("the role that ends is still to be decided about")
		}
		if i := m.of("scribe"); i.Level != 0 {
			t.Errorf("before its time is over more people may decide: %+v", i)
		}
		m.late(25)
		m.want(m.ada, "Readers Writers")
		if i := m.of("scribe"); i.State != schema.ItemOpen || i.Level != 1 {
			t.Errorf("of the role that is escalated: %+v", i)
		}
		if i := m.of("guide"); i.Level != 0 {
			t.Errorf("a role that rests was escalated: %+v", i)
		}
		m.mustJudge(m.of("guide"), schema.ItemKept, m.after)
		m.work()
		m.want(m.ada, "Editors Readers Writers")
	})
}

// TestWhoOpensMaySayWhoDecides has a person open a review of a mover: each role asks its own,
// and where the person says who decides, that one is asked about all. R-REV-2, R-REV-6.
func TestWhoOpensMaySayWhoDecides(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newMoving(w)
		asks := func(o access.Opening) map[string]string {
			o.Kind, o.Of = schema.ReviewChange, m.ada
			v, who := m.openReview(o), map[string]string{}
			for _, i := range m.items(v.ID) {
				who[i.Holding] = i.Awaits[0]
			}
			m.update(func(tx store.Tx) error {
				_, err := access.CloseReview(tx, m.rules.Book(), access.Choice{Request: v.ID, By: access.Decider{Actor: v.By}, Reason: "seen enough"})
				return err
			})
			m.work()
			return who
		}
		manager, lead, iam := "identity/"+m.before, "identity/"+m.lead, "identity/"+m.iam
		for who, c := range map[schema.Reviewer]map[string]string{
			"":               {"role/engineer": lead, "role/guide": manager, "role/keeper": lead, "role/scribe": iam}, // of engineers the role does not say
			schema.ByOwner:   {"role/engineer": lead, "role/guide": lead, "role/keeper": lead, "role/scribe": iam},
			schema.ByManager: {"role/engineer": manager, "role/guide": manager, "role/keeper": manager, "role/scribe": manager},
		} {
			if got := asks(access.Opening{Reviewer: who}); !maps.Equal(got, c) {
				t.Errorf("where %q is to decide it asks %v, want %v", who, got, c)
			}
		}
	})
}

// TestEachMoveIsReviewed has somebody move again while a move is reviewed: of what is still
// to be decided nobody is asked twice, and anything else is looked at anew. R-REV-2.
func TestEachMoveIsReviewed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		m := newMoving(w)
		wants := func(after string, want map[string]int) {
			t.Helper()
			if got := m.waiting(); !maps.Equal(got, want) {
				t.Errorf("after %s there waits %v, want %v", after, got, want)
			}
		}
		m.to(m.before, "senior")
		wants("a new title", map[string]int{"role/scribe": 1})
		m.to(m.after, "senior")
		wants("a new manager", map[string]int{"role/guide": 1, "role/keeper": 1, "role/scribe": 1})
		m.mustJudge(m.of("guide"), schema.ItemKept, m.after)
		m.work()
		wants("a decision", map[string]int{"role/keeper": 1, "role/scribe": 1})
		m.to(m.before, "senior")
		wants("the way back", map[string]int{"role/guide": 1, "role/keeper": 1, "role/scribe": 1})
		m.mustJudge(m.of("guide"), schema.ItemKept, m.before)
	})
}
