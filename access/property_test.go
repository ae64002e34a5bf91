package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// A somebody is what a model knows of one identity.
type somebody struct {
	id, name, department string
	inactive, gone       bool
	writer               bool            // in the group of writers
	until                time.Time       // when the grant of editor ends
	buried               map[string]bool // roles with a tombstone
	held                 map[string]bool // entitlements at the wiki
}

// look is what reconciling comes to, said as simply as can be: an unknown
// department decides nothing, and what is held stays.
func (s *somebody) look(now time.Time) {
	if s.gone || s.inactive {
		s.held = map[string]bool{}
		return
	}
	is := func(department, role, entitlement string, asked bool) {
		switch {
		case s.buried[role] || !asked:
			delete(s.held, entitlement)
		case s.department == department:
			s.held[entitlement] = true
		case s.department != "":
			delete(s.held, entitlement)
		}
	}
	is("Engineering", "engineer", "Readers", true)
	is("Operations", "admin", "Admins", true)
	is("Engineering", "editor", "Editors", now.Before(s.until))
	delete(s.held, "Writers")
	if s.writer && !s.buried["writer"] {
		s.held["Writers"] = true
	}
}

func (s *somebody) want() string {
	var all []string
	for e := range s.held {
		all = append(all, e)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// inBubbles checks a property many times, each in a bubble with a clock of its own.
// What is raised there, by violated or by rapid, is raised again outside, where rapid
// waits for it. Properties are what takes long, and are checked beside each other.
func inBubbles(t *testing.T, property func(t *testing.T, r *rapid.T)) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var raised any
		synctest.Test(t, func(t *testing.T) {
			defer func() { raised = recover() }()
			property(t, r)
		})
		if what, ok := raised.(violation); ok {
			r.Fatal(string(what))
		} else if raised != nil {
			panic(raised)
		}
	})
}

// A violation is what a property found that must not be.
type violation string

func violated(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// TestAnyHistory makes random histories of all that sources, people and time do to
// access, and compares what targets then have with the model above. Every write
// has a decision that caused it, and every decision has its policy and reason. R-ENG-1, R-ENG-6.
func TestAnyHistory(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		anyHistory(r, w)
	})
}

func anyHistory(r *rapid.T, w *world) {
	w.publish(w.rules.Book())
	var group schema.Group
	w.update(func(tx store.Tx) (err error) {
		group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
		return err
	})
	people := make([]*somebody, 3)
	for i := range people {
		s := &somebody{name: fmt.Sprint("p", i), buried: map[string]bool{}, held: map[string]bool{}}
		s.id = w.admit(person{name: s.name})
		// The target has an account already, with what nobody manages.
		w.targets["wiki"]["r-"+s.id] = schema.Account{RemoteID: "r-" + s.id, Active: true, Entitlements: []string{"Extra"}}
		people[i] = s
	}
	for range rapid.IntRange(1, 12).Draw(r, "steps") {
		for range rapid.IntRange(1, 3).Draw(r, "at once") {
			happen(r, w, group.ID, people[rapid.IntRange(0, 2).Draw(r, "who")])
		}
		w.work()
		for _, s := range people {
			s.look(time.Now())
			account := w.targets["wiki"]["r-"+s.id]
			managed := slices.DeleteFunc(slices.Clone(account.Entitlements), func(e string) bool { return e == "Extra" })
			if got := strings.Join(managed, " "); got != s.want() {
				violated("%s has %q, want %q", s.name, got, s.want())
			}
			if !slices.Contains(account.Entitlements, "Extra") {
				violated("%s lost what the bridge did not give", s.name)
			}
		}
	}
	explained(w)
	w.alike()
	if p := w.plan(w.rules.Book()); p.Grants+p.Revocations+p.Remodes > 0 {
		violated("all is done, and the policy in force would still change %+v", p.Totals)
	}
	if report, err := w.store.Check(w.t.Context()); err != nil || !report.OK() {
		violated("%v %v", report.Faults, err)
	}
}

// happen is one thing that happens to somebody.
func happen(r *rapid.T, w *world, group string, s *somebody) {
	tell := func() {
		if !s.gone {
			w.admit(person{id: s.id, name: s.name, department: s.department, inactive: s.inactive})
		}
	}
	switch rapid.IntRange(0, 8).Draw(r, "what") {
	case 0, 1:
		s.department = rapid.SampledFrom([]string{"Engineering", "Operations", "Sales", ""}).Draw(r, "department")
		tell()
	case 2:
		s.inactive = !s.inactive
		tell()
	case 3:
		if s.gone || rapid.IntRange(0, 3).Draw(r, "delete") > 0 {
			return
		}
		s.gone, s.writer = true, false
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), s.id) })
	case 4:
		s.writer = !s.writer && !s.gone
		move := access.Leave
		if s.writer {
			move = access.Join
		}
		w.update(func(tx store.Tx) error {
			_, err := move(tx, w.hr(), schema.Member{Group: group, Member: s.id})
			return err
		})
	case 5:
		err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
				Identity: s.id, Role: "editor", By: "token/test", Reason: "why not", Approvals: []schema.Approval{{By: "iam@example.com"}},
			})
			return err
		})
		if (err == nil) != (s.department == "Engineering" && !s.gone && !s.inactive) {
			violated("%+v was granted: %v", *s, err)
		}
		if err == nil {
			s.until, s.buried["editor"] = time.Now().Add(8*time.Hour), false
		}
	case 6:
		role := rapid.SampledFrom([]string{"engineer", "editor", "writer"}).Draw(r, "role")
		s.buried[role] = true
		if role == "editor" {
			s.until = time.Time{}
		}
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: s.id, Role: role, By: "token/test", Reason: "why not"})
		})
	case 7:
		aside(r, w, group, s)
	case 8:
		time.Sleep(rapid.SampledFrom([]time.Duration{time.Minute, 9 * time.Hour}).Draw(r, "pass")) //nolint:forbidigo // of the bubble's own time
	}
}

// aside is one of the things that happen beside, and give or take nothing: they too
// are decisions.
func aside(r *rapid.T, w *world, group string, s *somebody) {
	do := rapid.SampledFrom([]func(tx store.Tx) error{
		func(tx store.Tx) error {
			_, _, err := tokens.NewKey([]byte("key")).Issue(tx, "token/test", schema.Token{Source: "hr"})
			return err
		},
		func(tx store.Tx) error {
			passing, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "passing"})
			if err != nil {
				return err
			}
			passing.DisplayName = "gone"
			if passing, err = access.AdmitGroup(tx, w.hr(), passing); err != nil {
				return err
			}
			return access.RemoveGroup(tx, w.hr(), passing.ID)
		},
		func(tx store.Tx) error {
			if parked, err := access.Park(tx, w.hr(), group, "never heard of"); err != nil || !parked {
				return err
			}
			_, err := access.UnparkMember(tx, w.hr(), group, "never heard of")
			return err
		},
		func(tx store.Tx) error {
			a, err := store.Accounts.Get(tx, "wiki", s.id)
			if errors.Is(err, schema.ErrNotFound) {
				return nil
			}
			a.State = schema.Parked
			return errors.Join(err, store.Accounts.Put(tx, a), access.Unpark(tx, "token/test", "wiki", s.id))
		},
	}).Draw(r, "aside")
	w.update(do)
}

// explained looks at the whole log for decisions without a cause, and causes that
// nobody decided.
func explained(w *world) {
	known := map[string]bool{}
	w.view(func(r store.Reader) error {
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			known[e.Decision.ID] = true
		}
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			d := e.Decision
			if d.Actor == "" || d.Policy == "" || d.Reason == "" {
				violated("without actor, policy or reason: %+v", d)
			}
			switch d.Verb { //nolint:exhaustive // the others cause no write
			case schema.Provisioned, schema.Verified:
				if strings.HasPrefix(d.Object, "role/") { // that what a bypass gave is gone: no write, and it names that
					continue
				}
				if len(d.Because) == 0 {
					violated("written without a decision: %+v", d)
				}
				for _, id := range d.Because {
					if !known[id] {
						violated("written for a decision that is not in the log: %+v", d)
					}
				}
			}
		}
		return nil
	})
}
