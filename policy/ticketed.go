package policy

import (
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
	switch value, err := rule.eval(&e.in); value {
	case yes:
		return Eligible, ""
	case unknown:
		return Indeterminate, err.Error()
	default:
		return NotEligible, "its rule over the ticket does not match"
	}
}
