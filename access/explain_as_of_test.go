package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestAsOf asks for how things were while they went on, also of somebody who is gone.
// R-LOG-5.
func TestAsOf(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.verifies = true
		before := time.Now()
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"})
		decided := time.Now()
		w.work()
		w.grant(ada, "editor")
		w.work()
		both := w.passing(time.Hour)
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		moved := w.passing(time.Hour)
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), bob) })
		w.work()
		gone := w.passing(time.Hour)

		for _, c := range []struct {
			name string
			at   time.Time
			who  string
			want string
		}{
			{"before", before, "ada", ""},
			{"both", both, "ada", "wiki/editors wiki/readers"},
			{"moved", moved, "ada", "crm/sales"},
			{"who is gone since", moved, "bob", "wiki/readers"},
			{"who is gone", gone, "bob", ""},
		} {
			if got := w.refsAt(c.who, c.at); got != c.want {
				t.Errorf("%s: %s had %q, want %q", c.name, c.who, got, c.want)
			}
		}
		for _, c := range []struct {
			name string
			at   time.Time
			ref  string
			want []string
		}{
			{"before", before, "wiki/readers", nil},
			{"both", both, "wiki/readers", []string{ada, bob}},
			{"moved", moved, "wiki/readers", []string{bob}},
			{"gone", gone, "wiki/readers", nil},
			{"what there never was", gone, "wiki/nothing", nil},
		} {
			slices.Sort(c.want)
			if got := w.holdersAt(c.ref, c.at); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v had %s, want %v", c.name, got, c.ref, c.want)
			}
		}
		for _, c := range []struct {
			name, who, ref string
			at             time.Time
			want           access.Standing
			words          string
		}{
			{"before", "ada", "wiki/readers", before, access.Never, "nobody had decided"},
			{"before its target was told", "ada", "wiki/readers", decided, access.Never, ""},
			{"held", "ada", "wiki/editors", both, access.Holds, "granted, and still eligible"},
			{"lost", "ada", "wiki/editors", moved, access.Lost, "had lost"},
			{"watched", "ada", "crm/sales", moved, access.Watched, "its mode was observe"},
			{"by who is gone", "bob", "wiki/readers", moved, access.Holds, "its target agreed"},
			{"by who was gone", "bob", "wiki/readers", gone, access.Lost, "its source deleted"},
		} {
			e := w.explainAt(c.who, c.ref, c.at)
			if e.Standing != c.want || !strings.Contains(e.Answer, c.words) {
				t.Errorf("%s: %s, %s; want %s with %q", c.name, e.Standing, e.Answer, c.want, c.words)
			}
		}
		w.view(func(r store.Reader) error {
			if _, err := access.HeldAt(r, ada, time.Now().Add(time.Hour)); !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("of a time to come: %v", err)
			}
			return nil
		})
	})
}

// TestAsOfWhatThePolicyDropped asks for an entitlement that the policy has no more, nor the
// role that gave it, also of somebody who was deleted since: who had it, and why. R-LOG-5.
func TestAsOfWhatThePolicyDropped(t *testing.T) {
	const admins, role = "    - { id: admins, target: Admins, risk: high }\n", "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: admin,"
	engines(t, func(t *testing.T, w *world) {
		w.verifies = true
		ada, bob := w.admit(person{name: "ada", department: "Operations"}), w.admit(person{name: "bob", department: "Operations"})
		w.work()
		had := w.passing(time.Hour)
		i := strings.Index(documents, role)
		end := i + 1 + strings.Index(documents[i+1:], "---\napiVersion")
		w.publish(book(t, admins, "", documents[i:end], ""))
		w.work()
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), bob) })
		w.work()
		gone := w.passing(time.Hour)
		both := []string{ada, bob}
		slices.Sort(both)
		if got := w.holdersAt("wiki/admins", had); !slices.Equal(got, both) {
			t.Errorf("%v had it, want %v", got, both)
		}
		if got := w.holdersAt("wiki/admins", gone); got != nil {
			t.Errorf("the policy has it no more, and %v had it", got)
		}
		for _, who := range []string{"ada", "bob"} {
			if e := w.explainAt(who, "wiki/admins", had); e.Standing != access.Holds || !strings.Contains(e.Answer, "its target agreed") {
				t.Errorf("%s then: %s, %s", who, e.Standing, e.Answer)
			}
			if e := w.explainAt(who, "wiki/admins", gone); e.Standing != access.Lost {
				t.Errorf("%s now: %s, %s", who, e.Standing, e.Answer)
			}
		}
	})
}

// passing lets time go by, and returns a moment in the middle of it.
func (w *world) passing(d time.Duration) time.Time {
	time.Sleep(d / 2) //nolint:forbidigo // of the bubble's own time
	at := time.Now()
	time.Sleep(d / 2) //nolint:forbidigo // likewise
	return at
}

func (w *world) refsAt(who string, at time.Time) string {
	w.t.Helper()
	var refs []string
	w.view(func(r store.Reader) error {
		id, err := access.FindIdentity(r, who)
		if err != nil {
			return err
		}
		lines, err := access.HeldAt(r, id.ID, at)
		refs = nil
		for _, l := range lines {
			refs = append(refs, l.Ref())
		}
		return err
	})
	return strings.Join(refs, " ")
}

func (w *world) holdersAt(ref string, at time.Time) (who []string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		who = nil
		for l, err := range access.HoldersAt(r, ref, at, "") {
			if err != nil {
				return err
			}
			who = append(who, l.Identity)
		}
		return nil
	})
	return who
}

func (w *world) explainAt(who, ref string, at time.Time) (e access.Explanation) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		e, err = access.ExplainAt(r, w.rules.Book(), who, ref, at)
		return err
	})
	return e
}
