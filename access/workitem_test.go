package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

func (w *world) asked(identity string) (item schema.WorkItem, ok bool) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		item, err = store.WorkItems.Get(r, "wiki", identity)
		ok = err == nil
		if errors.Is(err, schema.ErrNotFound) {
			err = nil
		}
		return err
	})
	return item, ok
}

func (w *world) say(say func(store.Tx, *access.Rules, access.Confirmation) (schema.WorkItem, error), c access.Confirmation) error {
	w.t.Helper()
	return w.store.Update(w.t.Context(), func(tx store.Tx) error {
		_, err := say(tx, w.rules, c)
		return err
	})
}

func tended(t *testing.T, test func(t *testing.T, w *world)) {
	engines(t, func(t *testing.T, w *world) {
		w.terms = &connectors.Terms{Assignee: "desk@example.com", Within: 72 * time.Hour, EndsWithin: 24 * time.Hour, Remind: 24 * time.Hour}
		test(t, w)
	})
}

// TestPeopleAreAsked takes an account at a target that people tend from being made
// to being disabled, each confirmed with evidence.
func TestPeopleAreAsked(t *testing.T) {
	tended(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		item, _ := w.asked(ada)
		if item.What != "create; grant Readers" || item.Ends || item.Assignee != "desk@example.com" || item.UserName != "ada" {
			t.Errorf("asked %+v", item)
		}
		if a := w.account(ada); a.State != schema.Asked || a.Exists() {
			t.Errorf("the account is %+v, want it asked for and not there", a)
		}
		good := access.Confirmation{Connector: "wiki", Identity: ada, Plan: item.Plan, By: "token/desk", Words: "CHG-4711"}
		for _, c := range []struct {
			name   string
			change func(*access.Confirmation)
			want   error
		}{
			{"of another plan", func(c *access.Confirmation) { c.Plan = "another" }, schema.ErrConflict},
			{"without evidence", func(c *access.Confirmation) { c.Words = "" }, schema.ErrInvalid},
			{"about oneself", func(c *access.Confirmation) { c.Own = true }, schema.ErrForbidden},
			{"of nobody", func(c *access.Confirmation) { c.Identity = "nobody" }, schema.ErrNotFound},
		} {
			bad := good
			c.change(&bad)
			if err := w.say(access.Confirm, bad); !errors.Is(err, c.want) {
				t.Errorf("a confirmation %s: %v, want %v", c.name, err, c.want)
			}
		}
		if err := w.say(access.Confirm, good); err != nil {
			t.Fatal(err)
		}
		w.work()
		a := w.account(ada)
		if a.State != schema.Settled || !a.Active || !a.Holds("Readers") || a.RemoteID != "ada" || a.Verified || a.Last.Acknowledged.IsZero() {
			t.Errorf("confirmed, the account is %+v", a)
		}
		if _, open := w.asked(ada); open {
			t.Error("confirmed, and still asked")
		}
		if err := w.say(access.Confirm, good); !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("confirmed again: %v, want ErrNotFound", err)
		}

		w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
		w.work()
		item, _ = w.asked(ada)
		if item.What != "disable; revoke Readers" || !item.Ends || item.Due.Sub(item.Opened) != 24*time.Hour {
			t.Errorf("asked %+v", item)
		}
		good.Plan = item.Plan
		if err := w.say(access.Confirm, good); err != nil {
			t.Fatal(err)
		}
		w.work()
		if a := w.account(ada); a.State != schema.Settled || a.Active || a.Holds("Readers") || !a.Due.IsZero() {
			t.Errorf("confirmed, the account is %+v", a)
		}
	})
}

// toBeRemoved returns somebody whose access people gave by hand, and who left since.
func (w *world) toBeRemoved() (identity string) {
	w.t.Helper()
	ada := w.admit(person{name: "ada", department: "Engineering"})
	w.work()
	item, _ := w.asked(ada)
	if err := w.say(access.Confirm, access.Confirmation{Connector: "wiki", Identity: ada, Plan: item.Plan, By: "token/desk", Words: "seen"}); err != nil {
		w.t.Fatal(err)
	}
	w.work()
	w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
	w.work()
	return ada
}

// TestUnconfirmedRemovalsStayRed has nobody confirm a removal: it stays due, people
// are reminded once a day, and it is closed when nothing is to be done any more. R-REV-8, R-LOG-7.
func TestUnconfirmedRemovalsStayRed(t *testing.T) {
	tended(t, func(t *testing.T, w *world) {
		ada := w.toBeRemoved()
		for day := range 4 {
			if got := len(w.findings("overdue-work")); (got == 1) != (day > 0) {
				t.Errorf("day %d: %d findings", day, got)
			}
			reminded := 0
			for _, v := range w.verbs(ada) {
				if v == schema.Tasked {
					reminded++
				}
			}
			if want := 2 + day; reminded != want {
				t.Errorf("day %d: people were told %d times, want %d", day, reminded, want)
			}
			if a := w.account(ada); !a.Due.Ends || a.State != schema.Asked || !a.Active {
				t.Errorf("day %d: the account is %+v, want its end due", day, a)
			}
			time.Sleep(24 * time.Hour) //nolint:forbidigo // of the bubble's own time
			w.work()
		}
		w.admit(person{id: ada, name: "ada", department: "Engineering"})
		w.work()
		if _, open := w.asked(ada); open || len(w.findings("overdue-work")) > 0 {
			t.Error("she is back, and what she has is still to be taken away")
		}
		if a := w.account(ada); a.State != schema.Settled || !a.Due.IsZero() {
			t.Errorf("the account is %+v, want it settled", a)
		}
	})
}

// TestADeclinedRemovalStaysRed has somebody say that they will not take access away: the
// account is parked, and stays among those of which access is yet to end. R-REV-8.
func TestADeclinedRemovalStaysRed(t *testing.T) {
	tended(t, func(t *testing.T, w *world) {
		ada := w.toBeRemoved()
		item, _ := w.asked(ada)
		if err := w.say(access.Decline, access.Confirmation{Connector: "wiki", Identity: ada, Plan: item.Plan, By: "token/desk", Words: "not my job"}); err != nil {
			t.Fatal(err)
		}
		for day := range 3 {
			w.work()
			if a := w.account(ada); a.State != schema.Parked || !a.Active || !a.Due.Ends {
				t.Errorf("day %d: the account is %+v, want it parked with its end due", day, a)
			}
			open := 0
			w.view(func(r store.Reader) error {
				for a, err := range store.Accounts.By(r, store.AccountOpen, "wiki") {
					if err != nil {
						return err
					}
					if a.Identity == ada {
						open++
					}
				}
				return nil
			})
			if open != 1 {
				t.Errorf("day %d: %d of her removals are open, want 1", day, open)
			}
			time.Sleep(24 * time.Hour) //nolint:forbidigo // of the bubble's own time
		}
	})
}

// TestDeclinedIsParked has somebody say no, and somebody else have it tried again;
// meanwhile more is wanted, which keeps the day on which the first was due.
func TestDeclinedIsParked(t *testing.T) {
	tended(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		first, _ := w.asked(ada)
		if err := w.say(access.Decline, access.Confirmation{Connector: "wiki", Identity: ada, Plan: first.Plan, By: "token/desk", Words: "no seat is left"}); err != nil {
			t.Fatal(err)
		}
		w.work()
		if a := w.account(ada); a.State != schema.Parked {
			t.Errorf("the account is %+v, want it parked", a)
		}
		time.Sleep(100 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if _, open := w.asked(ada); open || len(w.findings("overdue-work")) > 0 {
			t.Error("declined, and asked again")
		}
		w.update(func(tx store.Tx) error { return access.Unpark(tx, "token/test", "wiki", ada) })
		w.work()
		again, open := w.asked(ada)
		if !open || again.Plan != first.Plan {
			t.Errorf("asked %+v, want the same again", again)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.grant(ada, "editor")
		w.work()
		more, _ := w.asked(ada)
		if more.Plan == again.Plan || !more.Due.Equal(again.Due) || !slices.Contains(more.Want.Entitlements, "Editors") {
			t.Errorf("asked %+v, want Editors too, by the same day as before", more)
		}
		if err := w.say(access.Confirm, access.Confirmation{Connector: "wiki", Identity: ada, Plan: again.Plan, By: "token/desk", Words: "x"}); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("the plan before was confirmed: %v", err)
		}
	})
}
