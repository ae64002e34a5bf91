package access

import (
	"cmp"
	"iter"
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// unusedPage walks what was not used for the longest, and then what was given long ago where
// use would have been seen: what was never used is in no index of what was.
func unusedPage(q query, after []string) (Leaf, error) {
	if first(after) == neverUsed {
		return neverUsedPage(q, after[1:])
	}
	walk := func(at store.Place) iter.Seq2[store.Placed[schema.Use], error] {
		return store.Uses.Walk(q.r, store.UseLast, at)
	}
	l, err := walked(first(after), walk, func(u schema.Use) ([]schema.Finding, bool, error) {
		if u.LastUsed.After(q.cutoff()) {
			return nil, false, nil
		}
		f, so, err := unusedFinding(q, u)
		if err != nil || !so {
			return nil, true, err
		}
		return []schema.Finding{f}, true, nil
	})
	if l.Next == nil {
		l.Next = []string{neverUsed}
	}
	return l, err
}

// neverUsed is where the walk along what was given begins.
const neverUsed = "never"

// neverUsedPage walks the lines of the entitlements whose use would be seen, one entitlement
// after the other. After it has the connector, the entitlement, and whose line was last.
func neverUsedPage(q query, after []string) (l Leaf, err error) {
	seen, err := q.seenEntitlements()
	if err != nil {
		return l, err
	}
	from := []string{"", "", ""}
	copy(from, after)
	for _, e := range seen {
		behind := slices.Compare([]string{e.Connector, e.ID}, from[:2])
		if behind < 0 {
			continue
		}
		var at []string
		if behind == 0 && from[2] != "" {
			at = []string{from[2], e.Connector, e.ID}
		}
		for a, err := range store.Assignments.ByFrom(q.r, store.AssignmentHeld, []string{e.Connector, e.ID}, at...) {
			if err != nil {
				return l, err
			}
			f, so, err := neverUsedFinding(q, a)
			if err != nil {
				return l, err
			}
			if so {
				l.Found = append(l.Found, f)
			}
			if l.Looked++; l.Looked == inspectPage {
				l.Next = []string{neverUsed, e.Connector, e.ID, a.Identity}
				return l, nil
			}
		}
	}
	return l, nil
}

// seenEntitlements returns, in order, those of which it would be seen that they are used.
func (q query) seenEntitlements() (all []schema.Entitlement, err error) {
	feeds, err := useFeeds(q.r, q.book)
	if err != nil {
		return nil, err
	}
	for _, c := range q.book.Connectors() {
		name := c.Metadata.Name
		if q.bound.At != nil && !q.bound.At(name) || !q.book.Sees(name, feeds, q.r.Now()) {
			continue
		}
		for _, e := range c.Spec.Entitlements {
			all = append(all, schema.Entitlement{Connector: name, ID: e.ID})
		}
	}
	slices.SortFunc(all, func(a, b schema.Entitlement) int {
		return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// neverUsedFinding says of a line whether it was given long ago and not used since, nor its
// account: of one whose account's use is told of as a whole, that is what counts.
func neverUsedFinding(q query, a schema.Assignment) (f schema.Finding, so bool, err error) {
	f = schema.Finding{Connector: a.Connector, Subject: a.Identity, Object: a.Entitlement, Reason: "it was not used since it was given, at " + day(a.Since)}
	if a.Since.After(q.cutoff()) {
		return f, false, nil
	}
	for _, object := range []string{a.Entitlement, ""} {
		u, err := store.Uses.Get(q.r, a.Identity, a.Connector, object)
		if err == nil && !u.LastUsed.IsZero() {
			return f, false, nil
		}
		if err != nil && !schema.IsNotFound(err) {
			return f, false, err
		}
	}
	held, err := q.holds(a.Connector, a.Identity, a.Entitlement)
	return f, held, err
}

// holds reports whether an account is active, and holds an entitlement if one is named.
func (q query) holds(connector, identity, entitlement string) (bool, error) {
	a, err := account(q.r, connector, identity)
	if err != nil || !a.Exists() || !a.Active {
		return false, err
	}
	e, ok := q.book.Entitlement(connector, entitlement)
	return !ok || a.Holds(e.Target), nil
}

// unusedFinding says of what was not used for long whether it is still held, and
// whether use of it would have been seen.
func unusedFinding(q query, u schema.Use) (f schema.Finding, so bool, err error) {
	f = schema.Finding{Connector: u.Connector, Subject: u.Identity, Object: u.Entitlement}
	if u.LastUsed.After(q.cutoff()) {
		return f, false, nil
	}
	if held, err := q.holds(u.Connector, u.Identity, u.Entitlement); err != nil || !held {
		return f, false, err
	}
	feeds, err := useFeeds(q.r, q.book)
	if err != nil || !q.book.Sees(u.Connector, feeds, q.r.Now()) {
		return f, false, err // that it was not used means nothing: it is reviewed twice as often
	}
	f.Reason = "it was used last at " + day(u.LastUsed)
	return f, true, nil
}

// stillUnused asks of what was found unused, or never used, whether it is so.
func stillUnused(q query, f schema.Finding) (bool, error) {
	u, err := store.Uses.Get(q.r, f.Subject, f.Connector, f.Object)
	switch {
	case err == nil && !u.LastUsed.IsZero():
		_, so, err := unusedFinding(q, u)
		return so, err
	case err != nil && !schema.IsNotFound(err):
		return false, err
	}
	a, err := store.Assignments.Get(q.r, f.Subject, f.Connector, f.Object)
	if schema.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	feeds, err := useFeeds(q.r, q.book)
	if err != nil || !q.book.Sees(f.Connector, feeds, q.r.Now()) {
		return false, err
	}
	_, so, err := neverUsedFinding(q, a)
	return so, err
}

// unusedRoles returns the roles that something unused is held by.
func unusedRoles(q query, f schema.Finding) (roles []string, err error) {
	var because []string
	for a, err := range store.Assignments.All(q.r, f.Subject, f.Connector) {
		if err != nil {
			return nil, err
		}
		if f.Object == "" || a.Entitlement == f.Object {
			because = append(because, a.Because...)
		}
	}
	for _, why := range schema.Sorted(because...) {
		if kind, name := cutRef(why); kind == "role" {
			roles = append(roles, name)
		}
	}
	return roles, nil
}
