package connectortest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"drawbridge/schema"

	"pgregory.net/rapid"
)

// A suite is one case under way: a target, and people nobody used yet.
type suite struct {
	*testing.T
	Harness
	Target

	people atomic.Int64
}

// person returns the attributes of someone the target does not know.
func (s *suite) person() map[string]string { return s.Person(int(s.people.Add(1))) }

// A bridge remembers one account as the bridge proper would: what it last saw,
// and which entitlements it may take away again: of what it asked for, as much as the
// connector says may be there, so that a lost answer is not a forgotten grant.
type bridge struct {
	*suite
	have schema.Account
}

// apply asks for want and remembers what came of it.
func (b *bridge) apply(want schema.Account) error {
	b.have.Managed = schema.Sorted(append(slices.Clone(b.have.Managed), want.Entitlements...)...)
	got, err := b.Connector.Apply(b.Context(), b.have, want)
	got.Managed = slices.DeleteFunc(slices.Clone(b.have.Managed), func(e string) bool { return !got.Holds(e) })
	b.have = got
	return err
}

// at returns the account of the user name as the target really has it.
func (s *suite) at(userName string) (schema.Account, error) {
	accounts, err := s.Hand.Accounts(s.Context())
	if err != nil {
		return schema.Account{}, fmt.Errorf("look into the target: %w", err)
	}
	var found []schema.Account
	for _, a := range accounts {
		if a.Attributes["userName"] == userName {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		return schema.Account{}, nil
	case 1:
		return found[0], nil
	}
	return schema.Account{}, fmt.Errorf("the target has %d accounts of %s, want one", len(found), userName)
}

// differs says how the target differs from want, given the entitlements that
// were there and are nobody's to take; empty if it does not.
func (s *suite) differs(want schema.Account, kept ...string) string {
	userName := want.Attributes["userName"]
	is, err := s.at(userName)
	switch {
	case err != nil:
		return err.Error()
	case !want.Active && is.Exists() && is.Active:
		return fmt.Sprintf("%s is active at the target, want not", userName)
	case !want.Active:
		return ""
	case !is.Exists():
		return fmt.Sprintf("%s is not at the target", userName)
	case !is.Active:
		return fmt.Sprintf("%s is not active at the target", userName)
	}
	for name, value := range want.Attributes {
		if is.Attributes[name] != value {
			return fmt.Sprintf("%s of %s is %q at the target, want %q", name, userName, is.Attributes[name], value)
		}
	}
	if hold := schema.Sorted(append(slices.Clone(want.Entitlements), kept...)...); !slices.Equal(schema.Sorted(is.Entitlements...), hold) {
		return fmt.Sprintf("%s holds %q at the target, want %q", userName, is.Entitlements, hold)
	}
	return ""
}

// misreports says how what the connector returned differs from what the target
// really has; empty if it does not.
func (s *suite) misreports(got schema.Account, userName string) string {
	is, err := s.at(userName)
	switch {
	case err != nil:
		return err.Error()
	case got.RemoteID != is.RemoteID:
		return fmt.Sprintf("returned remote id %q, the target has %q", got.RemoteID, is.RemoteID)
	case got.Active != is.Active:
		return fmt.Sprintf("returned active %v, the target has %v", got.Active, is.Active)
	case !slices.Equal(schema.Sorted(got.Entitlements...), schema.Sorted(is.Entitlements...)):
		return fmt.Sprintf("returned entitlements %q, the target has %q", got.Entitlements, is.Entitlements)
	}
	for name, value := range got.Attributes {
		if is.Attributes[name] != value {
			return fmt.Sprintf("returned %s %q, the target has %q", name, value, is.Attributes[name])
		}
	}
	return ""
}

// check runs a property of the case, with people of its own in each run.
func (s *suite) check(property func(*rapid.T)) { rapid.Check(s.T, property) }
