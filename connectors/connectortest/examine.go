package connectortest

import (
	"errors"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// examines looks at a target, which changes nothing there, finds an account, and
// deletes it, where something says how.
func examines(s *suite) {
	x, ok := s.Connector.(connectors.Examiner)
	if !ok {
		s.Skip("the connector is no Examiner")
	}
	person, other := s.person(), s.person()
	for _, attributes := range []map[string]string{person, other} {
		b := bridge{suite: s}
		if err := b.apply(schema.Account{Active: true, Attributes: attributes, Entitlements: s.some(0, 1)}); err != nil {
			s.Fatalf("Apply: %v", err)
		}
	}
	before := s.Hand.Writes()
	found, err := x.Find(s.Context(), person)
	if is, atErr := s.at(person["userName"]); err != nil || atErr != nil || found.RemoteID != is.RemoteID {
		s.Fatalf("Find: %q, %v, want the account %q (%v)", found.RemoteID, err, is.RemoteID, atErr)
	}
	if nobody, err := x.Find(s.Context(), s.person()); err != nil || nobody.Exists() {
		s.Errorf("Find of who is not there: %+v, %v, want none", nobody, err)
	}
	for _, canary := range []schema.Account{{}, found} {
		if err := x.Examine(s.Context(), canary, func(connectors.Fact) {}); err != nil {
			s.Errorf("Examine: %v", err)
		}
	}
	if wrote := s.Hand.Writes() - before; wrote > 0 {
		s.Errorf("looking wrote %d times, want never", wrote)
	}
	err = x.Delete(s.Context(), found.RemoteID)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && connectors.KindOf(err) != connectors.Permanent {
		s.Fatalf("Delete: %v, want it gone, or refused", err)
	}
	if is, atErr := s.at(person["userName"]); atErr != nil || is.Exists() != (err != nil) {
		s.Errorf("Delete: %v, and the target has %+v (%v)", err, is, atErr)
	}
	if is, err := s.at(other["userName"]); err != nil || !is.Exists() {
		s.Errorf("somebody else is at the target no more: %+v, %v", is, err)
	}
}
