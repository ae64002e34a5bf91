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
// What may have been granted counts as managed: nobody else granted it.
func suspect(r store.Reader, book *policy.Book, have schema.Account, attributes map[string]string) (schema.Account, error) {
	c, ok := book.Connector(have.Connector)
	if !ok {
		return have, nil
	}
	var granted []string
	for _, e := range c.Spec.Entitlements {
		latest, err := store.LogLatest(r, have.Identity, have.Connector+"/"+e.ID)
		if notFound(err) {
			continue
		}
		if err != nil {
			return have, err
		}
		if d := latest.Decision; d.Verb != schema.Assigned && d.Time.After(have.Observed) {
			granted = append(granted, e.Target)
		}
	}
	have.Active = true
	have.Entitlements = schema.Sorted(append(granted, have.Entitlements...)...)
	have.Managed = schema.Sorted(append(granted, have.Managed...)...)
	switch {
	case !have.Exists():
		have.RemoteID, have.Attributes = connectors.Unnamed(attributes["userName"]), attributes
	case !connectors.IsUnnamed(have.RemoteID): // that one is found by what it has
		have.Attributes = nil // look before anything is written
	}
	return have, nil
}
