package scheduler_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

const reviewDay = 24 * time.Hour

// attend does what is due of the reviews.
func (w *inspectWorld) attend() {
	w.t.Helper()
	reviews := &access.Reviews{Store: w.store, Rules: w.rules}
	for {
		var items []store.Item
		w.update(func(tx store.Tx) (err error) {
			items, err = tx.Lease(access.LaneReview, 10, time.Minute)
			return err
		})
		if len(items) == 0 {
			return
		}
		for _, item := range items {
			finish, err := reviews.Attend(w.t.Context(), item)
			if err != nil {
				w.t.Fatal(err)
			}
			w.update(func(tx store.Tx) error {
				next := time.Time{}
				if finish != nil {
					if next, err = finish(tx); err != nil {
						return err
					}
				}
				return tx.Done(item, next)
			})
		}
	}
}

func (w *inspectWorld) reviews() (all []schema.Review) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		all = nil
		for v, err := range store.Reviews.All(r) {
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// TestReviewsByTheirPeriod opens the review of a role once a period, from when the
// bridge met it, and none of a role that nobody holds. What is overdue rests, within the
// guard: beyond it people release it. R-SWEEP-2, R-REV-6, R-BRAKE-5.
func TestReviewsByTheirPeriod(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.admitNamed("iam", "", "Leads", true)
		sweep := scheduler.Sweep{Name: "reviews", Run: scheduler.Reviews(w.store, w.rules), Limits: policy.Brake{Count: 1}}
		w.run(sweep)
		settle(91 * reviewDay)
		w.run(sweep)
		if got := w.reviews(); len(got) != 0 {
			t.Fatalf("nobody holds it, and there are %+v", got)
		}
		ada, bob := w.admitNamed("ada", "", "Press", true), w.admitNamed("bob", "", "Press", true)
		settle(80 * reviewDay)
		if w.run(sweep); len(w.reviews()) != 0 {
			t.Fatal("it was opened before its time")
		}
		settle(11 * reviewDay)
		if run := w.run(sweep); run.Done != 1 || len(w.reviews()) != 1 {
			t.Fatalf("it is due, and it came to %+v", run)
		}
		w.attend()
		v := w.reviews()[0]
		if v.Of != "writer" || v.Items != 2 || v.Overdue != schema.OverdueSuspend || v.By != "sweep/reviews" || v.Within != 7*reviewDay {
			t.Fatalf("it is %+v", v)
		}
		settle(8 * reviewDay)
		w.attend()
		if run := w.run(sweep); run.Held == "" || run.Done != 0 {
			t.Fatalf("two are overdue, and the limit is one: %+v", run)
		}
		settle(time.Second)
		w.want(ada, true, "Editors")
		h := w.release("sweep:reviews:" + v.ID)
		if h.Count != 2 || !slices.ContainsFunc(h.First, func(d schema.Deed) bool { return d.What == "suspend role/writer" }) {
			t.Errorf("the plan is %+v", h)
		}
		if run := w.run(sweep); run.Held != "" || run.Done != 2 || len(run.Released) != 1 {
			t.Fatalf("what people released: %+v", run)
		}
		settle(2 * time.Second)
		w.want(ada, false)
		w.want(bob, false)
		if run := w.run(sweep); run.Done != 0 || run.Held != "" {
			t.Errorf("the run after it: %+v", run)
		}
	})
}

// TestHeldPlanIsReleasedAsItIs tries each way in which what is held must not go on: by one
// person twice, by whoever agreed to another plan, without a reason, and after it went
// stale, both before and after people released it. R-BRAKE-5.
func TestHeldPlanIsReleasedAsItIs(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.admitNamed("iam", "", "Leads", true)
		w.admitNamed("ada", "", "Press", true)
		settle(time.Second)
		var v schema.Review
		w.update(func(tx store.Tx) (err error) {
			v, err = access.OpenReview(tx, w.rules, access.Opening{
				Kind: schema.ReviewRole, Of: "writer", Within: time.Hour, Overdue: schema.OverdueRevoke, By: access.Decider{Actor: "token/x"}, Reason: "now",
			})
			return err
		})
		w.attend()
		settle(2 * time.Hour)
		sweep := scheduler.Sweep{Name: "reviews", Mode: schema.Propose, Run: scheduler.Reviews(w.store, w.rules)}
		if run := w.run(sweep); run.Held == "" {
			t.Fatalf("it proposes, and it came to %+v", run)
		}
		id := "sweep:reviews:" + v.ID
		var h schema.Hold
		w.update(func(tx store.Tx) (err error) { h, err = store.Holds.Get(tx, id); return err })
		agree := func(by, plan, reason string) error {
			return w.store.Update(w.t.Context(), func(tx store.Tx) error {
				_, err := access.Release(tx, w.rules.Book(), access.Releasing{Hold: id, Plan: plan, By: by, Reason: reason})
				return err
			})
		}
		for what, test := range map[string]struct {
			by, plan, reason string
			want             error
		}{
			"no reason":    {"token/a", h.Plan, "", schema.ErrInvalid},
			"another plan": {"token/a", "0123456789abcdef", "yes", schema.ErrConflict},
		} {
			if err := agree(test.by, test.plan, test.reason); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := agree("token/a", h.Plan, "yes"); err != nil {
			t.Fatal(err)
		}
		if err := agree("token/A", h.Plan, "yes"); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("the same person twice: %v", err)
		}
		if run := w.run(sweep); run.Done != 0 {
			t.Errorf("one person agreed, and it did %+v", run)
		}
		// Somebody decides: the plan that was looked at is no more.
		bob := w.admitNamed("bob", "", "Press", true)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			return store.ReviewItems.Put(tx, schema.ReviewItem{Review: v.ID, Identity: bob, Holding: "role/writer", State: schema.ItemOpen})
		})
		w.run(sweep)
		if err := agree("token/b", h.Plan, "yes"); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("a plan that went stale: %v", err)
		}
		w.release(id)
		w.update(func(tx store.Tx) error { return store.ReviewItems.Delete(tx, v.ID, bob, "role/writer") })
		if run := w.run(sweep); run.Held == "" || run.Done != 0 || !strings.Contains(run.Held, "proposed") {
			t.Errorf("released, and stale when it ran: %+v", run)
		}
	})
}
