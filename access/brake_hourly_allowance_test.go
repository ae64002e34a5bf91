package access_test

import (
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestStragglers has more leave in an hour than are believed: the few go through when
// the next hours have room for them, the many wait for people.
func TestStragglers(t *testing.T) {
	for name, c := range map[string]struct {
		leave int
		held  []int // how many hold on after each hour
	}{
		"one too many":          {leave: 3, held: []int{1, 0}},
		"as many again":         {leave: 4, held: []int{2, 0}},
		"more than an hour has": {leave: 5, held: []int{3, 3, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.rules.Use(braked(t, "deactivationsPerHour: 2"))
				var people []string
				for i := range 5 {
					people = append(people, w.admit(person{name: string(rune('a' + i)), department: "Engineering"}))
				}
				w.work()
				for _, id := range people[:c.leave] {
					w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
				}
				for hour, want := range c.held {
					w.work()
					held := 0
					for _, id := range people[:c.leave] {
						if w.holds(id) != "" {
							held++
						}
					}
					if held != want {
						t.Errorf("after %d hours %d hold on, want %d", hour, held, want)
					}
					if there := w.held("source:hr").Count; there != want {
						t.Errorf("after %d hours %d are held, want %d", hour, there, want)
					}
					time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
				}
			})
		})
	}
}

// TestALastDayAMinuteAhead has a source set everybody's last day to a minute from now.
func TestALastDayAMinuteAhead(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(braked(t, "deactivationsPerHour: 2"))
		soon := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
		var people []string
		for i := range 6 {
			people = append(people, w.tell(attested{source: "hr", name: string(rune('a' + i)), department: "Engineering"}))
		}
		w.work()
		for i, id := range people {
			w.tell(attested{source: "hr", id: id, name: string(rune('a' + i)), department: "Engineering", last: soon})
		}
		w.work()
		if h := w.held("source:hr"); h.Count != 4 {
			t.Errorf("held are %+v, want four", h)
		}
		w.view(func(r store.Reader) error {
			for i, id := range people {
				f, err := access.Gather(r, w.rules.Book(), id)
				if err != nil {
					return err
				}
				if believed := !w.rules.Book().LastDay(f).IsZero(); believed != (i < 2) {
					t.Errorf("%d: its last day is believed: %v", i, believed)
				}
			}
			return nil
		})
	})
}

// TestATakenName has a source give somebody the name of one from whom a role was
// taken, and who was deleted.
func TestATakenName(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		old := w.admit(person{name: "ada", department: "Engineering"})
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: old, Role: "engineer", By: "token/test", Reason: "why not"})
		})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), old) })
		now := w.admit(person{name: "other", department: "Engineering"})
		w.work()
		w.want(now, "Readers")
		w.admit(person{id: now, name: "ADA", department: "Engineering"})
		w.work()
		w.want(now, "")
		w.update(func(tx store.Tx) error {
			return access.Lift(tx, w.rules.Book(), access.Lifting{Identity: now, Role: "engineer", By: "token/test", Reason: "she is another"})
		})
		w.work()
		w.want(now, "Readers")
	})
}

// TestWhatWasRevokedGoesAlong has a record go over to an identity of its own, and be
// joined again: what was taken away does not come back by it.
func TestWhatWasRevokedGoesAlong(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t))
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Engineering"})
		payroll := w.tell(attested{source: "payroll", name: "p", email: "a@y", department: "Engineering"})
		w.work()
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: hr, Role: "engineer", By: "token/test", Reason: "why not"})
		})
		w.update(func(tx store.Tx) error {
			return store.Risks.Put(tx, schema.Risk{Identity: hr, Source: "okta", Kind: "account-disabled", Open: true, Occurred: tx.Now()})
		})
		w.tell(attested{source: "payroll", id: payroll, name: "p", email: "p@y", department: "Engineering"})
		w.work()
		if w.record(payroll).Of != "" {
			t.Fatal("it is not of its own")
		}
		w.view(func(r store.Reader) error {
			risk, err := store.Risks.Get(r, payroll, "okta", "account-disabled")
			if !risk.Open {
				t.Error("a risk that is open was left behind")
			}
			return err
		})
		w.want(hr, "")
		w.want(payroll, "")
	})
}

// TestHeldEndsOfJoinedRecords has the brake hold the end of a record that another one is
// joined to.
func TestHeldEndsOfJoinedRecords(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(severally(t, `trust: authoritative, authoritativeFor: ["*"] }`,
			`trust: authoritative, authoritativeFor: ["*", active], correlateBy: [email], massChange: { deactivationsPerHour: 1, onExceeded: hold } }`,
			`authoritativeFor: [userName] }`, `authoritativeFor: [department], correlateBy: [email] }`,
			`department: { type: string, from: [hr] }`, `department: { type: string, from: [okta] }`))
		first := w.tell(attested{source: "hr", name: "first"})
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y"})
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y", department: "Engineering"})
		w.work()
		w.want(hr, "Readers")
		w.remove("hr", first)
		w.remove("hr", hr)
		w.work()
		w.want(hr, "Readers")
		if got := w.record(okta).Of; got != hr {
			t.Errorf("of %q, want %q", got, hr)
		}
		w.release("source:hr", "it is so")
		w.work()
		w.want(hr, "")
		if got := w.record(okta); got.Of != "" || got.Place != "waiting" {
			t.Errorf("it is %+v", got)
		}
	})
}
