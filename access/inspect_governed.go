package access

import (
	"iter"
	"slices"
	"strings"

	"drawbridge/schema"
	"drawbridge/store"
)

// The inspections for what nobody governs: what accounts hold that nobody decided, and what
// nobody answers for.

// unmanagedPage walks the accounts that hold what nobody decided.
func unmanagedPage(q query, after []string) (Leaf, error) {
	walk := func(at store.Place) iter.Seq2[store.Placed[schema.Account], error] {
		return store.Accounts.Walk(q.r, store.AccountUnmanaged, at)
	}
	return walked(first(after), walk, func(a schema.Account) ([]schema.Finding, bool, error) { return unmanagedOf(a), true, nil })
}

func unmanagedOf(a schema.Account) (found []schema.Finding) {
	for _, target := range a.Entitlements {
		if !slices.Contains(a.Managed, target) {
			found = append(found, schema.Finding{Connector: a.Connector, Subject: a.Identity, Object: target, Reason: "its account has it, and no role gives it"})
		}
	}
	if len(found) == 0 && a.Unearned {
		found = append(found, schema.Finding{Connector: a.Connector, Subject: a.Identity, Reason: "its account was adopted, and no role gives anything there"})
	}
	return found
}

func stillUnmanaged(q query, f schema.Finding) (bool, error) {
	a, err := account(q.r, f.Connector, f.Subject)
	return err == nil && a.Ungoverned() && slices.ContainsFunc(unmanagedOf(a), func(o schema.Finding) bool { return o.Object == f.Object }), err
}

// ownerlessPage looks at who answers for the documents in force, of which there are as
// many as the policy has, and then for the machines, by their register.
func ownerlessPage(q query, after []string) (l Leaf, err error) {
	if after == nil {
		l.Found, err = ownerlessDocuments(q)
		l.Looked, l.Next = len(q.book.Owned()), []string{""}
		return l, err
	}
	walk := store.Machines.From(q.r, after...)
	if after[0] == "" {
		walk = store.Machines.All(q.r)
	}
	var next []string
	for m, err := range walk {
		if err != nil {
			return l, err
		}
		if l.Looked == inspectPage {
			l.Next = next
			return l, nil
		}
		l.Looked++
		next = []string{m.Identity}
		why, err := ownerlessMachine(q, m.Identity)
		if err != nil {
			return l, err
		}
		if why != "" {
			l.Found = append(l.Found, schema.Finding{Subject: m.Identity, Reason: why})
		}
	}
	return l, nil
}

// ownerlessRoles returns the role that a document without an owner is.
func ownerlessRoles(_ query, f schema.Finding) ([]string, error) {
	kind, name := cutRef(f.Subject)
	if !strings.EqualFold(kind, "role") {
		return nil, nil
	}
	return []string{name}, nil
}

// ownerlessMachine says why nobody answers for a machine; nothing where somebody does, or
// it is gone.
func ownerlessMachine(q query, id string) (string, error) {
	f, _, err := GatherAll(q.r, q.book, id)
	if schema.IsNotFound(err) || err == nil && (f.Identity.Gone() || !f.Identity.Active || f.Into != "") {
		return "", nil
	}
	owner, _ := q.book.Stewards(f)
	switch {
	case err != nil:
		return "", err
	case owner == "":
		return "nobody owns it", nil
	case f.Owner == schema.Departed && f.Deputy != schema.Present:
		return "its owner left, and no deputy is there", nil
	}
	return "", nil
}

func stillOwnerless(q query, f schema.Finding) (bool, error) {
	if strings.Contains(f.Subject, "/") {
		return inPage(ownerlessPage)(q, f)
	}
	why, err := ownerlessMachine(q, f.Subject)
	return why != "", err
}

func ownerlessDocuments(q query) (found []schema.Finding, err error) {
	g := governance{book: q.book, reader: q.r, known: map[string]presence{}}
	for _, d := range q.book.Owned() {
		there, err := g.presence(d.User)
		if err != nil {
			return nil, err
		}
		deputy, err := g.presence(d.Deputy)
		if err != nil {
			return nil, err
		}
		switch {
		case d.User == "":
			found = append(found, schema.Finding{Subject: d.Ref, Reason: "nobody owns it"})
		case there == left && deputy != here:
			found = append(found, schema.Finding{Subject: d.Ref, Reason: "its owner left, and no deputy is there"})
		}
	}
	return found, nil
}
