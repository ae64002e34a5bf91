package memory

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// What follows looks into the system and changes it past its calls, as somebody
// in its own console would: hooks do not see it and nothing counts it.

// Account returns the account with the id, empty if there is none.
func (s *System) Account(id string) schema.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copied(id)
}

// Named returns the account with the user name, empty if there is none.
func (s *System) Named(userName string) schema.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copied(s.byName[strings.ToLower(userName)])
}

// Accounts returns every account, in no order.
func (s *System) Accounts() []schema.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]schema.Account, 0, len(s.accounts))
	for id := range s.accounts {
		all = append(all, s.copied(id))
	}
	return all
}

// Put makes the system have the account as it is given, and returns it with the
// id that it got if it had none.
func (s *System) Put(a schema.Account) schema.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.RemoteID == "" {
		s.last++
		a.RemoteID = strconv.FormatInt(s.last, 10)
	}
	kept := schema.Account{
		RemoteID: a.RemoteID, Active: a.Active, Attributes: maps.Clone(a.Attributes), Entitlements: schema.Sorted(a.Entitlements...),
	}
	s.keep(kept)
	a.Entitlements = slices.Clone(kept.Entitlements)
	return a
}

// Remove makes the system forget the account.
func (s *System) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byName, strings.ToLower(s.accounts[id].Attributes["userName"]))
	delete(s.accounts, id)
}

// Writes returns how many calls to change something there were.
func (s *System) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Calls returns how many calls there were.
func (s *System) Calls() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Overlaps returns how often the system was told of one account twice at once.
func (s *System) Overlaps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overlaps
}

// Nest puts a group into another: who is in the one has the other with it. Accounts are
// not told apart by it.
func (s *System) Nest(group, in string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nests = append(s.nests, connectors.Nest{Group: group, In: in})
}

// Nesting returns what Nest was told.
func (s *System) Nesting(context.Context) iter.Seq2[connectors.Nest, error] {
	s.mu.Lock()
	all := slices.Clone(s.nests)
	s.mu.Unlock()
	return func(yield func(connectors.Nest, error) bool) {
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
	}
}
