package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestModify has a reviewer shorten a grant, and refuses what would make one longer, or
// what has no end.
func TestModify(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.grant(ada, "editor")
		w.work()
		modify := func(review, holding string, in time.Duration, by string) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Judge(tx, w.rules, access.Judgement{
					Review: review, Identity: ada, Holding: holding, Verdict: schema.ItemModified, Until: time.Now().Add(in),
					By: access.Decider{Actor: "token/x", Identity: by}, Reason: "that is enough",
				})
				return err
			})
		}
		rule := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		if err := modify(rule.ID, "role/engineer", time.Hour, s.lead); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("what is held by rule was given an end: %v", err)
		}
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "editor"})
		if err := modify(v.ID, "role/editor", 20*time.Hour, s.iam); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("it was made longer: %v", err)
		}
		if err := modify(v.ID, "role/editor", -time.Hour, s.iam); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("it was to end before now: %v", err)
		}
		if err := modify(v.ID, "role/editor", time.Hour, s.iam); err != nil {
			t.Fatal(err)
		}
		w.work()
		w.want(ada, "Editors Readers")
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(ada, "Readers")
	})
}

// TestOverdue lets nobody decide in time: what is to rest rests, and has its effect again,
// without a new grant, once a reviewer keeps it; what is to end ends. R-REV-7.
func TestOverdue(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.grant(ada, "editor")
		w.work()
		for overdue, after := range map[string]string{schema.OverdueSuspend: "Editors Readers", schema.OverdueRevoke: "Readers"} {
			w.update(func(tx store.Tx) error { return store.Tombstones.Delete(tx, ada, "editor") })
			w.grant(ada, "editor")
			w.work()
			v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "editor", Within: time.Hour, Overdue: overdue})
			item := w.items(v.ID)[0]
			act := func() (acted bool) {
				w.update(func(tx store.Tx) (err error) {
					acted, err = access.OverdueItem(tx, w.rules, "sweep/reviews", item)
					return err
				})
				w.work()
				return acted
			}
			if act() {
				t.Errorf("%s: it acted before its time", overdue)
			}
			time.Sleep(2 * time.Hour) //nolint:forbidigo // of the bubble's own time
			if !act() {
				t.Errorf("%s: it did not act", overdue)
			}
			w.want(ada, "Readers")
			if act() {
				t.Errorf("%s: it acted twice", overdue)
			}
			err := w.judge(item, schema.ItemKept, s.iam)
			if (err == nil) != (overdue == schema.OverdueSuspend) {
				t.Errorf("%s: kept afterwards: %v", overdue, err)
			}
			w.work()
			w.want(ada, after)
		}
	})
}

// TestReviewOfAConnector finds what no role gives there too; a reviewer who revokes it has
// it taken away, and nothing else. R-INH-6.
func TestReviewOfAConnector(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		owner := w.admit(person{name: "wiki", department: "Leads"})
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.update(func(tx store.Tx) error {
			a, err := store.Accounts.Get(tx, "wiki", ada)
			if err != nil {
				return err
			}
			a.Entitlements = schema.Sorted(append(a.Entitlements, "Admins", "Pins")...)
			w.targets["wiki"][a.RemoteID] = a
			return store.Accounts.Put(tx, a)
		})
		v := w.openReview(access.Opening{Kind: schema.ReviewConnector, Of: "wiki"})
		var holdings []string
		for _, i := range w.items(v.ID) {
			holdings = append(holdings, i.Holding)
		}
		if want := []string{"entitlement/wiki/Admins", "entitlement/wiki/Pins", "role/engineer"}; !slices.Equal(holdings, want) {
			t.Fatalf("it looks at %v, want %v", holdings, want)
		}
		for n, verdict := range []schema.ItemState{schema.ItemRevoked, schema.ItemKept, schema.ItemKept} {
			w.mustJudge(w.items(v.ID)[n], verdict, owner)
		}
		w.work()
		w.want(ada, "Pins Readers")
		if v = w.review(v.ID); v.State != schema.ReviewClosed {
			t.Errorf("it is %s", v.State)
		}
	})
}

const movers = `  triggers: [leaver]
  permanent: { because: Held for as long as they are in the group. }
  review: { every: 90d, by: owner, within: 5d, onChange: [department] }
`

// TestMoverIsReviewed has what a mover keeps reviewed, and what ends by rule not. R-REV-2.
func TestMoverIsReviewed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		w.publish(book(t, "  triggers: [leaver]\n  permanent: { because: Held for as long as they are in the group. }\n  review: { every: 365d }\n", movers))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error {
			g, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
			if err != nil {
				return err
			}
			_, err = access.Join(tx, w.hr(), schema.Member{Group: g.ID, Member: ada})
			return err
		})
		w.work()
		w.want(ada, "Readers Writers")
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		var all []schema.Review
		w.view(func(r store.Reader) error {
			all = nil
			for v, err := range store.Reviews.All(r) {
				if err != nil {
					return err
				}
				all = append(all, v)
			}
			return nil
		})
		if len(all) != 1 || all[0].Kind != schema.ReviewChange || all[0].Of != ada || !strings.Contains(all[0].Reason, "department") {
			t.Fatalf("there are %+v", all)
		}
		if items := w.items(all[0].ID); len(items) != 1 || items[0].Holding != "role/writer" {
			t.Errorf("it looks at %+v", items)
		}
		w.admit(person{id: ada, name: "ada", department: "Engineering"})
		w.work()
		w.view(func(r store.Reader) error {
			if n, err := store.Reviews.Count(r); n != 1 || err != nil {
				t.Errorf("one runs, and there are %d: %v", n, err)
			}
			return nil
		})
	})
}

// TestReviewOfManyGoesOn prepares a review of many in chunks, cut off again and again: each
// item is there once.
func TestReviewOfManyGoesOn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		const many = 450
		w.update(func(tx store.Tx) error {
			for i := range many {
				id := fmt.Sprintf("p%03d", i)
				one := person{id: id, name: id}.identity(t)
				one.Source = "hr"
				if err := store.Identities.Put(tx, one); err != nil {
					return err
				}
				line := schema.Assignment{Identity: id, Connector: "wiki", Entitlement: "readers", Because: []string{"role/engineer"}, Mode: schema.Enforce}
				if err := store.Assignments.Put(tx, line); err != nil {
					return err
				}
			}
			return nil
		})
		var v schema.Review
		w.update(func(tx store.Tx) (err error) {
			v, err = access.OpenReview(tx, w.rules, access.Opening{Kind: schema.ReviewRole, Of: "engineer", By: access.Decider{Actor: "token/x"}, Reason: "all"})
			return err
		})
		reviews := &access.Reviews{Store: w.store, Rules: w.rules}
		for cut := 0; ; cut++ {
			ctx := &ending{Context: w.t.Context(), left: 5 + 5*cut}
			_, err := reviews.Attend(ctx, store.Item{ID: v.ID})
			if err == nil {
				if cut < 2 {
					t.Errorf("it was cut off %d times only", cut)
				}
				break
			}
			if cut > 500 {
				t.Fatalf("it does not get on: %v", err)
			}
		}
		if v = w.review(v.ID); v.Items != many || len(w.items(v.ID)) != many || v.State != schema.ReviewOpen {
			t.Errorf("it is %s, says it has %d items, and has %d", v.State, v.Items, len(w.items(v.ID)))
		}
	})
}

// ending is a context that is done after it was asked so many times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return e.Context.Err()
}
