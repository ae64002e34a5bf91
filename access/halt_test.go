package access_test

import (
	"errors"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func (w *world) halting(connector, reason string) access.Halting {
	return access.Halting{Connector: connector, Known: []string{"wiki", "crm"}, By: "token/operator", Reason: reason}
}

func (w *world) halt(connector string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := access.Halt(tx, w.halting(connector, "the feed looks wrong"))
		return err
	})
}

func (w *world) resume(connector string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := access.Resume(tx, w.halting(connector, "it was a test file"))
		return err
	})
}

// waiting is how many accounts of the wiki wait until it is resumed.
func (w *world) waiting() (n int) {
	w.view(func(r store.Reader) error {
		stats, err := store.LaneStats(r)
		n = stats[access.LaneHalted("wiki")].Items
		return err
	})
	return n
}

// TestHalt has everything stopped in the middle of things, and sees what goes on: the
// removals that are due, and nothing else. R-BG-7.
func TestHalt(t *testing.T) {
	for _, scope := range []string{schema.Everywhere, "wiki"} {
		t.Run(scope, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				leaver := w.admit(person{name: "ada", department: "Engineering"})
				expiring := w.admit(person{name: "bob", department: "Engineering"})
				revoked := w.admit(person{name: "eve", department: "Engineering"})
				mover := w.admit(person{name: "fay", department: "Operations"})
				w.admit(person{name: "gil", department: "Operations"}) // so that fay is not the last who administers
				w.grant(expiring, "editor")
				w.grant(revoked, "editor")
				w.work()
				w.halt(scope)
				calls := w.calls

				joiner := w.admit(person{name: "joe", department: "Engineering"})
				w.admit(person{id: mover, name: "fay", department: "Engineering"})
				w.admit(person{id: leaver, name: "ada", department: "Engineering", inactive: true})
				w.update(func(tx store.Tx) error {
					return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: revoked, Role: "editor", By: "token/operator", Reason: "she asked for it"})
				})
				w.work()
				w.want(joiner, "")         // given to nobody new
				w.want(mover, "Admins")    // what a rule takes stays
				w.want(leaver, "")         // who left is disabled
				w.want(revoked, "Readers") // what a person ended is over
				if got := w.calls - calls; got != 2 {
					t.Errorf("the target was told %d times, want of the leaver and of the revocation", got)
				}
				time.Sleep(9 * time.Hour) //nolint:forbidigo // of the bubble's own time
				w.work()
				w.want(expiring, "Readers") // what was granted for some hours is over
				if n := w.waiting(); n != 2 {
					t.Errorf("%d accounts wait, want the joiner and the mover", n)
				}
				w.resume(scope)
				w.work()
				w.want(joiner, "Readers")
				w.want(mover, "Readers")
				w.want(leaver, "")
				w.want(expiring, "Readers")
				if n := w.waiting(); n != 0 {
					t.Errorf("%d accounts wait after it was resumed", n)
				}
				w.view(func(r store.Reader) error {
					for _, id := range []string{joiner, mover, leaver, revoked, expiring} {
						a, err := store.Accounts.Get(r, "wiki", id)
						if err != nil || a.State != schema.Settled || !a.Due.IsZero() {
							t.Errorf("account %+v (%v), want it settled", a, err)
						}
					}
					return nil
				})
			})
		})
	}
}

// TestResumeEndsAccessFirst has many wait, and looks at the order in which they go
// back: what ends access before the rest, and nobody left behind.
func TestResumeEndsAccessFirst(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		const n = 260 // more than go back at once
		var movers []string
		w.admit(person{name: "root", department: "Operations"})
		for i := range n {
			movers = append(movers, w.admit(person{name: "m" + string(rune('a'+i%26)) + time.Duration(i).String(), department: "Engineering"}))
		}
		w.work()
		w.halt("wiki")
		for i := range n {
			w.admit(person{name: "j" + string(rune('a'+i%26)) + time.Duration(i).String(), department: "Engineering"})
		}
		w.work()
		for i, id := range movers {
			w.admit(person{id: id, name: "m" + string(rune('a'+i%26)) + time.Duration(i).String(), department: "Sales"})
		}
		w.work()
		if got := w.waiting(); got != 2*n {
			t.Fatalf("%d wait, want %d", got, 2*n)
		}
		w.resume("wiki")
		w.view(func(r store.Reader) error {
			for item, err := range store.Items(r, access.LaneAccount("wiki")) {
				if err != nil || !item.Urgent {
					t.Fatalf("first went back %+v (%v), want what ends access", item, err)
				}
			}
			return nil
		})
		w.work()
		for _, id := range movers {
			w.want(id, "")
		}
		if got := w.waiting(); got != 0 || len(w.targets["wiki"]) != 2*n+1 {
			t.Errorf("%d wait, %d accounts; want none, and one of everybody", got, len(w.targets["wiki"]))
		}
	})
}

// TestHaltsStack has one target halted within a halt of everything: each is resumed by
// itself, and to stop is never an error.
func TestHaltsStack(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.halt("wiki")
		w.halt(schema.Everywhere)
		w.halt(schema.Everywhere)
		joiner := w.admit(person{name: "joe", department: "Engineering"})
		w.work()
		w.resume(schema.Everywhere)
		w.work()
		w.want(joiner, "")
		w.update(func(tx store.Tx) error {
			_, err := access.Resume(tx, w.halting(schema.Everywhere, "again"))
			if !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("resumed twice: %v", err)
			}
			return nil
		})
		w.resume("wiki")
		w.work()
		w.want(joiner, "Readers")
		var verbs []schema.Verb
		w.view(func(r store.Reader) error {
			for e, err := range store.Log(r, 0) {
				if err != nil {
					return err
				}
				if d := e.Decision; d.Verb == schema.Halted || d.Verb == schema.Resumed {
					verbs = append(verbs, d.Verb)
					if d.Actor != "token/operator" || d.DetailHash == "" {
						t.Errorf("%+v says not who or why", d)
					}
				}
			}
			return nil
		})
		if len(verbs) != 4 {
			t.Errorf("decisions %v, want two of each", verbs)
		}
	})
}

func TestHaltsThatCannotBe(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for name, row := range map[string]struct {
			h    access.Halting
			want error
		}{
			"nobody":         {access.Halting{Connector: "wiki", Known: []string{"wiki"}, Reason: "x"}, schema.ErrInvalid},
			"no reason":      {access.Halting{Connector: "wiki", Known: []string{"wiki"}, By: "token/x", Reason: " "}, schema.ErrInvalid},
			"no such target": {access.Halting{Connector: "wikki", Known: []string{"wiki"}, By: "token/x", Reason: "x"}, schema.ErrNotFound},
		} {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Halt(tx, row.h)
				return err
			})
			if !errors.Is(err, row.want) {
				t.Errorf("%s: %v, want %v", name, err, row.want)
			}
		}
	})
}
