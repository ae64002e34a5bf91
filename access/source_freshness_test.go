package access_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// undecided returns why a role of an identity is undecided.
func (w *world) undecided(identity, role string) (why string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		f, err := store.Findings.Get(r, "undecided", "", identity, "role/"+role)
		why = ""
		if err == nil {
			why = f.Reason
		}
		return nil
	})
	return why
}

// hears has a source send a request, which is written down.
func (w *world) hears(h *access.Hearing, source string) {
	w.t.Helper()
	h.Heard(source, time.Now())
	if err := h.Keep(w.t.Context(), w.store); err != nil {
		w.t.Fatal(err)
	}
}

// TestAStaleSource has a source fall silent, and be heard again (R-SRC-6, R-ENG-3):
// what it said is neither taken for granted nor for gone meanwhile, and an end that it
// told of stands.
func TestAStaleSource(t *testing.T) {
	for name, change := range map[string][2]string{
		"by its freshness": {`authoritativeFor: ["*"] }`, `authoritativeFor: ["*"], freshness: { staleAfter: 6h, onStale: hold } }`},
		"by an attribute's age": {`department: { type: string, from: [hr] }
    groups: { type: list, from: [hr] }`, `department: { type: string, from: [hr], maxAge: 6h }
    groups: { type: list, from: [hr], maxAge: 6h }`},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.publish(book(t, change[0], change[1]))
				h := &access.Hearing{}
				w.hears(h, "hr")
				ada := w.admit(person{name: "ada", department: "Engineering"})
				eve := w.admit(person{name: "eve", department: "Engineering"})
				w.pass(5 * time.Hour)
				w.want(ada, "Readers")
				if why := w.undecided(ada, "engineer"); why != "" || len(w.findings("stale-source")) != 0 {
					t.Errorf("it is fresh: %q", why)
				}
				w.pass(2 * time.Hour)
				why := w.undecided(ada, "engineer")
				if !strings.Contains(why, "identity.department is from hr") || !strings.Contains(why, "ago") || !strings.Contains(why, "6h") {
					t.Errorf("undecided because %q, want the attribute, and how old it is", why)
				}
				if got := w.findings("stale-source"); (len(got) == 1) != (name == "by its freshness") {
					t.Errorf("findings %v", got)
				}
				// What comes without its being heard, as by a restore, moves nobody; an end does.
				w.admit(person{id: ada, name: "ada", department: "Operations"})
				w.admit(person{id: eve, name: "eve", department: "Engineering", inactive: true})
				bob := w.admit(person{name: "bob", department: "Engineering"})
				w.pass(time.Minute)
				w.want(ada, "Readers")
				w.want(eve, "")
				w.want(bob, "")
				w.hears(h, "hr")
				w.pass(time.Minute)
				w.want(ada, "Admins")
				w.want(bob, "Readers")
				if why := w.undecided(ada, "admin"); why != "" || len(w.findings("stale-source")) != 0 {
					t.Errorf("it is fresh again: %q %v", why, w.findings("stale-source"))
				}
				w.view(func(r store.Reader) error {
					heard, stale, err := access.HeardOf(r, w.rules.Book(), "hr")
					if time.Since(heard) > time.Hour || stale {
						t.Errorf("heard %v, stale %v", heard, stale)
					}
					return err
				})
			})
		})
	}
}

// TestALateSource has sources be silent for longer than they promised, and not yet stale
// (R-SRC-6, R-SWEEP-2): people are told, and nothing is concluded from it.
func TestALateSource(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, `authoritativeFor: ["*"] }`, `authoritativeFor: ["*"], freshness: { expectEvery: 1h, staleAfter: 24h, onStale: hold } }`))
		late := func(want string) {
			t.Helper()
			w.view(func(r store.Reader) error {
				l, err := access.Inspections()["silence"].Page(r, w.rules.Book(), access.Bound{}, nil)
				got := ""
				for _, f := range l.Found {
					got += f.Kind + " " + f.Subject + " " + f.Object + ": " + f.Reason
				}
				if want == "" && got != "" || !strings.HasPrefix(got, want) {
					t.Errorf("found %q, want %q", got, want)
				}
				return err
			})
		}
		h := &access.Hearing{}
		w.work()
		w.pass(50 * time.Minute)
		late("")
		w.pass(time.Hour) // it was never heard since it is waited for
		late("silent-feed source/hr records: it is expected every 1h, and was last heard at ")
		w.hears(h, "hr")
		late("")
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.pass(61 * time.Minute) // when it was heard is known to five minutes
		late("")
		w.pass(5 * time.Minute)
		late("silent-feed source/hr records: it is expected every 1h, and was last heard at ")
		w.want(ada, "Readers")
		if got := w.undecided(ada, "engineer"); got != "" || len(w.findings("stale-source")) > 0 {
			t.Errorf("something is concluded from its being late: %q %v", got, w.findings("stale-source"))
		}
		w.pass(24 * time.Hour)
		late("silent-feed source/hr records: nothing was heard of it for 1d, last at ")
	})
}

// TestOneOfSeveralIsStale has the source that adds to what others say fall silent.
func TestOneOfSeveralIsStale(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(severally(t, `trust: contributing, `, `trust: contributing, freshness: { staleAfter: 6h, onStale: hold }, `))
		h := &access.Hearing{}
		w.hears(h, "okta")
		hr := w.tell(attested{source: "hr", name: "a", email: "a@y", department: "Sales"})
		okta := w.tell(attested{source: "okta", name: "o", email: "a@y", department: "Engineering"})
		w.pass(time.Hour)
		w.want(hr, "Readers")
		w.pass(6 * time.Hour)
		w.want(hr, "Readers") // held, and not taken for what hr says
		w.remove("okta", okta)
		w.pass(time.Minute)
		w.want(hr, "") // what it deleted it says no more
		if got := w.record(hr); got.Gone() || got.Place != schema.Counts {
			t.Errorf("it is %+v", got)
		}
	})
}

// TestHearingIsCheap counts what many requests write down.
func TestHearingIsCheap(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		h := &access.Hearing{}
		before := w.store.Stats().Updates
		for range 600 {
			w.hears(h, "hr")
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
		}
		if n := w.store.Stats().Updates - before; n > 2 {
			t.Errorf("%d updates in ten minutes, want one in five", n)
		}
	})
}
