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
	feeds, err := useFeeds(q.r, q.book)
	if err != nil {
		return Leaf{}, err
	}
	if first(after) == neverUsed {
		return neverUsedPage(q, feeds, after[1:])
	}
	walk := func(at store.Place) iter.Seq2[store.Placed[schema.Use], error] {
		return store.Uses.Walk(q.r, store.UseLast, at)
	}
	l, err := walked(first(after), walk, func(u schema.Use) ([]schema.Finding, bool, error) {
		if u.LastUsed.After(q.cutoff()) {
			return nil, false, nil
		}
		found, err := unusedOf(q, feeds, u)
		return found, true, err
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
func neverUsedPage(q query, feeds []schema.Feed, after []string) (l Leaf, err error) {
	seen := q.seenEntitlements(feeds)
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
			f, so, err := neverUsedFinding(q, feeds, a)
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
func (q query) seenEntitlements(feeds []schema.Feed) (all []schema.Entitlement) {
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
	return all
}

// unusedOf finds what an old use is the last of: an entitlement that is told of by itself,
// or of an account every line that is not.
func unusedOf(q query, feeds []schema.Feed, u schema.Use) (found []schema.Finding, err error) {
	uses, err := usesAt(q.r, u.Identity, u.Connector)
	if err != nil {
		return nil, err
	}
	lines := 0
	for a, err := range store.Assignments.All(q.r, u.Identity, u.Connector) {
		if err != nil {
			return nil, err
		}
		if u.Entitlement != "" && u.Entitlement != a.Entitlement {
			continue
		}
		if lines++; u.Entitlement == "" && isTold(uses, a.Entitlement) {
			continue
		}
		f, so, err := lineUnused(q, feeds, uses, a)
		if err != nil {
			return nil, err
		}
		if so {
			found = append(found, f)
		}
	}
	if lines > 0 {
		return found, nil
	}
	f, so, err := leftUnused(q, feeds, uses, u)
	if err != nil || !so {
		return nil, err
	}
	return []schema.Finding{f}, nil
}

// usesAt returns what was told of the use of an account, and of what it holds.
func usesAt(r store.Reader, identity, connector string) (uses []schema.Use, err error) {
	for u, err := range store.Uses.All(r, identity, connector) {
		if err != nil {
			return nil, err
		}
		uses = append(uses, u)
	}
	return uses, nil
}

// isTold reports whether use of an entitlement, or with none of the account, was told of by
// itself.
func isTold(uses []schema.Use, entitlement string) bool {
	return slices.ContainsFunc(uses, func(u schema.Use) bool { return u.Entitlement == entitlement && !u.LastUsed.IsZero() })
}

// neverUsedFinding is lineUnused of a line that was come to by no use, of it or of its
// account.
func neverUsedFinding(q query, feeds []schema.Feed, a schema.Assignment) (f schema.Finding, so bool, err error) {
	if a.Since.After(q.cutoff()) {
		return f, false, nil
	}
	uses, err := usesAt(q.r, a.Identity, a.Connector)
	if err != nil || isTold(uses, a.Entitlement) || isTold(uses, "") {
		return f, false, err
	}
	return lineUnused(q, feeds, uses, a)
}

// lineUnused says of a line whether it was given long ago, and not used for long since.
func lineUnused(q query, feeds []schema.Feed, uses []schema.Use, a schema.Assignment) (f schema.Finding, so bool, err error) {
	f = schema.Finding{Connector: a.Connector, Subject: a.Identity, Object: a.Entitlement}
	used := q.book.LastUse(uses, feeds, a.Connector, a.Entitlement, q.r.Now())
	if !used.Seen || used.Reckoned(a.Since, q.r.Now()).After(q.cutoff()) {
		return f, false, nil // not seen, that it was not used means nothing: it is reviewed twice as often
	}
	f.Reason = "it was not used since it was given, at " + day(a.Since)
	if used.Last.After(a.Since) {
		f.Reason = "it was used last at " + day(used.Last) + asTold(used.By)
	}
	held, err := q.holds(a.Connector, a.Identity, a.Entitlement)
	return f, held, err
}

// leftUnused is lineUnused of an account, or of what it holds, where no line says that it
// should.
func leftUnused(q query, feeds []schema.Feed, uses []schema.Use, u schema.Use) (f schema.Finding, so bool, err error) {
	f = schema.Finding{Connector: u.Connector, Subject: u.Identity, Object: u.Entitlement}
	used := q.book.LastUse(uses, feeds, u.Connector, u.Entitlement, q.r.Now())
	if !used.Seen || used.Last.IsZero() || used.Reckoned(used.Last, q.r.Now()).After(q.cutoff()) {
		return f, false, nil
	}
	f.Reason = "it was used last at " + day(used.Last) + asTold(used.By)
	held, err := q.holds(u.Connector, u.Identity, u.Entitlement)
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

// stillUnused asks of what was found unused, or never used, whether it is so.
func stillUnused(q query, f schema.Finding) (so bool, err error) {
	feeds, err := useFeeds(q.r, q.book)
	if err != nil {
		return false, err
	}
	uses, err := usesAt(q.r, f.Subject, f.Connector)
	if err != nil {
		return false, err
	}
	lines := 0
	for a, err := range store.Assignments.All(q.r, f.Subject, f.Connector) {
		if err != nil {
			return false, err
		}
		if lines++; a.Entitlement == f.Object {
			_, so, err := lineUnused(q, feeds, uses, a)
			return so, err
		}
	}
	if lines > 0 && f.Object == "" {
		return false, nil // each of them is found by itself
	}
	_, so, err = leftUnused(q, feeds, uses, schema.Use{Identity: f.Subject, Connector: f.Connector, Entitlement: f.Object})
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
