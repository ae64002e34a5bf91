package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// dueFor returns the kinds of what somebody is to be told.
func (w *world) dueFor(to string) (kinds []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		pile, err := access.NoticesOf(r, to)
		kinds = nil
		for _, n := range pile.Due {
			kinds = append(kinds, n.Kind)
		}
		return err
	})
	return kinds
}

// tellThem has everybody told what is due.
func (w *world) tellThem(to string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		pile, err := access.NoticesOf(tx, to)
		if err != nil {
			return err
		}
		if err := access.Notified(tx, w.rules.Book(), pile.Due, "mail", false); err != nil {
			return err
		}
		return access.Notified(tx, w.rules.Book(), pile.Due, "", true)
	})
}

// TestRequestsAreTold has those told who may decide about a request, once a day, and
// whoever asked what became of it. That they were told is in the log.
func TestRequestsAreTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		asking := o.asking("keeper", "ada")
		asking.Ticket = "CHG-1"
		q, err := o.ask(asking)
		if err != nil {
			t.Fatal(err)
		}
		sec1 := o.ids["sec1"]
		for _, who := range []string{"sec1", "sec2", "chief"} {
			if got := w.dueFor(o.ids[who]); !slices.Equal(got, []string{"approval"}) {
				t.Errorf("%s is to be told %v", who, got)
			}
		}
		if got := w.dueFor(o.ids["ada"]); got != nil {
			t.Errorf("who asks is told %v", got)
		}
		w.tellThem(sec1)
		for range 3 { // it is looked at each hour
			w.pass(time.Hour)
		}
		if got := w.dueFor(sec1); got != nil {
			t.Errorf("within a day of being told: %v", got)
		}
		if got := w.verbs(sec1); !slices.Contains(got, schema.Notified) {
			t.Errorf("the log has %v", got)
		}
		o.approve(q, "sec1", schema.RequestOpen, 0)
		o.approve(q, "sec2", schema.RequestFulfilled, 0)
		if got := w.dueFor(o.ids["ada"]); !slices.Equal(got, []string{"decided"}) {
			t.Errorf("who asked is to be told %v", got)
		}
		w.tellThem(o.ids["ada"])
		w.pass(110 * time.Minute) // of two hours
		if got := w.dueFor(o.ids["ada"]); !slices.Equal(got, []string{"ending"}) {
			t.Errorf("before it ends: %v", got)
		}
	})
}

// TestTheSameIsToldOnceADay raises one thing again and again.
func TestTheSameIsToldOnceADay(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		who := w.admit(person{name: "ada"})
		raise := func() {
			w.update(func(tx store.Tx) error {
				return access.Notify(tx, schema.Notice{To: who, Kind: "work", Subject: "work/x", What: "do it"})
			})
		}
		for day := range 3 {
			raise()
			raise()
			if got := w.dueFor(who); len(got) != 1 {
				t.Fatalf("day %d: %v", day, got)
			}
			w.tellThem(who)
			for _, hours := range []int{6, 6, 6, 3, 2} { // the last two are told when the day is over
				time.Sleep(time.Duration(hours) * time.Hour) //nolint:forbidigo // of the bubble's own time
				raise()
				if got := w.dueFor(who); got != nil {
					t.Errorf("told twice in a day: %v", got)
				}
			}
			w.view(func(r store.Reader) error {
				p, err := access.NoticesOf(r, who)
				if left := time.Until(p.Next); left.Round(time.Second) != time.Hour {
					t.Errorf("what was said again 21 hours later is told in %s", left)
				}
				return err
			})
			time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
			if got := w.dueFor(who); len(got) != 1 {
				t.Errorf("a day later %v is told", got)
			}
		}
	})
}

// TestFindingsAreToldToOwners has a source beyond its limit: who answers for it hears of
// that, by the address that the policy has where nobody is known by it, and so do the
// operators.
func TestFindingsAreToldToOwners(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		owner := w.admit(person{name: "hr"}) // hr@example.com
		w.lose(t, 2)
		for _, to := range []string{owner, "mailto:hr2@example.com", access.Operators} {
			if got := w.dueFor(to); !slices.Contains(got, "finding") {
				t.Errorf("%s is to be told %v", to, got)
			}
			w.tellThem(to)
		}
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, "mailto:hr2@example.com") {
				t.Errorf("the log has an address: %+v, %v", e, err)
			}
			return nil
		})
	})
}

// TestAnEmergencyIsToldAtOnce has those told whom a role for emergencies names, its owner
// and the operators, in the moment in which it is taken. R-BG-1.
func TestAnEmergencyIsToldAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		if _, err := e.take(e.breaking("ada")); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{access.Operators, "mailto:duty@example.com"} {
			var due []schema.Notice
			w.view(func(r store.Reader) error {
				pile, err := access.NoticesOf(r, to)
				due = pile.Due
				return err
			})
			if !slices.ContainsFunc(due, func(n schema.Notice) bool { return n.Kind == "bypass" && n.Urgent }) {
				t.Errorf("%s is to be told %+v", to, due)
			}
		}
	})
}

// TestPoliciesAreTold has those told who could agree to a policy, and of what is beyond the
// clearance of some also the others; and whoever proposed it what became of it, unless that was
// their own doing.
func TestPoliciesAreTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, clearing))
		c.security("lead")
		told := func(when string, who ...string) {
			t.Helper()
			for name, id := range c.ids {
				kinds := w.dueFor(id)
				if got := slices.Contains(kinds, "approval") || slices.Contains(kinds, "decided"); got != slices.Contains(who, name) {
					t.Errorf("%s: %s is to be told %v", when, name, kinds)
				}
				w.tellThem(id)
			}
		}
		small := draft(t, oneMode, clearing, "Engineers read the wiki.", "Engineers may read the wiki.")
		q := c.must(c.propose(c.proposing(small)))
		told("it was proposed", "one", "two", "three")
		q = c.must(c.approve(q, "one"))
		told("as many agreed as must")
		c.must(c.publishPlanned(q, small)) // by ada, who proposed it
		told("whoever proposed it published it")

		more := draft(t, oneMode, clearing, "Engineers read the wiki.", "Engineers may read the wiki.", `identity.department == "Operations"`, `identity.department in ["Operations", "Press"]`)
		q = c.must(c.propose(c.proposing(more)))
		told("what is beyond was proposed", "one", "two", "three", "lead")
		w.update(func(tx store.Tx) error {
			_, err := access.RefusePublication(tx, w.rules.Book(), access.Choice{Request: q.ID, By: c.as("lead"), Reason: "not now"})
			return err
		})
		told("it was refused", "ada")
	})
}

// TestExceptionsAreTold has those told who may decide about an exception, whom it is for
// and who asked what became of it, and before it ends all of them. R-EXC-4.
func TestExceptionsAreTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		g := newRegister(w)
		want := func(when string, all map[string][]string) {
			t.Helper()
			for who, kinds := range all {
				if got := w.dueFor(g.ids[who]); !slices.Equal(got, kinds) {
					t.Errorf("%s, %s is to be told %v, want %v", when, who, got, kinds)
				}
				w.tellThem(g.ids[who])
			}
		}
		e, err := g.except("bob", 40*oneDay)
		if err != nil {
			t.Fatal(err)
		}
		want("asked for", map[string][]string{"iam": {"approval"}, "iam2": {"approval"}, "bob": nil})
		if _, err := g.decideOn(e, "iam"); err != nil {
			t.Fatal(err)
		}
		w.work()
		want("allowed", map[string][]string{"iam": nil, "bob": {"decided"}})
		w.pass(29 * oneDay)
		want("long before its end", map[string][]string{"iam": nil, "bob": nil})
		w.pass(2 * oneDay) // in its last quarter
		want("before its end", map[string][]string{"iam": {"ending"}, "iam2": {"ending"}, "bob": {"ending"}})
		w.pass(9 * oneDay)
		want("after its end", map[string][]string{"iam": nil, "bob": {"decided"}})
	})
}

// TestWhoLosesIsTold has somebody told that people took a role from them, and nobody who
// left.
func TestWhoLosesIsTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, eve := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "eve", department: "Engineering"})
		w.work()
		for _, id := range []string{ada, eve} {
			w.update(func(tx store.Tx) error {
				return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id, Role: "engineer", By: "token/x", Reason: "she knows why"})
			})
		}
		var said []schema.Notice
		w.view(func(r store.Reader) error {
			pile, err := access.NoticesOf(r, ada)
			said = pile.Due
			return err
		})
		if len(said) != 1 || said[0].Kind != "ended" || said[0].What != "role engineer: revoked by a person" {
			t.Errorf("she is to be told %+v", said)
		}
		w.admit(person{id: eve, name: "eve", department: "Engineering", inactive: true})
		w.view(func(r store.Reader) error {
			if who, err := access.AddresseeOf(r, w.rules.Book(), eve); !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("who left is told, at %+v: %v", who, err)
			}
			return nil
		})
	})
}

// TestHeldSweepsAreTold has those told who can release what a sweep is held from: once a
// day, for as long as it is.
func TestHeldSweepsAreTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		owner := w.admit(person{name: "wiki"})
		held := func() {
			w.update(func(tx store.Tx) error {
				would := access.NewAgenda("sweep/drift/wiki")
				would.Add("p1", "revoke Readers")
				h := would.Hold("1 is more than 0")
				return access.KeepHolds(tx, w.rules.Book(), "drift", []schema.Hold{h}, nil, true)
			})
		}
		for day := range 3 {
			for range 4 {
				held()
				time.Sleep(6 * time.Hour) //nolint:forbidigo // of the bubble's own time
			}
			held()
			for _, to := range []string{access.Operators, owner} {
				if got := w.dueFor(to); !slices.Equal(got, []string{"held"}) {
					t.Errorf("day %d: %s is to be told %v", day, to, got)
				}
				w.tellThem(to)
			}
		}
	})
}

// TestHeldReviewsAreTold has whoever answers for a role told that what its review would do is
// held: the hold has the review's id, and nobody's name.
func TestHeldReviewsAreTold(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		lead := w.admit(person{name: "lead"})
		w.update(func(tx store.Tx) error {
			if err := store.Reviews.Put(tx, schema.Review{ID: "r1", Kind: schema.ReviewRole, Of: "engineer", State: schema.ReviewOpen}); err != nil {
				return err
			}
			var holds []schema.Hold
			for _, id := range []string{"r1", "gone"} {
				would := access.NewAgenda("sweep/reviews/" + id)
				would.Add("p1", "revoke role engineer")
				holds = append(holds, would.Hold("1 is more than 0"))
			}
			return access.KeepHolds(tx, w.rules.Book(), "reviews", holds, nil, true)
		})
		if got := w.dueFor(access.Operators); !slices.Equal(got, []string{"held", "held"}) {
			t.Errorf("the operators are to be told %v", got)
		}
		for _, to := range []string{lead, "mailto:second@example.com"} {
			if got := w.dueFor(to); !slices.Equal(got, []string{"held"}) {
				t.Errorf("%s is to be told %v", to, got)
			}
		}
	})
}

// TestToldIsForgotten lets go of what somebody was told when nobody needs to know that
// any more, and of no more at once than one transaction holds.
func TestToldIsForgotten(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		who := w.admit(person{name: "ada"})
		w.update(func(tx store.Tx) error {
			for i := range 700 {
				if err := access.Notify(tx, schema.Notice{To: who, Kind: "work", Subject: fmt.Sprint("work/", i), What: "do it"}); err != nil {
					return err
				}
			}
			return nil
		})
		pile := func() (p access.Pile) {
			w.view(func(r store.Reader) (err error) {
				p, err = access.NoticesOf(r, who)
				return err
			})
			return p
		}
		if p := pile(); len(p.Due) != 500 || !p.More {
			t.Fatalf("%d at once, more: %v", len(p.Due), p.More)
		}
		w.tellThem(who)
		if p := pile(); len(p.Due) != 200 || p.More || !p.Next.Equal(time.Now().Add(90*oneDay)) {
			t.Errorf("then %d, and what was told is forgotten at %s", len(p.Due), p.Next)
		}
		w.tellThem(who)
		time.Sleep(91 * oneDay) //nolint:forbidigo // of the bubble's own time
		for range 2 {
			w.update(func(tx store.Tx) error {
				p, err := access.NoticesOf(tx, who)
				if err != nil {
					return err
				}
				return access.ForgetNotices(tx, p.Old)
			})
		}
		w.view(func(r store.Reader) error {
			if n, err := store.Notices.Count(r); n != 0 || err != nil {
				t.Errorf("%d are left: %v", n, err)
			}
			return nil
		})
	})
}
