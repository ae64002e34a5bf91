package connectortest

import (
	"fmt"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// nameless asks for what changes an account without saying which: nothing is written, for
// who is none in particular a target may take to be everybody, or its list of them.
func nameless(s *suite) {
	there, err := s.Hand.Put(s.Context(), schema.Account{Active: true, Attributes: s.person(), Entitlements: s.some(0, 2)})
	if err != nil {
		s.Fatalf("put by hand: %v", err)
	}
	before := s.Hand.Writes()
	nobody := s.person()
	have := schema.Account{Attributes: nobody, Entitlements: s.Entitlements, Managed: s.Entitlements}
	for _, have.Active = range []bool{true, false} {
		got, err := s.Connector.Apply(s.Context(), have, schema.Account{Attributes: nobody})
		if got.Exists() {
			s.Errorf("Apply of an account without an id returned the account %q, %v; want none", got.RemoteID, err)
		}
	}
	for _, id := range []string{"", connectors.Unnamed(there.Attributes["userName"])} {
		if r, ok := s.Connector.(connectors.Reader); ok {
			if got, err := r.Read(s.Context(), id); err == nil {
				s.Errorf("Read of %q returned the account %q, want an error", id, got.RemoteID)
			}
		}
		if x, ok := s.Connector.(connectors.Examiner); ok {
			if err := x.Delete(s.Context(), id); err == nil {
				s.Errorf("Delete of %q returned no error", id)
			}
		}
	}
	if wrote := s.Hand.Writes() - before; wrote > 0 {
		s.Errorf("the target was written to %s, want never", times(wrote))
	}
	if diff := s.differs(there); diff != "" {
		s.Error(diff)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
