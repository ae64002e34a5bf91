package policy

import (
	"fmt"
	"time"

	"drawbridge/schema"
)

// The log is kept for seven years where nothing is said, and for one at least: that is what
// the frameworks ask for that ask for the least. What stands beside its decisions may go
// sooner.
const (
	standardRetention = Duration(2557 * 24 * time.Hour)
	leastRetention    = Duration(365 * 24 * time.Hour)
	leastEvidence     = Duration(30 * 24 * time.Hour)
)

// Retention returns for how long decisions are kept, and what stands beside them. It is an
// error of a salvaged book: it may be longer than can be told, and what is pruned is gone.
func (b *Book) Retention() (Retention, error) {
	var r Retention
	if b != nil && b.unreadable != "" {
		return r, fmt.Errorf("for how long the log is kept cannot be told, because the policy in force cannot be read (%s): %w", b.unreadable, schema.ErrUnavailable)
	}
	if b != nil && b.set.Policy != nil {
		r = b.set.Policy.Spec.Retention
	}
	return r.standard(), nil
}

// standard fills in what is left out. What stands beside a decision is kept no longer than
// the decision.
func (r Retention) standard() Retention {
	if r.Decisions <= 0 {
		r.Decisions = max(standardRetention, r.Evidence)
	}
	if r.Evidence <= 0 {
		r.Evidence = r.Decisions
	}
	return r
}

// retention checks for how long a policy set has the log kept.
func (c *compiler) retention(set *PolicySet) {
	r := set.Spec.Retention.standard()
	at := func(name string) []string { return in("spec", "retention", name) }
	if r.Decisions < leastRetention {
		c.report(&set.Header, CodeDecode, at("decisions"), "decisions are kept for %s, and an auditor asks about a year", r.Decisions).hint("write 365d or more; 2557d is seven years")
	}
	if r.Evidence < leastEvidence {
		c.report(&set.Header, CodeDecode, at("evidence"), "what decisions were made from is kept for %s, and is needed to look into them", r.Evidence).hint("write 30d or more")
	}
	if r.Evidence > r.Decisions {
		c.report(&set.Header, CodeDecode, at("evidence"), "it is kept for %s, and the decisions that it belongs to for %s", r.Evidence, r.Decisions).hint("write no more than decisions says")
	}
}
