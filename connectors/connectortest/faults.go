package connectortest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"

	"pgregory.net/rapid"
)

// faulty stops the case if the target cannot be made to fail: then the harness
// has to say so, as an exception with a reason.
func (s *suite) faulty() {
	if s.Faults == nil {
		s.Fatal("the harness has no Faults: add them, or an exception with the reason")
	}
}

// ordered stops a move after each of its calls: at no point may the account hold
// what is to begin while it still holds what is to end.
func ordered(s *suite) {
	s.faulty()
	if len(s.Entitlements) == 0 {
		s.Skip("the target has no entitlements")
	}
	ends, begins := s.Entitlements[0], s.Entitlements[1]
	for nth := 1; ; nth++ {
		b, person := bridge{suite: s}, s.person()
		if err := b.apply(schema.Account{Active: true, Attributes: person, Entitlements: []string{ends}}); err != nil {
			s.Fatalf("Apply: %v", err)
		}
		s.Faults.Fail(nth, true)
		err := b.apply(schema.Account{Active: true, Attributes: person, Entitlements: []string{begins}})
		if !s.Faults.Spent() {
			if err != nil {
				s.Fatalf("Apply without a fault: %v", err)
			}
			return
		}
		is, err := s.at(person["userName"])
		if err != nil {
			s.Fatal(err)
		}
		if slices.Contains(is.Entitlements, ends) && slices.Contains(is.Entitlements, begins) {
			s.Errorf("stopped at call %d, the account holds %q: %q began before %q ended", nth, is.Entitlements, begins, ends)
		}
	}
}

// fails lets one call after the other fail, both ways, and then asks for the
// same again or for something else: the target must get there.
func fails(s *suite) {
	s.faulty()
	s.check(func(rt *rapid.T) {
		person := s.person()
		first := s.wanted(rt, person, "first")
		second := s.wanted(rt, person, "second")
		last := second
		if rapid.Bool().Draw(rt, "changes its mind") {
			last = s.wanted(rt, person, "last")
		}
		took := rapid.Bool().Draw(rt, "took effect")
		for nth, more := 1, true; more; nth++ {
			person = s.person()
			more = s.failAt(rt, nth, took, as(first, person), as(second, person), as(last, person))
		}
	})
}

// as returns the account as another person's.
func as(want schema.Account, person map[string]string) schema.Account {
	attributes := map[string]string{}
	maps.Copy(attributes, want.Attributes)
	for _, name := range []string{"userName", "externalId", "displayName", "name.familyName", "emails.value"} {
		if value, ok := person[name]; ok {
			attributes[name] = value
		}
	}
	want.Attributes = attributes
	return want
}

// failAt fails the nth call of the move from first to second, and reports
// whether there was one.
func (s *suite) failAt(rt *rapid.T, nth int, took bool, first, second, last schema.Account) bool {
	b := bridge{suite: s}
	if err := b.apply(first); err != nil {
		rt.Fatalf("first Apply: %v", err)
	}
	s.Faults.Fail(nth, took)
	err := b.apply(second)
	happened := s.Faults.Spent()
	if err != nil && connectors.KindOf(err) != connectors.Transient {
		rt.Fatalf("a passing fault at call %d is told as kind %d, want transient: %v", nth, connectors.KindOf(err), err)
	}
	if err := b.apply(last); err != nil {
		rt.Fatalf("Apply after a fault at call %d: %v", nth, err)
	}
	if diff := s.differs(last); diff != "" {
		rt.Fatalf("after a fault at call %d (took effect: %v): %s", nth, took, diff)
	}
	return happened
}

// lists makes accounts, lists them, and lets the listing fail at each call.
func lists(s *suite) {
	lister, ok := s.Connector.(connectors.Lister)
	if !ok {
		s.Skip("the connector is no Lister")
	}
	want := map[string][]string{}
	for i := range 7 {
		person, held := s.person(), s.some(0, i%3)
		if _, err := s.Hand.Put(s.Context(), schema.Account{Active: i != 5, Attributes: person, Entitlements: held}); err != nil {
			s.Fatalf("put by hand: %v", err)
		}
		want[person["userName"]] = held
	}
	got, err := listed(s.Context(), lister)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	for userName, held := range want {
		if account, ok := got[userName]; !ok || !slices.Equal(account.Entitlements, held) {
			s.Errorf("listed %s: %v with %q, want with %q", userName, ok, account.Entitlements, held)
		}
	}
	if s.Faults == nil {
		return
	}
	for nth := 1; ; nth++ {
		s.Faults.Fail(nth, true)
		_, err := listed(s.Context(), lister)
		if !s.Faults.Spent() {
			break
		}
		if err == nil {
			s.Errorf("List passed over a failure of its call %d in silence", nth)
		}
	}
}

// tells lists somebody who was used and somebody who never was; of a target that does not
// tell, nothing is said of either.
func tells(s *suite) {
	lister, ok := s.Connector.(connectors.Lister)
	if !ok {
		s.Skip("the connector is no Lister")
	}
	if does := connectors.TellsUse(s.Connector); does != (s.Use != nil) {
		s.Fatalf("the connector says that its target tells of use: %v, and the harness: %v", does, s.Use != nil)
	}
	at, names, ids := time.Time{}, [2]string{}, [2]string{}
	for i := range names {
		person := s.person()
		a, err := s.Hand.Put(s.Context(), schema.Account{Active: true, Attributes: person})
		if err != nil {
			s.Fatalf("put by hand: %v", err)
		}
		names[i], ids[i] = person["userName"], a.RemoteID
	}
	before, err := listed(s.Context(), lister)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	if s.Use != nil {
		at = time.Now().Add(-100 * 24 * time.Hour).UTC().Truncate(time.Second)
		if err := s.Use(ids[0], at); err != nil {
			s.Fatalf("use by hand: %v", err)
		}
		at = at.Add(s.Behind)
	}
	after, err := listed(s.Context(), lister)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	for i, want := range []time.Time{at, {}} {
		was, is := before[names[i]], after[names[i]]
		if !is.LastUsed.Equal(want) || is.UseUnclear {
			s.Errorf("listed %s: last used at %v, unclear: %v; want %v", names[i], is.LastUsed, is.UseUnclear, want)
		}
		if len(was.Attributes) == 0 || !maps.Equal(was.Attributes, is.Attributes) {
			s.Errorf("%s had the attributes %q, and has %q: it drifts with each use", names[i], was.Attributes, is.Attributes)
		}
	}
}

// offers asks what there is to hold, and lets that fail at each call.
func offers(s *suite) {
	lister, ok := s.Connector.(connectors.EntitlementLister)
	if !ok {
		s.Skip("the connector is no EntitlementLister")
	}
	absent, err := connectors.Absent(s.Context(), lister, append(slices.Clone(s.Entitlements), "nothing of this name"))
	if errors.Is(err, errors.ErrUnsupported) {
		s.Skipf("nothing says what there is: %v", err)
	}
	if err != nil || len(absent) != 1 || absent[0].Target != "nothing of this name" {
		s.Fatalf("absent: %v, %v, want what there is not, and nothing else", absent, err)
	}
	next, stop := iter.Pull2(lister.Entitlements(s.Context()))
	if _, err, _ := next(); err != nil {
		s.Error(err)
	}
	stop() // whoever has enough may stop
	if s.Faults == nil {
		return
	}
	s.Faults.Fail(1, true)
	if _, err := connectors.Absent(s.Context(), lister, s.Entitlements); s.Faults.Spent() && err == nil {
		s.Error("a failure was passed over in silence")
	}
}

// listed returns all accounts by user name, and fails on one that is listed twice.
func listed(ctx context.Context, lister connectors.Lister) (map[string]schema.Account, error) {
	all := map[string]schema.Account{}
	for account, err := range lister.List(ctx) {
		if err != nil {
			return nil, err
		}
		userName := account.Attributes["userName"]
		if _, twice := all[userName]; twice {
			return nil, fmt.Errorf("account %s is listed twice", userName)
		}
		all[userName] = account
	}
	return all, nil
}

// reads reads an account back, and one that is not there.
func reads(s *suite) {
	reader, ok := s.Connector.(connectors.Reader)
	if !ok {
		s.Skip("the connector is no Reader")
	}
	b, person := bridge{suite: s}, s.person()
	if err := b.apply(schema.Account{Active: true, Attributes: person, Entitlements: s.some(0, 2)}); err != nil {
		s.Fatalf("Apply: %v", err)
	}
	got, err := reader.Read(s.Context(), b.have.RemoteID)
	if err != nil {
		s.Fatalf("Read: %v", err)
	}
	if diff := s.misreports(got, person["userName"]); diff != "" {
		s.Errorf("Read %s", diff)
	}
	if err := s.Hand.Remove(s.Context(), b.have.RemoteID); err != nil {
		s.Fatalf("remove by hand: %v", err)
	}
	if _, err := reader.Read(s.Context(), b.have.RemoteID); err == nil || connectors.KindOf(err) != connectors.Gone {
		s.Errorf("Read of an account that is not there: %v, want an error that is Gone", err)
	}
}

// cancels calls with a context that has ended.
func cancels(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	person := s.person()
	_, err := s.Connector.Apply(ctx, schema.Account{}, schema.Account{Active: true, Attributes: person})
	if !errors.Is(err, context.Canceled) {
		s.Errorf("Apply with a cancelled context: %v, want context.Canceled", err)
	}
	if lister, ok := s.Connector.(connectors.Lister); ok {
		if _, err := listed(ctx, lister); !errors.Is(err, context.Canceled) {
			s.Errorf("List with a cancelled context: %v, want context.Canceled", err)
		}
	}
	is, err := s.at(person["userName"])
	if err != nil || is.Exists() {
		s.Errorf("after a cancelled Apply the target has the account: %v, %v", is.Exists(), err)
	}
}
