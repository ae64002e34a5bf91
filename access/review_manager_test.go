package access_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// managing is a policy in which a source says who manages whom, and the wiki's readers have an
// owner of their own.
func (w *world) managing() {
	const said = "    department: { type: string, from: [hr] }\n"
	w.rules.Use(book(w.t, said, said+"    manager: { type: string, from: [hr] }\n",
		"{ id: readers, target: Readers, risk: low }", "{ id: readers, target: Readers, risk: low, owner: keeper@example.com }"))
}

// under admits somebody whom somebody manages.
func (w *world) under(p person, boss string) string {
	w.t.Helper()
	one := p.identity(w.t)
	user := map[string]any{"department": p.department}
	if boss != "" {
		user["manager"] = map[string]any{"value": boss}
	}
	resource, err := json.Marshal(map[string]any{"userName": p.name, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": user})
	if err != nil {
		w.t.Fatal(err)
	}
	one.Resource = resource
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, w.hr(), one)
		return err
	})
	return got.ID
}

// TestManagersReview has managers decide about what their people hold: those of one, those of
// all, and those of one who left, whom somebody else decides about. R-REV-6.
func TestManagersReview(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.managing()
		s := w.governors()
		boss, other := w.admit(person{name: "boss", department: "Leads"}), w.admit(person{name: "other", department: "Leads"})
		ada := w.under(person{name: "ada", department: "Engineering"}, boss)
		bob := w.under(person{name: "bob", department: "Engineering"}, other)
		alone := w.under(person{name: "alone", department: "Engineering"}, "")
		w.work()
		about := func(v schema.Review) (who map[string][]string) {
			who = map[string][]string{}
			for _, i := range w.items(v.ID) {
				who[i.Identity] = i.Awaits
			}
			return who
		}
		same := func(a, b map[string][]string) bool {
			if len(a) != len(b) {
				return false
			}
			for k, v := range a {
				if !slices.Equal(v, b[k]) {
					return false
				}
			}
			return true
		}
		mine := w.openReview(access.Opening{Kind: schema.ReviewManager, Of: boss})
		if got, want := about(mine), map[string][]string{ada: {"identity/" + boss}}; !same(got, want) {
			t.Errorf("of one manager's people: %v, want %v", got, want)
		}
		all := w.openReview(access.Opening{Kind: schema.ReviewManager})
		if got, want := about(all), map[string][]string{ada: {"identity/" + boss}, bob: {"identity/" + other}}; !same(got, want) {
			t.Errorf("of all managers' people, without %s who has none: %v, want %v", alone, got, want)
		}
		if err := w.judge(w.items(mine.ID)[0], schema.ItemRevoked, other); err == nil {
			t.Error("another manager decided")
		}
		w.mustJudge(w.items(mine.ID)[0], schema.ItemRevoked, boss)
		w.work()
		w.want(ada, "")
		w.want(bob, "Readers")

		w.admit(person{id: other, name: "other", department: "Leads", inactive: true})
		w.work()
		i := w.items(all.ID)[slices.IndexFunc(w.items(all.ID), func(i schema.ReviewItem) bool { return i.Identity == bob })]
		if err := w.judge(i, schema.ItemKept, other); err == nil {
			t.Error("a manager who left decided")
		}
		w.mustJudge(i, schema.ItemKept, s.lead) // who answers for the role
	})
}

// TestTheManagerAbove has a manager's own manager decide once it is escalated, or the manager
// left: deactivated or deleted, known by their id or their name. What the people of one who left
// hold is reviewed with everybody's, and by itself. R-REV-6.
func TestTheManagerAbove(t *testing.T) {
	for name, ends := range map[string]func(w *world, boss, chief string){
		"deactivated": func(w *world, boss, chief string) {
			w.under(person{id: boss, name: "boss", department: "Leads", inactive: true}, chief)
		},
		"deleted": func(w *world, boss, _ string) {
			w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), boss) })
		},
	} {
		for _, called := range []string{"by id", "by name"} {
			t.Run(name+", "+called, func(t *testing.T) {
				engines(t, func(t *testing.T, w *world) {
					w.managing()
					s := w.governors()
					chief := w.admit(person{name: "chief", department: "Leads"})
					boss := w.under(person{name: "boss", department: "Leads"}, chief)
					say := map[string]string{"by id": boss, "by name": "boss"}[called]
					ada := w.under(person{name: "ada", department: "Engineering"}, say)
					w.work()
					v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer", Reviewer: schema.ByManager})
					awaits := func(v schema.Review, who ...string) schema.ReviewItem {
						t.Helper()
						items := w.items(v.ID)
						var refs []string
						for _, one := range who {
							refs = append(refs, "identity/"+one)
						}
						if len(items) != 1 || items[0].Identity != ada || !slices.Equal(items[0].Awaits, schema.Sorted(refs...)) {
							t.Fatalf("it is about %+v, want what ada holds, for %v to decide", items, refs)
						}
						return items[0]
					}
					i := awaits(v, boss)
					if err := w.judge(i, schema.ItemKept, chief); err == nil {
						t.Error("who is above a manager who is there decided")
					}
					w.update(func(tx store.Tx) error {
						_, err := access.Escalate(tx, w.rules.Book(), access.Judgement{
							Review: v.ID, Identity: ada, Holding: i.Holding, By: access.Decider{Actor: "token/boss", Identity: boss}, Reason: "not for me",
						})
						return err
					})
					i = awaits(v, boss, chief)
					if err := w.judge(i, schema.ItemKept, s.lead); err == nil {
						t.Error("who answers for the role decided, and the manager's manager is there")
					}
					w.mustJudge(i, schema.ItemKept, chief)

					ends(w, boss, chief)
					w.work()
					of := w.openReview(access.Opening{Kind: schema.ReviewManager, Of: boss})
					awaits(of, chief)
					all := w.openReview(access.Opening{Kind: schema.ReviewManager})
					i = awaits(all, chief)
					w.admit(person{id: chief, name: "chief", department: "Leads", inactive: true})
					w.work()
					if err := w.judge(i, schema.ItemKept, chief); err == nil {
						t.Error("a manager's manager who left decided")
					}
					w.mustJudge(i, schema.ItemKept, s.lead)
				})
			})
		}
	}
}

// TestEntitlementOwnersReview asks whoever answers for what is held, before who answers for the
// role. R-REV-6.
func TestEntitlementOwnersReview(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.managing()
		s := w.governors()
		keeper := w.admit(person{name: "keeper", department: "Leads"})
		w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer", Reviewer: schema.ByEntitlementOwner})
		i := w.items(v.ID)[0]
		if !slices.Equal(i.Awaits, []string{"identity/" + keeper}) {
			t.Fatalf("it awaits %v, want %s", i.Awaits, keeper)
		}
		if err := w.judge(i, schema.ItemKept, s.lead); err == nil {
			t.Error("who answers for the role decided, and it is for who answers for the entitlement")
		}
		w.mustJudge(i, schema.ItemKept, keeper)
	})
}

// TestTheNewManagerReviews has somebody go over to another manager, who is asked about what
// they bring along, and the one before not. R-REV-2.
func TestTheNewManagerReviews(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		const said, job = "    department: { type: string, from: [hr] }\n", "  review: { every: 365d }\n---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: seller"
		w.rules.Use(book(t, said, said+"    manager: { type: string, from: [hr] }\n",
			job, strings.Replace(job, "{ every: 365d }", "{ every: 90d, by: manager, within: 5d, onChange: [manager] }", 1)))
		w.governors()
		before, after := w.admit(person{name: "before", department: "Leads"}), w.admit(person{name: "after", department: "Leads"})
		ada := w.under(person{name: "ada", department: "Engineering"}, before)
		w.work()
		w.want(ada, "Readers")
		w.under(person{id: ada, name: "ada", department: "Engineering"}, after)
		w.work()
		var all []schema.Review
		w.view(func(r store.Reader) (err error) {
			all = nil
			for v, err := range store.Reviews.All(r) {
				if err != nil {
					return err
				}
				all = append(all, v)
			}
			return nil
		})
		if len(all) != 1 || all[0].Kind != schema.ReviewChange || all[0].Of != ada {
			t.Fatalf("there are %+v", all)
		}
		items := w.items(all[0].ID)
		if len(items) != 1 || !slices.Equal(items[0].Awaits, []string{"identity/" + after}) {
			t.Fatalf("it asks %+v, want the new manager", items)
		}
		if err := w.judge(items[0], schema.ItemRevoked, before); err == nil {
			t.Error("the manager before decided")
		}
		w.mustJudge(items[0], schema.ItemRevoked, after)
		w.work()
		w.want(ada, "")
	})
}

// TestTimeGoesUpTheChain has nobody decide: at the end of the time the manager's manager may,
// a day later the role's owner, and so on while anybody comes next. R-REV-6.
func TestTimeGoesUpTheChain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.managing()
		s := w.governors()
		chief := w.admit(person{name: "chief", department: "Leads"})
		boss := w.under(person{name: "boss", department: "Leads"}, chief)
		w.under(person{name: "ada", department: "Engineering"}, boss)
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer", Reviewer: schema.ByManager, Within: 4 * oneDay})
		for _, c := range []struct {
			day, times int
			able       []string
		}{
			{0, 0, []string{boss}}, {3, 0, []string{boss}}, {4, 1, []string{boss, chief}}, {5, 2, []string{boss, chief, s.lead}},
			{6, 3, []string{boss, chief, s.lead, s.second}}, {7, 4, []string{boss, chief, s.lead, s.second, s.iam}},
			{8, 4, []string{boss, chief, s.lead, s.second, s.iam}}, {9, 4, []string{boss, chief, s.lead, s.second, s.iam}},
		} {
			time.Sleep(time.Until(v.Opened.Add(time.Duration(c.day)*oneDay + time.Hour))) //nolint:forbidigo // of the bubble's own time
			w.work()
			var want []string
			for _, id := range c.able {
				want = append(want, "identity/"+id)
			}
			if got := w.items(v.ID)[0].Awaits; !slices.Equal(got, schema.Sorted(want...)) {
				t.Errorf("on day %d it waits for %v, want %v", c.day, got, want)
			}
			escalated := 0
			for _, verb := range w.verbs(v.Ref()) {
				if verb == schema.Escalated {
					escalated++
				}
			}
			if escalated != c.times {
				t.Errorf("by day %d it was escalated %d times, want %d", c.day, escalated, c.times)
			}
		}
		w.mustJudge(w.items(v.ID)[0], schema.ItemKept, s.lead)
	})
}
