package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/access/erasure"
	"drawbridge/schema"
	"drawbridge/store"
)

// details returns which decisions about a subject have details.
func (w *world) details(subject string) (verbs []schema.Verb) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		verbs = nil
		for e, err := range store.LogAbout(r, subject) {
			if err != nil {
				return err
			}
			if _, err := store.Detail(r, e.Decision.ID); err == nil {
				verbs = append(verbs, e.Decision.Verb)
			}
		}
		return nil
	})
	return verbs
}

// TestForget lets a leaver be forgotten, and nobody who stays. R-LOG-6.
func TestForget(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.grant(ada, "editor")
		w.work()
		forget := func(who, by, reason string) (n int, err error) {
			done, err := erasure.Forget(t.Context(), w.store, w.rules.Book(), erasure.Forgetting{Identity: who, By: by, Reason: reason})
			return done.Decisions, err
		}
		had := len(w.details(ada))
		if had == 0 {
			t.Fatal("nothing to forget")
		}
		if _, err := forget(ada, "token/dpo", "asked for"); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("one who is active: %v, want ErrForbidden", err)
		}
		if _, err := forget(ada, "token/dpo", ""); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("without a reason: %v, want ErrInvalid", err)
		}
		if got := len(w.details(ada)); got != had {
			t.Errorf("%d details after what was refused, want %d", got, had)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.work()
		had, others := len(w.details(ada)), w.details(bob)
		before := w.verbs(ada)
		n, err := forget(ada, "token/dpo", "asked for")
		if err != nil || n != had {
			t.Fatalf("forgot %d, %v; want %d", n, err, had)
		}
		w.work()
		if got, want := w.details(ada), []schema.Verb{schema.Forgotten}; !slices.Equal(got, want) {
			t.Errorf("details of %v, want of %v alone", got, want)
		}
		w.view(func(r store.Reader) error {
			latest, err := store.LogLatest(r, ada, "")
			if got, want := latest.Decision.Policy, w.rules.Book().Digest(); got != want {
				t.Errorf("the decision names policy %q, want %q", got, want)
			}
			return err
		})
		if got := w.details(bob); !slices.Equal(got, others) {
			t.Errorf("another's: details of %v, want of %v", got, others)
		}
		if got, want := w.verbs(ada), append(before, schema.Forgotten); !slices.Equal(got, want) {
			t.Errorf("decisions %v, want %v", got, want)
		}
	})
}

// TestForgetWhileLookedAt forgets a leaver while somebody works out what their end means, who
// had read of them before: what is decided then is decided without what they were. R-LOG-6.
func TestForgetWhileLookedAt(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		ada := w.admit(person{name: "ada", department: "Sales"}) // the targets that they are at are observed
		w.work()
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			finish, err := access.Reconcile(t.Context(), w.store, w.rules, item)
			if done := w.forget(ada); len(done.Kept) > 0 {
				t.Errorf("kept %q", done.Kept)
			}
			return finish, err
		})
		w.work()
		if got := w.verbs(ada); !slices.Contains(got, schema.Unassigned) {
			t.Fatalf("decisions %v, want that what they held ended", got)
		}
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, ada) {
				if err != nil {
					return err
				}
				if text, err := store.Detail(r, e.Decision.ID); err == nil && strings.Contains(string(text), "Sales") {
					t.Errorf("%s says still what they were: %s", e.Decision.Verb, text)
				}
			}
			return nil
		})
	})
}

// TestForgetRawCopy forgets what was sent of a leaver beyond their record.
func TestForgetRawCopy(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, bob := w.admit(person{name: "ada"}), w.admit(person{name: "bob"})
		for _, id := range []string{ada, bob} {
			w.update(func(tx store.Tx) error {
				return access.KeepRaw(tx, w.hr(), schema.RawCopy{Resource: id, Method: "POST", Body: []byte(`{"shoeSize":36}`)})
			})
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.forget(ada)
		w.view(func(r store.Reader) error {
			if _, err := access.Raw(r, ada, ""); !errors.Is(err, schema.ErrNotFound) {
				t.Errorf("of who is forgotten there is still a raw copy (%v)", err)
			}
			_, err := access.Raw(r, bob, "")
			return err
		})
		w.work()
	})
}

// TestForgetWhoWasAwaited forgets what a source called a leaver before it told of
// them: of each group that waited, and of nobody else.
func TestForgetWhoWasAwaited(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var g schema.Group
		w.update(func(tx store.Tx) (err error) {
			g, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "crew"})
			for _, name := range []string{"ada@example.com", "bob@example.com"} {
				if err == nil {
					_, err = access.Park(tx, w.hr(), g.ID, name)
				}
			}
			return err
		})
		w.work()
		about := "group/" + g.ID
		awaited := func() int {
			n := 0
			for _, verb := range w.details(about) {
				if verb == schema.Awaited {
					n++
				}
			}
			return n
		}
		if n := awaited(); n != 2 {
			t.Fatalf("%d names are known, want 2", n)
		}
		ada := w.admit(person{name: "ada"})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.forget(ada)
		w.work()
		if n := awaited(); n != 1 {
			t.Errorf("%d names are known, want one: the other's", n)
		}
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, about) {
				if err != nil {
					return err
				}
				if strings.Contains(string(e.Leaf), "example.com") {
					t.Errorf("the log names whom it awaits: %s", e.Leaf)
				}
			}
			return nil
		})
	})
}
