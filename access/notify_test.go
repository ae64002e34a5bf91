package access_test

import (
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
		due, _, _, err := access.NoticesOf(r, to)
		kinds = nil
		for _, n := range due {
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
		due, _, _, err := access.NoticesOf(tx, to)
		if err != nil {
			return err
		}
		if err := access.Notified(tx, w.rules.Book(), due, "mail", false); err != nil {
			return err
		}
		return access.Notified(tx, w.rules.Book(), due, "", true)
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
			for range 3 {
				time.Sleep(6 * time.Hour) //nolint:forbidigo // of the bubble's own time
				raise()
				if got := w.dueFor(who); got != nil {
					t.Errorf("told twice in a day: %v", got)
				}
			}
			time.Sleep(6 * time.Hour) //nolint:forbidigo // of the bubble's own time
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
			w.view(func(r store.Reader) (err error) {
				due, _, _, err = access.NoticesOf(r, to)
				return err
			})
			if !slices.ContainsFunc(due, func(n schema.Notice) bool { return n.Kind == "bypass" && n.Urgent }) {
				t.Errorf("%s is to be told %+v", to, due)
			}
		}
	})
}
