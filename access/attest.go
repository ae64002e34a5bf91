package access

import (
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Attest gives an identity a role to which people agreed elsewhere, such as in a
// ticket system, on the word of the actor. Those people must be whom the role's flow
// names, as many as it demands, at each of its stages in turn, none of them twice,
// and none of them whom it is for.
func Attest(tx store.Tx, book *policy.Book, g schema.Grant) (schema.Grant, error) {
	role, ok := book.Role(g.Role)
	switch {
	case !ok:
		return g, fmt.Errorf("role %s: %w", g.Role, schema.ErrNotFound)
	case role.Spec.Type == schema.BreakGlass:
		return g, fmt.Errorf("role %s is for emergencies, and is taken and not given: %w", g.Role, schema.ErrForbidden)
	case !role.Spec.ByRule():
		if err := followsFlow(tx, book, role, g); err != nil {
			return g, err
		}
	}
	return Grant(tx, book, g)
}

// followsFlow returns nil where the approvals of a grant are those that the flow of its
// role demands.
func followsFlow(r store.Reader, book *policy.Book, role *policy.Role, g schema.Grant) error {
	q := schema.Request{Role: g.Role, Identity: g.Identity}
	stages := book.Stages(role)
	for i, stage := range stages {
		for _, a := range g.Approvals {
			if a.Stage != i {
				continue
			}
			id, err := store.Identities.Get(r, identityOf(a.By))
			if schema.IsNotFound(err) {
				return fmt.Errorf("role %s: only people agree to it, and %s is none: %w", g.Role, a.By, schema.ErrForbidden)
			}
			if err != nil {
				return err
			}
			p, err := newPanel(r, book, role, q)
			if err != nil {
				return err
			}
			if err := p.may(id, stage); err != nil {
				return err
			}
			q.Approvals = append(q.Approvals, a)
		}
		if n := agreedAt(q, i); n < stage.Needs() {
			return fmt.Errorf("role %s: stage %d needs %d to agree, and %d did; ask for the role, so that people can: %w",
				g.Role, i+1, stage.Needs(), n, schema.ErrForbidden)
		}
	}
	if len(q.Approvals) != len(g.Approvals) {
		return fmt.Errorf("role %s has %d stages, and an approval is of none of them: %w", g.Role, len(stages), schema.ErrInvalid)
	}
	return nil
}
