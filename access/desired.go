package access

import (
	"fmt"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// desired returns the account that an identity should have at a connector, from
// its assignments there. It is pure.
//
// What may not be touched is wanted as it is: everything where the connector is
// not enforced, the entitlements of roles that are not, and protected accounts.
// An account nobody earns any longer is wanted disabled and empty; it is not
// wanted gone.
func desired(rules *Rules, book *policy.Book, f policy.Facts, attributes map[string]string, lines []schema.Assignment, have schema.Account) schema.Account {
	if !ours(rules, book, have.Connector, attributes["userName"]) {
		return have
	}
	proposes := book.Mode("", have.Connector) == schema.Propose
	if proposes && isLeaver(f) && len(lines) > 0 { // until people release that they end
		return unaccounted(book, have, lines)
	}
	want := schema.Account{Connector: have.Connector, Identity: f.Identity.ID, RemoteID: have.RemoteID}
	want.Unearned = have.Unearned && len(given(book, lines)) == 0
	if want.Unearned && proposes {
		return have
	}
	if want.Unearned {
		return spared(f, have)
	}
	observed := false // by a line that says nothing of what should be at the target
	uncatalogued := false
	for _, line := range lines {
		e, ok := book.Entitlement(line.Connector, line.Entitlement)
		switch {
		case !ok: // no longer in the catalogue: nothing may be written for it, nor taken away
			observed, uncatalogued = true, true
		case reaches(book, line):
			want.Entitlements = append(want.Entitlements, e.Target)
			want.Active = true
		default:
			observed = true
			if have.Holds(e.Target) {
				want.Entitlements = append(want.Entitlements, e.Target)
			}
		}
	}
	if uncatalogued { // which of them the lines are can not be told
		want.Entitlements = append(want.Entitlements, without(book, have.Connector, have.Entitlements)...)
	}
	earned := want.Active
	want.Active = (earned || observed && have.Active) && !isLeaver(f)
	if !want.Active {
		want.Entitlements = nil
		return want
	}
	want.Entitlements = schema.Sorted(want.Entitlements...)
	want.Attributes = attributes
	if proposes && !earned { // of whom nobody released anything
		want.Attributes = have.Attributes
	}
	return want
}

// spared returns an account that was adopted and that no role has given anything yet:
// as it is, unless its identity left, and without what somebody decided is to go.
func spared(f policy.Facts, have schema.Account) schema.Account {
	if !isLeaver(f) {
		want := have
		want.Entitlements = slices.DeleteFunc(slices.Clone(have.Entitlements), func(target string) bool { return slices.Contains(have.Managed, target) })
		return want
	}
	return schema.Account{Connector: have.Connector, Identity: have.Identity, RemoteID: have.RemoteID, Unearned: true}
}

// isLeaver reports whether somebody is to have no account anywhere.
func isLeaver(f policy.Facts) bool { return !f.Identity.Active || f.Identity.Gone() || f.Into != "" }

// given returns what the lines give by the policy in force, by the target's names.
func given(book *policy.Book, lines []schema.Assignment) (targets []string) {
	for _, line := range lines {
		if e, ok := book.Entitlement(line.Connector, line.Entitlement); ok && reaches(book, line) {
			targets = append(targets, e.Target)
		}
	}
	return schema.Sorted(targets...)
}

// claim returns an account of which the bridge answers for what its lines give, also
// where it was held already: it is taken away again when nothing gives it any more.
// What nobody gave stays nobody's.
func claim(book *policy.Book, lines []schema.Assignment, acc schema.Account) (claimed schema.Account, changed bool) {
	mine := slices.DeleteFunc(given(book, lines), func(target string) bool {
		return !acc.Holds(target) || slices.Contains(acc.Managed, target)
	})
	earned := acc.Unearned && len(given(book, lines)) > 0
	if len(mine) == 0 && !earned {
		return acc, false
	}
	acc.Managed = schema.Sorted(slices.Concat(acc.Managed, mine)...)
	acc.Unearned = acc.Unearned && !earned
	return acc, true
}

// unaccounted returns an account as it is, without what the bridge gave it and no
// line is about any more.
func unaccounted(book *policy.Book, have schema.Account, lines []schema.Assignment) schema.Account {
	want := have
	want.Entitlements = slices.DeleteFunc(slices.Clone(have.Entitlements), func(target string) bool {
		e, ok := book.EntitlementByTarget(have.Connector, target)
		return ok && slices.Contains(have.Managed, target) &&
			index(lines, schema.Assignment{Connector: e.Connector, Entitlement: e.ID}) < 0
	})
	return want
}

// reaches reports whether the policy in force has a line reach its target: its roles
// are enforced there, or propose and a person released it.
func reaches(book *policy.Book, line schema.Assignment) bool {
	switch modeOf(book, line) {
	case schema.Enforce:
		return line.Reaches()
	case schema.Propose:
		return line.Released != ""
	case schema.Observe:
	}
	return false
}

// modeOf is how far the policy in force goes because of a line: as far as the one of
// its roles that goes furthest at its connector. A role that the policy has no more is
// as its connector is.
func modeOf(book *policy.Book, line schema.Assignment) schema.Mode {
	most := schema.Observe
	for _, role := range line.Roles() {
		if _, known := book.Role(role); !known {
			role = ""
		}
		if mode := book.Mode(role, line.Connector); schema.Least(mode, most) == most {
			most = mode
		}
	}
	return most
}

// ours reports whether the account is for the bridge to write to, if people release it
// where that is asked of them.
func ours(rules *Rules, book *policy.Book, connector, userName string) bool {
	return book.Mode("", connector) != schema.Observe && !rules.Protected(connector, userName)
}

// Attributes returns what targets are told of an identity, by SCIM path. Every
// path is there; an empty value says that the source has none, so that a target
// clears it.
func Attributes(id schema.Identity) (map[string]string, error) {
	var r resource
	if len(id.Resource) > 0 {
		var err error
		if r, err = parseResource(id.Resource); err != nil {
			return nil, fmt.Errorf("identity %s: stored record: %w", id.ID, err)
		}
	}
	email := id.Email
	for i, e := range r.Emails {
		if e.Primary || (email == "" && i == 0) {
			email = e.Value
		}
	}
	display := r.DisplayName
	if display == "" {
		display = id.UserName
	}
	return map[string]string{
		"userName":        id.UserName,
		"externalId":      id.ID,
		"displayName":     display,
		"name.givenName":  r.Name.GivenName,
		"name.familyName": r.Name.FamilyName,
		"emails.value":    email,
		"title":           r.Title,
		"userType":        r.UserType,
		"department":      r.Enterprise.Department,
		"employeeNumber":  r.Enterprise.EmployeeNumber,
	}, nil
}

// account returns the account an identity has at a connector, as far as is
// known; one that was never heard of is empty.
func account(r store.Reader, connector, identity string) (schema.Account, error) {
	a, err := store.Accounts.Get(r, connector, identity)
	if schema.IsNotFound(err) {
		return schema.Account{Connector: connector, Identity: identity}, nil
	}
	return a, err
}

// Work is what one account's provisioning starts from: what is there as far as
// is known, and what should be.
type Work struct {
	Have, Want schema.Account
	Policy     string // digest of the policy it was wanted under
	Halted     string // why more waits than this; nothing if this is all
}

// WorkFor looks at one account as things are now, for the attempt of that number, from 1.
// At a later one somebody has to find out what is there: an earlier call to the target may
// have had an effect that was never written down.
func WorkFor(r store.Reader, rules *Rules, connector, identity string, attempt int) (Work, error) {
	book, doubt := rules.Book(), attempt > 1
	w := Work{Policy: book.Digest()}
	f, err := whole(r, book, identity, false)
	if err != nil {
		return w, err
	}
	var lines []schema.Assignment
	for a, err := range store.Assignments.All(r, identity, connector) {
		if err != nil {
			return w, err
		}
		lines = append(lines, a)
	}
	if w.Have, err = account(r, connector, identity); err != nil {
		return w, err
	}
	attributes := map[string]string{"userName": f.Identity.UserName}
	if doubt || !isLeaver(f) { // whoever has no account is told of nowhere
		if attributes, err = Attributes(f.Identity); err != nil {
			return w, err
		}
	}
	w.Want = desired(rules, book, f, attributes, lines, w.Have)
	// Of an attempt that failed it was written down what the connector found, unless it was
	// the one before that. What owes nothing was told of nothing; it may have gone over to
	// another identity meanwhile.
	heard := w.Have.Attempt > 0 && w.Have.Attempt == attempt-1
	if doubt && !w.Have.Due.IsZero() && !heard && ours(rules, book, connector, attributes["userName"]) {
		w.Have, err = suspect(r, book, w.Have, attributes)
		w.Want.RemoteID = w.Have.RemoteID
	}
	if !w.Have.Exists() {
		w.Have.Attributes = nil // it has none: they are what it is to be made as
	}
	if err == nil {
		w.Want, err = ramped(r, w.Have, w.Want)
	}
	if err != nil {
		return w, err
	}
	return w, w.halt(r, book, f)
}

// governed returns those of the target's entitlements that the catalogue names.
func governed(book *policy.Book, connector string, targets []string) []string {
	return slices.DeleteFunc(slices.Clone(targets), func(target string) bool {
		_, ok := book.EntitlementByTarget(connector, target)
		return !ok
	})
}

// without returns those of the target's entitlements that the catalogue does not
// name.
func without(book *policy.Book, connector string, targets []string) []string {
	return slices.DeleteFunc(slices.Clone(targets), func(target string) bool {
		_, ok := book.EntitlementByTarget(connector, target)
		return ok
	})
}
