package policy

import "time"

const (
	maxSkew    = Duration(5 * time.Minute) // beyond it a clock is wrong, and is to be mended
	usualStart = Duration(2 * time.Minute) // how far a start may lie back where the policy does not say
)

// Skew returns how far the start of a grant may lie back, and how much longer a grant
// lasts than was asked, because clocks differ (R-JIT-5).
func (b *Book) Skew() (notBefore, expiry time.Duration) {
	start := usualStart
	if b.set.Policy == nil {
		return time.Duration(start), 0
	}
	s := b.set.Policy.Spec.ClockSkew
	if s.NotBefore != nil {
		start = *s.NotBefore
	}
	return time.Duration(start), time.Duration(s.Expiry)
}

// clocks refuses a tolerance that would be no tolerance any more.
func (c *compiler) clocks(p *PolicySet) {
	s := p.Spec.ClockSkew
	if s.NotBefore != nil && *s.NotBefore > maxSkew {
		c.report(&p.Header, CodeDecode, in("spec", "clockSkew", "notBefore"), "clocks may differ by %s at most", maxSkew).hint("mend the clocks")
	}
	if s.Expiry > maxSkew {
		c.report(&p.Header, CodeDecode, in("spec", "clockSkew", "expiry"), "clocks may differ by %s at most", maxSkew).hint("mend the clocks")
	}
}
