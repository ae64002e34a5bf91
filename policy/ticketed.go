package policy

import (
	"fmt"
	"time"

	"drawbridge/schema"
)

// hardEnd is how long a break-glass role may be held at most.
const hardEnd = 4 * time.Hour

// Ticketed asks whether a ticket is one on which a role may be granted to somebody:
// eligible, not, or indeterminate where it cannot be told, and why. A role that does
// not say what its ticket must be takes any.
func (b *Book) Ticketed(r *Role, f Facts, ticket string, now time.Time) (Outcome, string) {
	valid, ok := b.valid[r.Metadata.Name]
	if !ok {
		return Eligible, ""
	}
	return b.overTicket(valid, r, f, ticket, now)
}

// Admits asks likewise whether a break-glass role may be taken now.
func (b *Book) Admits(r *Role, f Facts, ticket string, now time.Time) (Outcome, string) {
	when, ok := b.admitting[r.Metadata.Name]
	if !ok {
		return NotEligible, "it does not say when it may be taken"
	}
	return b.overTicket(when, r, f, ticket, now)
}

func (b *Book) overTicket(rule *rule, r *Role, f Facts, ticket string, now time.Time) (Outcome, string) {
	role, ok := b.byName[r.Metadata.Name]
	if !ok {
		return NotEligible, "it is not in force"
	}
	a, _, _ := b.known(f)
	e := b.evaluation(inputs{identity: a.identity, workload: a.workload, account: b.language.shapes.account.new()}, f, now)
	e.in.ticket = e.ticket(role, schema.Grant{Ticket: ticket})
	return ticketed(rule, &e.in)
}

func ticketed(rule *rule, in *inputs) (Outcome, string) {
	switch value, err := rule.eval(in); value {
	case yes:
		return Eligible, ""
	case unknown:
		return Indeterminate, err.Error()
	default:
		return NotEligible, "its rule over the ticket does not match"
	}
}

// Takes returns nil where a break-glass role may be taken by what its condition came to: it
// holds, or cannot be decided, and whoever takes it says that it cannot be verified.
func (r *Role) Takes(outcome Outcome, why string, unverified bool) error {
	switch {
	case outcome == NotEligible:
		return fmt.Errorf("role %s: the condition under which it may be taken does not hold: %w", r.Metadata.Name, schema.ErrForbidden)
	case outcome == Indeterminate && !unverified:
		return fmt.Errorf("role %s: whether it may be taken cannot be verified (%s); if what says so is down, say that: %w", r.Metadata.Name, why, schema.ErrForbidden)
	}
	return nil
}
