package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// finding reports one that nothing mends by itself, and returns it.
func (w *world) finding(f schema.Finding) schema.Finding {
	w.t.Helper()
	w.update(func(tx store.Tx) error { return access.Report(tx, w.rules.Book(), "sweep/test", f) })
	return f
}

// shown counts the findings that are not put aside now.
func (w *world) shown() (n int) {
	w.view(func(r store.Reader) error {
		n = 0
		for f, err := range store.Findings.All(r) {
			if err != nil {
				return err
			}
			if !f.Quiet(r.Now()) {
				n++
			}
		}
		return nil
	})
	return n
}

// TestFindingsAreDecidedAbout puts findings aside, allows and assigns them, each with who
// and why, and refuses who may not, and what has no end.
func TestFindingsAreDecidedAbout(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		f := w.finding(schema.Finding{Kind: "unmanaged", Connector: "wiki", Subject: ada, Object: "Admins", Reason: "nobody gave it"})
		do := func(verb func(store.Tx, *policy.Book, access.Settling) (schema.Finding, error), change func(*access.Settling)) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				x := access.Settling{Finding: f.ID(), By: access.Decider{Actor: "token/iam", Identity: s.iam}, Reason: "it is known", Until: time.Now().Add(24 * time.Hour)}
				change(&x)
				_, err := verb(tx, w.rules.Book(), x)
				return err
			})
		}
		as := func(*access.Settling) {}
		for name, test := range map[string]struct {
			verb   func(store.Tx, *policy.Book, access.Settling) (schema.Finding, error)
			change func(*access.Settling)
			want   error
		}{
			"no reason":           {access.IgnoreFinding, func(x *access.Settling) { x.Reason = " " }, schema.ErrInvalid},
			"no end":              {access.IgnoreFinding, func(x *access.Settling) { x.Until = time.Time{} }, schema.ErrInvalid},
			"for too long":        {access.IgnoreFinding, func(x *access.Settling) { x.Until = time.Now().Add(400 * 24 * time.Hour) }, schema.ErrForbidden},
			"one's own, aside":    {access.IgnoreFinding, func(x *access.Settling) { x.By.Identity = ada }, schema.ErrForbidden},
			"none of that id":     {access.IgnoreFinding, func(x *access.Settling) { x.Finding = "0000" }, schema.ErrNotFound},
			"nothing instead":     {access.ExceptFinding, as, schema.ErrInvalid},
			"about oneself":       {access.ExceptFinding, func(x *access.Settling) { x.Compensating, x.By.Identity = []string{"a"}, ada }, schema.ErrForbidden},
			"for others to allow": {access.ExceptFinding, func(x *access.Settling) { x.Compensating, x.By.Identity = []string{"a"}, s.lead }, schema.ErrForbidden},
			"a program":           {access.ExceptFinding, func(x *access.Settling) { x.Compensating, x.By.Identity = []string{"a"}, "" }, schema.ErrForbidden},
			"nobody":              {access.AssignFinding, func(x *access.Settling) { x.Assignee = "nobody" }, schema.ErrNotFound},
		} {
			if err := do(test.verb, test.change); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		}
		if err := do(access.AssignFinding, func(x *access.Settling) { x.Assignee = s.lead }); err != nil || w.shown() != 1 {
			t.Errorf("assigned: %v; %d are shown", err, w.shown())
		}
		if err := do(access.IgnoreFinding, as); err != nil || w.shown() != 0 {
			t.Errorf("put aside: %v; %d are shown", err, w.shown())
		}
		w.finding(f) // it is seen again, which changes nothing
		if w.shown() != 0 {
			t.Error("it came back when it was seen again")
		}
		time.Sleep(25 * time.Hour) //nolint:forbidigo // of the bubble's own time
		if w.shown() != 1 {
			t.Error("it did not come back on its day")
		}
		if err := do(access.ExceptFinding, func(x *access.Settling) { x.Compensating = []string{"she is watched"} }); err != nil || w.shown() != 0 {
			t.Errorf("allowed: %v; %d are shown", err, w.shown())
		}
		w.work()
		for _, verb := range []schema.Verb{schema.Found, schema.Reassigned, schema.Resolved, schema.Excepted} {
			if !slices.Contains(w.verbs(ada), verb) {
				t.Errorf("the log has no %s: %v", verb, w.verbs(ada))
			}
		}
	})
}

// TestFindingsAreRevoked has what findings are about taken away: what no role gives by
// itself, and what is not used with the role that gives it.
func TestFindingsAreRevoked(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.update(func(tx store.Tx) error {
			a, err := store.Accounts.Get(tx, "wiki", ada)
			if err != nil {
				return err
			}
			a.Entitlements = schema.Sorted(append(a.Entitlements, "Admins", "Pins")...)
			w.targets["wiki"][a.RemoteID] = a
			return store.Accounts.Put(tx, a)
		})
		revoke := func(f schema.Finding, by string) error {
			err := w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.RevokeFinding(tx, w.rules, access.Settling{Finding: f.ID(), By: access.Decider{Actor: "token/x", Identity: by}, Reason: "it has to go"})
				return err
			})
			w.work()
			return err
		}
		extra := w.finding(schema.Finding{Kind: "unmanaged", Connector: "wiki", Subject: ada, Object: "Admins", Reason: "nobody gave it"})
		if err := revoke(extra, ada); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("about oneself: %v", err)
		}
		if err := revoke(extra, s.iam); err != nil {
			t.Fatal(err)
		}
		w.want(ada, "Pins Readers")
		unused := w.finding(schema.Finding{Kind: "unused", Connector: "wiki", Subject: ada, Object: "readers", Reason: "nobody used it"})
		if err := revoke(unused, s.iam); err != nil {
			t.Fatal(err)
		}
		if got := w.holds(ada); got != "" && got != "Pins" {
			t.Errorf("she has %q", got)
		}
		other := w.finding(schema.Finding{Kind: "ownerless", Subject: "role/engineer", Reason: "nobody owns it"})
		if err := revoke(other, s.iam); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("what is no access: %v", err)
		}
	})
}

// TestOrphanIsAdopted says whose an account is that nobody explains; then it is none.
func TestOrphanIsAdopted(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		s := w.governors()
		ada := w.admit(person{name: "ada", department: "Sales"})
		w.work()
		f := w.finding(schema.Finding{Kind: "orphan", Connector: "wiki", Subject: "r9", Reason: "no identity explains this account"})
		w.update(func(tx store.Tx) error {
			_, err := access.AdoptFinding(tx, w.rules, access.Settling{Finding: f.ID(), By: access.Decider{Actor: "token/x", Identity: s.iam}, Reason: "it is hers"},
				access.Adoption{Match: access.MatchOf(schema.Account{Connector: "wiki", RemoteID: "r9", Active: true, Entitlements: []string{"Pins"}}), Identity: ada})
			return err
		})
		if got := w.findings("orphan"); len(got) != 0 {
			t.Errorf("it is still %v", got)
		}
		w.view(func(r store.Reader) error {
			a, err := store.Accounts.Get(r, "wiki", ada)
			if !a.Adopted || a.RemoteID != "r9" {
				t.Errorf("her account is %+v", a)
			}
			return err
		})
	})
}
