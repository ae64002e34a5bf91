package access

import (
	"maps"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A role comes into force, or is changed, only with people who answer for it. Where who
// is named left, or nobody could approve it for somebody who may ask, it is withheld as a
// role with a mistake is refused: what people hold by it stays, nobody new gets it, and
// the rest of the policy works. What came into force in order and is so no more has a
// clock (governance.go) instead.

// ownersOf is who answers for a role, as it is compared.
func ownersOf(role *policy.Role) string {
	owner := role.Metadata.Owner
	return store.Fold(owner.User) + " " + store.Fold(owner.Deputy)
}

// isNews reports whether a role is not what it was when it was observed last.
func isNews(was schema.Observation, book *policy.Book, role *policy.Role) bool {
	return was.Substance != book.Substance(role.Metadata.Name) || was.Owner != ownersOf(role)
}

// unready says why a role may not come into force as it is, beginning with the code;
// nothing if it may.
func (g *governance) unready(role *policy.Role) (string, error) {
	why, err := g.gone(role.Metadata.Owner)
	if why == "" && err == nil {
		why, err = g.unapproved(role)
	}
	if why != "" || err != nil {
		return string(policy.CodeOwnerInactive) + ": " + why, err
	}
	why, err = soleApprovers(g.reader, g.book, role)
	if why != "" {
		why = string(policy.CodeApproverSubject) + ": " + why
	}
	return why, err
}

// withheld puts a role into quarantine that came into force without being ready and is
// so still; where it is about to come into force, also one that would.
func (g *governance) withheld(role *policy.Role) error {
	name := role.Metadata.Name
	was, err := store.Observations.Get(g.reader, name)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	switch {
	case was.Withheld != "" && !isNews(was, g.book, role):
	case !g.coming || !isNews(was, g.book, role):
		return nil
	}
	why, err := g.unready(role)
	if err != nil {
		return err
	}
	if why != "" {
		g.shut(name, why)
	} else if was.Withheld != "" {
		g.admitted = append(g.admitted, was)
	}
	return nil
}

// admit forgets of roles that they were withheld, once they are ready: from then on they
// have the clock of any other.
func (g *governance) admit(tx store.Tx) error {
	for _, was := range g.admitted {
		was.Withheld = ""
		if err := store.Observations.Put(tx, was); err != nil {
			return err
		}
	}
	return nil
}

// keepBack puts the roles of a policy that comes into force into quarantine that are not
// ready, with a decision for each, in the commit in which it does. It returns why, by
// role.
func keepBack(tx store.Tx, book *policy.Book) (map[string]string, error) {
	g := governance{book: book, reader: tx, known: map[string]presence{}}
	unready := map[string]string{}
	for _, role := range book.Roles() {
		was, err := store.Observations.Get(tx, role.Metadata.Name)
		if err != nil && !schema.IsNotFound(err) {
			return nil, err
		}
		if !isNews(was, book, role) {
			continue
		}
		why, err := g.unready(role)
		if err != nil {
			return nil, err
		}
		if why != "" {
			unready[role.Metadata.Name] = why
		}
	}
	if len(unready) == 0 {
		return nil, nil
	}
	was, err := unanswered(tx)
	if err != nil {
		return nil, err
	}
	g.quarantined = maps.Clone(unready)
	for name, why := range was {
		if _, now := g.quarantined[name]; !now {
			g.quarantined[name] = why
		}
	}
	for name, why := range unready {
		if was[name] == why {
			continue
		}
		if err := g.decide(tx, schema.Quarantined, name, why); err != nil {
			return nil, err
		}
		f := schema.Finding{Kind: findingQuarantine, Subject: "role/" + name, Reason: why}
		if err := Report(tx, book, "bridge", f); err != nil {
			return nil, err
		}
	}
	return unready, g.keep(tx)
}
