package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"drawbridge/connectors"
	"drawbridge/schema"

	"pgregory.net/rapid"
)

// converges takes one account through any states, and looks after each.
func converges(s *suite) {
	s.check(func(rt *rapid.T) {
		b, person := bridge{suite: s}, s.person()
		for i := range rapid.IntRange(1, 4).Draw(rt, "states") {
			want := s.wanted(rt, person, fmt.Sprintf("state %d", i))
			if err := b.apply(want); err != nil {
				rt.Fatalf("state %d: Apply: %v", i, err)
			}
			if diff := s.differs(want); diff != "" {
				rt.Fatalf("state %d: %s", i, diff)
			}
			if diff := s.misreports(b.have, person["userName"]); diff != "" {
				rt.Fatalf("state %d: Apply %s", i, diff)
			}
		}
	})
}

// idle asks twice for the same, and counts what is written the second time.
func idle(s *suite) {
	s.check(func(rt *rapid.T) {
		b, want := bridge{suite: s}, s.wanted(rt, s.person(), "state")
		if err := b.apply(want); err != nil {
			rt.Fatalf("first Apply: %v", err)
		}
		before := s.Hand.Writes()
		if err := b.apply(want); err != nil {
			rt.Fatalf("second Apply: %v", err)
		}
		if got := s.Hand.Writes() - before; got != 0 {
			rt.Fatalf("the second Apply of the same account wrote %d times, want 0", got)
		}
	})
}

// stale lets the bridge remember an account that was changed, or removed, or
// made meanwhile, and asks for something else.
func stale(s *suite) {
	s.check(func(rt *rapid.T) {
		b, person := bridge{suite: s}, s.person()
		first := s.wanted(rt, person, "first")
		if err := b.apply(first); err != nil {
			rt.Fatalf("first Apply: %v", err)
		}
		old := b.have
		if err := b.apply(s.wanted(rt, person, "second")); err != nil {
			rt.Fatalf("second Apply: %v", err)
		}
		if rapid.Bool().Draw(rt, "removed by hand") && b.have.Exists() {
			if err := s.Hand.Remove(s.Context(), b.have.RemoteID); err != nil {
				rt.Fatalf("remove by hand: %v", err)
			}
		}
		old.Managed = b.have.Managed
		b.have = old
		third := s.wanted(rt, person, "third")
		steps := connectors.Plan(old, third)
		if err := b.apply(third); err != nil {
			rt.Fatalf("Apply with an out-of-date have: %v", err)
		}
		if is, err := s.at(person["userName"]); err != nil || moves(steps) && is.Active != third.Active {
			rt.Fatalf("after an out-of-date have the target has active %v, %v, want %v", is.Active, err, third.Active)
		}
		s.refresh(rt, &b, person["userName"])
		if err := b.apply(third); err != nil {
			rt.Fatalf("Apply with a fresh have: %v", err)
		}
		if diff := s.differs(third); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// moves reports whether the steps say that the account is to be active, or that
// it is not: only then must it be, after an Apply that was told something else.
func moves(steps []connectors.Step) bool {
	return slices.ContainsFunc(steps, func(step connectors.Step) bool {
		return step.Verb == connectors.Disable || step.Verb == connectors.Create || step.Verb == connectors.Enable
	})
}

// doubts lets the bridge forget everything about an account but where it is, as
// after a crash, while it was changed or removed.
func doubts(s *suite) {
	s.check(func(rt *rapid.T) {
		b, person := bridge{suite: s}, s.person()
		first := s.wanted(rt, person, "first")
		first.Active = true
		if err := b.apply(first); err != nil {
			rt.Fatalf("first Apply: %v", err)
		}
		known := b.have
		if err := b.apply(s.wanted(rt, person, "second")); err != nil {
			rt.Fatalf("second Apply: %v", err)
		}
		if rapid.Bool().Draw(rt, "removed by hand") && b.have.Exists() {
			if err := s.Hand.Remove(s.Context(), b.have.RemoteID); err != nil {
				rt.Fatalf("remove by hand: %v", err)
			}
		}
		b.have = schema.Account{RemoteID: known.RemoteID, Active: true, Managed: s.Entitlements}
		third := s.wanted(rt, person, "third")
		if err := b.apply(third); err != nil {
			rt.Fatalf("Apply of an account that is not known: %v", err)
		}
		if diff := s.differs(third); diff != "" {
			rt.Fatal(diff)
		}
		if diff := s.misreports(b.have, person["userName"]); diff != "" {
			rt.Fatalf("Apply %s", diff)
		}
	})
}

// unnamed lets the bridge know no more than that it may have made an account: it
// did, or it did not.
func unnamed(s *suite) {
	s.check(func(rt *rapid.T) {
		b, person := bridge{suite: s}, s.person()
		if rapid.Bool().Draw(rt, "was made") {
			if err := b.apply(schema.Account{Active: true, Attributes: person, Entitlements: s.entitlements(rt, "first")}); err != nil {
				rt.Fatalf("first Apply: %v", err)
			}
		}
		b.have = schema.Account{
			RemoteID: connectors.Unnamed(person["userName"]), Active: true, Attributes: person,
			Entitlements: s.Entitlements, Managed: s.Entitlements,
		}
		want := s.wanted(rt, person, "second")
		if !want.Active {
			want.Attributes = nil // as of somebody who left
		}
		if err := b.apply(want); err != nil {
			rt.Fatalf("Apply of an account whose id is not known: %v", err)
		}
		want.Attributes = b.with(person, want.Attributes)
		if diff := s.differs(want); diff != "" {
			rt.Fatal(diff)
		}
		if diff := s.misreports(b.have, person["userName"]); diff != "" {
			rt.Fatalf("Apply %s", diff)
		}
	})
}

// with returns the attributes, and those that stand above them.
func (s *suite) with(attributes, above map[string]string) map[string]string {
	all := maps.Clone(attributes)
	maps.Copy(all, above)
	return all
}

// refresh makes the bridge remember what is there.
func (s *suite) refresh(rt *rapid.T, b *bridge, userName string) {
	is, err := s.at(userName)
	if err != nil {
		rt.Fatal(err)
	}
	is.Managed = schema.Sorted(is.Entitlements...)
	b.have = is
}

// adopts finds an account that nobody told the bridge of.
func adopts(s *suite) {
	person := s.person()
	there := schema.Account{Active: true, Attributes: person, Entitlements: s.some(0, 1)}
	there, err := s.Hand.Put(s.Context(), there)
	if err != nil {
		s.Fatalf("put by hand: %v", err)
	}
	b := bridge{suite: s}
	want := schema.Account{Active: true, Attributes: person, Entitlements: s.some(1, 2)}
	if err := b.apply(want); err != nil {
		s.Fatalf("Apply: %v", err)
	}
	if got, want := b.have.RemoteID, there.RemoteID; got != want {
		s.Errorf("adopted account %q, want %q", got, want)
	}
	if !b.have.Adopted {
		s.Error("returned an account that was there before as one that is not Adopted")
	}
	if diff := s.differs(want, s.some(0, 1)...); diff != "" {
		s.Error(diff)
	}
	if diff := s.misreports(b.have, person["userName"]); diff != "" {
		s.Errorf("Apply %s", diff)
	}
}

// claims finds an account by its name that is somebody else's.
func claims(s *suite) {
	person, theirs := s.person(), errors.New("it is somebody else's")
	there, err := s.Hand.Put(s.Context(), schema.Account{Active: true, Attributes: person, Entitlements: s.some(0, 1)})
	if err != nil {
		s.Fatalf("put by hand: %v", err)
	}
	ctx := connectors.WithOwners(s.Context(), func(_ context.Context, found schema.Account) error {
		if found.RemoteID != there.RemoteID {
			s.Errorf("asked about account %q, want %q", found.RemoteID, there.RemoteID)
		}
		if name := person["userName"]; found.Attributes != nil && found.Attributes["userName"] != name {
			s.Errorf("asked about the account of %q, want of %q", found.Attributes["userName"], name)
		}
		return theirs
	})
	maybe := schema.Account{RemoteID: connectors.Unnamed(person["userName"]), Active: true, Attributes: person}
	for _, have := range []schema.Account{{}, maybe} {
		want := schema.Account{Active: true, Attributes: person, Entitlements: s.some(1, 2)}
		if got, err := s.Connector.Apply(ctx, have, want); !errors.Is(err, theirs) || got.RemoteID == there.RemoteID {
			s.Errorf("have %q: Apply returned account %q, %v; want why it is not taken over", have.RemoteID, got.RemoteID, err)
		}
	}
	if got, err := s.Connector.Apply(ctx, maybe, schema.Account{Attributes: person}); err != nil || got.Exists() {
		s.Errorf("to be disabled: Apply returned account %q, %v; want none", got.RemoteID, err)
	}
	if diff := s.differs(schema.Account{Active: true, Attributes: person}, s.some(0, 1)...); diff != "" {
		s.Error(diff)
	}
}

// unmanaged gives entitlements by hand, and moves the account around them.
func unmanaged(s *suite) {
	s.check(func(rt *rapid.T) {
		b, person := bridge{suite: s}, s.person()
		byHand := s.entitlements(rt, "by hand")
		there, err := s.Hand.Put(s.Context(), schema.Account{Active: true, Attributes: person, Entitlements: byHand})
		if err != nil {
			rt.Fatalf("put by hand: %v", err)
		}
		b.have = there
		for i := range rapid.IntRange(1, 3).Draw(rt, "states") {
			want := s.wanted(rt, person, fmt.Sprintf("state %d", i))
			want.Active = true
			want.Entitlements = slices.DeleteFunc(want.Entitlements, func(e string) bool { return slices.Contains(byHand, e) })
			if err := b.apply(want); err != nil {
				rt.Fatalf("state %d: Apply: %v", i, err)
			}
			if diff := s.differs(want, byHand...); diff != "" {
				rt.Fatalf("state %d: %s", i, diff)
			}
		}
	})
}

// reenables disables an account, which must end what it held, and enables it.
func reenables(s *suite) {
	b, person := bridge{suite: s}, s.person()
	on := schema.Account{Active: true, Attributes: person, Entitlements: s.some(0, 2)}
	off := schema.Account{Attributes: person}
	for i, want := range []schema.Account{on, off, off, on, off, on} {
		if err := b.apply(want); err != nil {
			s.Fatalf("step %d: Apply: %v", i, err)
		}
		if diff := s.differs(want); diff != "" {
			s.Fatalf("step %d: %s", i, diff)
		}
		is, err := s.at(person["userName"])
		if err != nil {
			s.Fatal(err)
		}
		if !want.Active && len(is.Entitlements) > 0 {
			s.Errorf("step %d: the disabled account still holds %q", i, is.Entitlements)
		}
		if s.Deletes && is.Exists() != want.Active {
			s.Errorf("step %d: the account exists: %v, want %v", i, is.Exists(), want.Active)
		}
	}
}

// concurrent moves many people at once, and looks when all have arrived.
func concurrent(s *suite) {
	const people = 12
	wants := make([]schema.Account, people)
	var group sync.WaitGroup
	for i := range people {
		person := s.person()
		wants[i] = schema.Account{Active: i%4 != 3, Attributes: person}
		if wants[i].Active {
			wants[i].Entitlements = s.some(0, 1+i%3)
		}
		group.Go(func() {
			b := bridge{suite: s}
			full := schema.Account{Active: true, Attributes: maps.Clone(person), Entitlements: s.Entitlements}
			for _, want := range []schema.Account{full, wants[i]} {
				if err := b.apply(want); err != nil {
					s.Errorf("Apply of %s: %v", person["userName"], err)
				}
			}
		})
	}
	group.Wait()
	for _, want := range wants {
		if diff := s.differs(want); diff != "" {
			s.Error(diff)
		}
	}
}
