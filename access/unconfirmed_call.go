package access

import (
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// suspect returns what an account may be after a call to its target of which
// nobody wrote down what came of it, because the process died: it may be there,
// it may be active, and it may hold whatever was decided for it since it was last
// observed and was taken back meanwhile. Without the doubt, desired and remembered
// state could agree about something that the target has not.
//
// What may have been granted counts as managed: nobody else granted it. One that is not
// there is looked for by what it was to be made as, if that is remembered (see toBeMade),
// and else by the attributes.
func suspect(r store.Reader, book *policy.Book, have schema.Account, attributes map[string]string) (schema.Account, error) {
	c, ok := book.Connector(have.Connector)
	if !ok {
		return have, nil
	}
	var given, back []string // what may have been granted, and of that what was taken back
	for _, e := range c.Spec.Entitlements {
		latest, err := store.LogLatest(r, have.Identity, have.Connector+"/"+e.ID)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return have, err
		}
		if d := latest.Decision; d.Time.After(have.Observed) {
			given = append(given, e.Target)
			if d.Verb != schema.Assigned {
				back = append(back, e.Target)
			}
		}
	}
	have.Active = true
	have.Entitlements = schema.Sorted(append(back, have.Entitlements...)...)
	have.Managed = schema.Sorted(append(given, have.Managed...)...)
	switch {
	case !have.Exists():
		if len(have.Attributes) > 0 {
			attributes = have.Attributes
		}
		have.RemoteID, have.Attributes = connectors.Unnamed(attributes["userName"]), attributes
	case !connectors.IsUnnamed(have.RemoteID): // that one is found by what it has
		have.Attributes = nil // look before anything is written
	}
	return have, nil
}

// toBeMade remembers of an account that is not there what it is to be made as, until
// its target has agreed to something of it: whoever is renamed meanwhile would never be
// found there by their new name, should it have been made and nobody have heard of it.
func toBeMade(acc, want schema.Account) schema.Account {
	if acc.Exists() || !want.Active || !acc.Due.IsZero() && len(acc.Attributes) > 0 {
		return acc
	}
	acc.Attributes = map[string]string{}
	for _, name := range []string{"userName", "externalId", "emails.value"} { // what accounts are found by
		if value := want.Attributes[name]; value != "" {
			acc.Attributes[name] = value
		}
	}
	return acc
}
