package access

import (
	"fmt"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Nested reports what confers something at a target that no catalogue says, of all that
// was seen there to be in something else, and resolves what is so no more.
func Nested(tx store.Tx, book *policy.Book, actor, connector string, seen []connectors.Nest) error {
	open := map[connectors.Nest]schema.Finding{}
	for f, err := range store.Findings.All(tx, findingNesting, connector) {
		if err != nil {
			return err
		}
		open[connectors.Nest{Group: f.Subject, In: f.Object}] = f
	}
	for _, n := range seen {
		why := undeclared(book, connector, n)
		if why == "" {
			continue
		}
		delete(open, n)
		f := schema.Finding{Kind: findingNesting, Connector: connector, Subject: n.Group, Object: n.In, Reason: why}
		if err := Report(tx, book, actor, f); err != nil {
			return err
		}
	}
	for _, f := range open {
		if err := resolve(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// undeclared says what a catalogue does not say of a group that is in another; nothing if
// it does, or if nobody governs the group.
func undeclared(book *policy.Book, connector string, n connectors.Nest) string {
	group, governed := book.EntitlementByTarget(connector, n.Group)
	in, known := book.EntitlementByTarget(connector, n.In)
	switch {
	case !governed || n.Group == n.In:
		return ""
	case !known:
		return fmt.Sprintf("who has %s has %q with it, which no catalogue names", group.Ref(), n.In)
	case book.Confers(group.Ref(), in.Ref()):
		return ""
	}
	return fmt.Sprintf("who has %s has %s with it, and the catalogue does not say that it confers it", group.Ref(), in.Ref())
}
