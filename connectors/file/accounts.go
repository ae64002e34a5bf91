package file

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// accounts is what the lines of a journal add up to, in memory.
type accounts struct {
	byID  map[string]schema.Account
	match []string // the attributes to find accounts by, in order

	// index has the ids of the accounts by attribute and value, for userName and
	// what is matched by.
	index map[string]map[string][]string
}

func newAccounts(match []string) *accounts {
	a := &accounts{byID: map[string]schema.Account{}, match: match, index: map[string]map[string][]string{"userName": {}}}
	for _, name := range match {
		a.index[name] = map[string][]string{}
	}
	return a
}

// get returns a copy of the account, empty if there is none.
func (a *accounts) get(id string) schema.Account {
	account := a.byID[id]
	account.Attributes = maps.Clone(account.Attributes)
	account.Entitlements = slices.Clone(account.Entitlements)
	return account
}

func (a *accounts) ids() []string { return sortedIDs(a.byID) }

// having returns the ids of the accounts whose attribute, which must be indexed,
// has the value.
func (a *accounts) having(name, value string) []string { return a.index[name][folded(name, value)] }

// folded returns the value as it is compared: without regard to case, except for
// ids that others made.
func folded(name, value string) string {
	if name == "externalId" {
		return value
	}
	return strings.ToLower(value)
}

// matching returns the id of the account that the attributes are of, empty if there
// is none. The first attribute that finds exactly one wins.
func (a *accounts) matching(attributes map[string]string) (string, error) {
	ambiguous := ""
	for _, name := range a.match {
		if attributes[name] == "" {
			continue
		}
		switch found := a.having(name, attributes[name]); {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && ambiguous == "":
			ambiguous = fmt.Sprintf("%d accounts have the %s %q: none is adopted", len(found), name, attributes[name])
		}
	}
	if ambiguous != "" {
		return "", errors.New(ambiguous)
	}
	return "", nil
}

// add makes the line true.
func (a *accounts) add(l line) error {
	account, known := a.byID[l.Account]
	switch {
	case l.Verb == connectors.Create.String() && known:
		return fmt.Errorf("account %s is created twice", l.Account)
	case l.Verb != connectors.Create.String() && !known:
		return fmt.Errorf("%s of account %s, which there is not", l.Verb, l.Account)
	}
	switch l.Verb {
	case remove:
		account = schema.Account{}
	case connectors.Create.String():
		account = schema.Account{RemoteID: l.Account, Identity: l.Identity, Active: true, Attributes: merged(nil, l.Attributes)}
	case connectors.Update.String():
		account.Attributes = merged(account.Attributes, l.Attributes)
	case connectors.Enable.String():
		account.Active = true
	case connectors.Disable.String():
		account.Active = false
	case connectors.Grant.String():
		account.Entitlements = schema.Sorted(slices.Concat(account.Entitlements, l.Entitlements)...)
	case connectors.Revoke.String():
		account.Entitlements = slices.DeleteFunc(slices.Clone(account.Entitlements), func(e string) bool { return slices.Contains(l.Entitlements, e) })
	default:
		return fmt.Errorf("verb %q is unknown", l.Verb)
	}
	a.put(l.Account, account)
	return nil
}

// put makes the account what there is, or nothing if it is empty.
func (a *accounts) put(id string, account schema.Account) {
	a.unindex(a.byID[id])
	if !account.Exists() {
		delete(a.byID, id)
		return
	}
	a.byID[id] = account
	for name, ids := range a.index {
		if value := folded(name, account.Attributes[name]); value != "" {
			ids[value] = append(ids[value], id)
		}
	}
}

func (a *accounts) unindex(account schema.Account) {
	for name, ids := range a.index {
		value := folded(name, account.Attributes[name])
		left := slices.DeleteFunc(slices.Clone(ids[value]), func(id string) bool { return id == account.RemoteID })
		if ids[value] = left; len(left) == 0 {
			delete(ids, value)
		}
	}
}

// merged returns old with the changes. An empty value clears.
func merged(old, changes map[string]string) map[string]string {
	all := maps.Clone(old)
	if all == nil {
		all = make(map[string]string, len(changes))
	}
	for name, value := range changes {
		if value == "" {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}
