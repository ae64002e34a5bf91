package access_test

import (
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

// openReview opens a review as somebody who is not one of its people.
func (w *world) openReview(o access.Opening) schema.Review {
	w.t.Helper()
	o.By, o.Reason = access.Decider{Actor: "token/auditor"}, "it is March"
	var v schema.Review
	w.update(func(tx store.Tx) (err error) {
		v, err = access.OpenReview(tx, w.rules, o)
		return err
	})
	w.work()
	return w.review(v.ID)
}

func (w *world) review(id string) (v schema.Review) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		v, err = store.Reviews.Get(r, id)
		return err
	})
	return v
}

func (w *world) items(review string) (items []schema.ReviewItem) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		items = nil
		for i, err := range store.ReviewItems.All(r, review) {
			if err != nil {
				return err
			}
			items = append(items, i)
		}
		return nil
	})
	return items
}

// judge has a person decide about an item.
func (w *world) judge(i schema.ReviewItem, verdict schema.ItemState, by string) error {
	w.t.Helper()
	return w.store.Update(w.t.Context(), func(tx store.Tx) error {
		_, err := access.Judge(tx, w.rules, access.Judgement{
			Review: i.Review, Identity: i.Identity, Holding: i.Holding, Verdict: verdict,
			By: access.Decider{Actor: "token/" + by, Identity: by, Auth: "oidc"}, Reason: "I know them",
		})
		return err
	})
}

func (w *world) mustJudge(i schema.ReviewItem, verdict schema.ItemState, by string) {
	w.t.Helper()
	if err := w.judge(i, verdict, by); err != nil {
		w.t.Fatal(err)
	}
}

// governors are the people whom the policy of the tests names: who answers for the role
// engineer, the deputy, and who answers for the policy.
type governors struct{ lead, second, iam string }

func (w *world) governors() governors {
	return governors{
		lead: w.admit(person{name: "lead", department: "Leads"}), second: w.admit(person{name: "second", department: "Leads"}),
		iam: w.admit(person{name: "iam", department: "Leads"}),
	}
}

// TestReview takes a review of a role from its opening to its signature. What is revoked
// ends, also where a rule gives it; what is kept stays. R-REV-6, R-SWEEP-2.
func TestReview(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		items := w.items(v.ID)
		if v.State != schema.ReviewOpen || v.Items != 2 || len(items) != 2 {
			t.Fatalf("it is %s and has %d items of which %d are there", v.State, v.Items, len(items))
		}
		i := items[slices.IndexFunc(items, func(i schema.ReviewItem) bool { return i.Identity == ada })]
		switch {
		case i.Holding != "role/engineer" || !slices.Equal(i.Gives, []string{"wiki/readers"}) || i.Risk != "low":
			t.Errorf("it is about %s, which gives %v at risk %s", i.Holding, i.Gives, i.Risk)
		case i.Peers != 1 || i.Alike != 1:
			t.Errorf("of %d peers %d hold it too, want 1 of 1", i.Peers, i.Alike)
		case !slices.Contains(i.Why, "role/engineer") || !strings.Contains(i.Because, "by rule"):
			t.Errorf("why is %v: %s", i.Why, i.Because)
		case !slices.Equal(i.Unseen, []string{"wiki"}):
			t.Errorf("that nobody tells of use at the wiki is not said: %v", i.Unseen)
		case !slices.Equal(i.Awaits, []string{"identity/" + s.lead}):
			t.Errorf("it awaits %v, want the owner", i.Awaits)
		}
		for _, other := range items {
			verdict := schema.ItemKept
			if other.Identity == bob {
				verdict = schema.ItemRevoked
			}
			w.mustJudge(other, verdict, s.lead)
		}
		w.work()
		w.want(ada, "Readers")
		w.want(bob, "")
		w.publish(w.rules.Book()) // the rule still matches
		w.work()
		w.want(bob, "")
		if v = w.review(v.ID); v.State != schema.ReviewClosed || !strings.Contains(v.Outcome, "1 were kept") {
			t.Fatalf("it is %s: %s", v.State, v.Outcome)
		}
		sign := func(by string) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.SignReview(tx, w.rules.Book(), access.Choice{Request: v.ID, By: access.Decider{Actor: "token/x", Identity: by, Auth: "oidc"}, Reason: "seen"})
				return err
			})
		}
		for _, by := range []string{s.lead, ada, ""} {
			if err := sign(by); !errors.Is(err, schema.ErrForbidden) {
				t.Errorf("signed by %q, who decided in it or answers for nothing: %v", by, err)
			}
		}
		if err := sign(s.iam); err != nil {
			t.Fatal(err)
		}
		if v = w.review(v.ID); v.State != schema.ReviewSigned || v.Signature == nil || v.Signature.By != "identity/"+s.iam {
			t.Errorf("it is %s, signed %+v", v.State, v.Signature)
		}
		w.work()
		if verbs := w.verbs(v.Ref()); fmt.Sprint(verbs) != "[opened closed signed]" {
			t.Errorf("of the review the log has %v", verbs)
		}
	})
}

// TestItemsSayWhatComesAlong has an item say how risky all is that somebody has by a role,
// what comes along with it too, and when that was used last, as who tells of it. R-REV-6, R-INH-2.
func TestItemsSayWhatComesAlong(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(refused(t, "spec: { protocol: scim, trust: contributing, authoritativeFor: [userName] }", "spec: { protocol: signals, trust: contributing, authoritativeFor: [use] }",
			"{ id: editors, target: Editors, risk: moderate }", "{ id: editors, target: Editors, risk: moderate, confers: [wiki/writers] }",
			"{ id: writers, target: Writers, risk: low }", "{ id: writers, target: Writers, risk: low, confers: [wiki/admins] }",
			"{ id: admins, target: Admins, risk: high }", "{ id: admins, target: Admins, risk: critical, privileged: true }"))
		w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.grant(ada, "editor")
		w.work()
		used := time.Now().Add(-72 * time.Hour).UTC()
		w.update(func(tx store.Tx) error {
			return errors.Join(
				store.Feeds.Put(tx, schema.Feed{Source: "okta", Topic: schema.TopicUse, Connector: "wiki", Heard: tx.Now()}),
				store.Uses.Put(tx, schema.Use{Identity: ada, Connector: "wiki", Entitlement: "editors", LastUsed: used, By: "source/okta"}),
			)
		})
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "editor"})
		items := w.items(v.ID)
		if len(items) != 1 {
			t.Fatalf("there are %+v", items)
		}
		if i := items[0]; i.Risk != "critical" || !i.Privileged || !slices.Equal(i.Gives, []string{"wiki/editors"}) {
			t.Errorf("it gives %v at risk %q, privileged: %v; an administrator comes along", i.Gives, i.Risk, i.Privileged)
		}
		if i := items[0]; !i.LastUsed.Equal(used) || i.ToldBy != "source/okta" || len(i.Unseen) > 0 {
			t.Errorf("it was used %s, as %q says; nobody tells of %v", i.LastUsed, i.ToldBy, i.Unseen)
		}
	})
}

// TestReviewers asks for everybody who may not decide, and for those who may once others
// are not there. Nobody decides about themselves.
func TestReviewers(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		w.admit(person{id: s.lead, name: "lead", department: "Engineering"}) // holds what it answers for
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		of := func(identity string) schema.ReviewItem {
			items := w.items(v.ID)
			return items[slices.IndexFunc(items, func(i schema.ReviewItem) bool { return i.Identity == identity })]
		}
		refused := func(i schema.ReviewItem, by, why string) {
			t.Helper()
			if err := w.judge(i, schema.ItemKept, by); !errors.Is(err, schema.ErrForbidden) {
				t.Errorf("%s decided: %v", why, err)
			}
		}
		refused(of(ada), ada, "whose access it is")
		refused(of(ada), s.second, "a deputy whose owner is there")
		refused(of(ada), "", "a program")
		refused(of(s.lead), s.lead, "the owner about herself")
		w.mustJudge(of(s.lead), schema.ItemKept, s.second) // who steps in
		w.admit(person{id: s.lead, name: "lead", department: "Engineering", inactive: true})
		refused(of(ada), s.lead, "an owner who left")
		w.mustJudge(of(ada), schema.ItemKept, s.second)
	})
}

// TestDelegateAndEscalate passes an item on, and up.
func TestDelegateAndEscalate(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada, eve := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "eve", department: "Sales"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer"})
		i := w.items(v.ID)[0]
		delegate := func(to, by string) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Delegate(tx, w.rules.Book(), access.Delegation{
					Review: v.ID, Identity: i.Identity, Holding: i.Holding, To: to, By: access.Decider{Actor: "token/x", Identity: by}, Reason: "she knows",
				})
				return err
			})
		}
		if err := delegate(ada, s.lead); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("delegated to whose access it is: %v", err)
		}
		if err := delegate(eve, eve); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("delegated by somebody for whom it is not: %v", err)
		}
		if err := delegate(eve, s.lead); err != nil {
			t.Fatal(err)
		}
		if err := w.judge(i, schema.ItemKept, s.iam); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("who comes later in the chain decided: %v", err)
		}
		for range 2 { // to the deputy, and to who answers for the policy
			w.update(func(tx store.Tx) error {
				_, err := access.Escalate(tx, w.rules.Book(), access.Judgement{
					Review: v.ID, Identity: i.Identity, Holding: i.Holding, By: access.Decider{Actor: "token/lead", Identity: s.lead}, Reason: "not for me",
				})
				return err
			})
		}
		w.mustJudge(i, schema.ItemKept, s.iam)
		w.work()
		if got := fmt.Sprint(w.verbs(ada)); !strings.Contains(got, "delegated escalated escalated reapproved") {
			t.Errorf("the log has %s", got)
		}
	})
}

// TestNothingToReview opens nothing where nobody holds anything; where that is told only by
// looking at everybody, as of whom somebody manages, it is over and nobody hears of it.
func TestNothingToReview(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		w.work()
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.OpenReview(tx, w.rules, access.Opening{Kind: schema.ReviewRole, Of: "engineer", By: access.Decider{Actor: "token/x"}, Reason: "why not"})
			return err
		})
		if !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("a review of nothing: %v", err)
		}
		w.view(func(r store.Reader) error {
			if n, err := store.Reviews.Count(r); n != 0 || err != nil {
				t.Errorf("there are %d reviews: %v", n, err)
			}
			return nil
		})
		if v := w.openReview(access.Opening{Kind: schema.ReviewManager}); v.State != schema.ReviewEmpty {
			t.Errorf("a review of nobody is %s", v.State)
		}
		w.view(func(r store.Reader) error {
			if n, err := store.Reminders.Count(r); n != 0 || err != nil {
				t.Errorf("there are %d reminders: %v", n, err)
			}
			if n, err := store.Notices.Count(r); n != 0 || err != nil {
				t.Errorf("there are %d notices: %v", n, err)
			}
			return nil
		})
	})
}

// TestReminders has a review whose owner does nothing: what waits is written down when
// it is opened, when half of its time is over, a day before its end, at it, and each day
// after; from the end on whoever comes next may decide too.
func TestReminders(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer", Within: 10 * 24 * time.Hour})
		times := func(of string) (m schema.Reminder) {
			w.view(func(r store.Reader) (err error) {
				m, err = store.Reminders.Get(r, "identity/"+of, v.Ref())
				if errors.Is(err, schema.ErrNotFound) {
					err = nil
				}
				return err
			})
			return m
		}
		day := func(n int) {
			time.Sleep(time.Until(v.Opened.Add(time.Duration(n)*24*time.Hour + time.Hour))) //nolint:forbidigo // of the bubble's own time
			w.work()
		}
		for _, c := range []struct {
			day, times int
			kind       string
		}{{0, 1, "opened"}, {4, 1, "opened"}, {5, 2, "soon"}, {8, 2, "soon"}, {9, 3, "soon"}, {10, 4, "escalated"}, {11, 5, "escalated"}, {12, 6, "overdue"}} {
			day(c.day)
			if m := times(s.lead); m.Times != c.times || m.Kind != c.kind || m.Items != 1 {
				t.Errorf("on day %d: %+v, want %d times and %s", c.day, m, c.times, c.kind)
			}
		}
		for who, want := range map[string]int{s.second: 3, s.iam: 2} { // the deputy, and who answers for the policy
			if m := times(who); m.Times != want {
				t.Errorf("%s was reminded %d times, want %d: when it was escalated, and after", who, m.Times, want)
			}
		}
		if got := w.findings("review-overdue"); len(got) != 1 {
			t.Errorf("that it is overdue was found %d times", len(got))
		}
		w.mustJudge(w.items(v.ID)[0], schema.ItemKept, s.second)
		w.work()
		if m := times(s.lead); m.Times != 0 {
			t.Errorf("the owner is still to be reminded: %+v", m)
		}
		if got := w.findings("review-overdue"); len(got) != 0 {
			t.Errorf("it is closed, and still overdue")
		}
	})
}

// TestReviewLapses lets an item go whose access ended by itself.
func TestReviewLapses(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		v := w.openReview(access.Opening{Kind: schema.ReviewRole, Of: "engineer", Within: 48 * time.Hour})
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		time.Sleep(24 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if i := w.items(v.ID)[0]; i.State != schema.ItemLapsed {
			t.Errorf("it is %s", i.State)
		}
		if v = w.review(v.ID); v.State != schema.ReviewClosed {
			t.Errorf("the review is %s", v.State)
		}
	})
}
