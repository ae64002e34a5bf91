package policy

import (
	"fmt"
	"time"

	"drawbridge/schema"
)

// A Condition is a rule over one identity that is no part of the policy: who is within
// the scope of a sweep.
type Condition struct {
	book *Book
	rule *rule
}

// Condition compiles a rule over identity, as this policy declares its attributes.
func (b *Book) Condition(text string) (*Condition, error) {
	r, faults := b.language.apart().compile(text, "identity", "workload", "now")
	if len(faults) > 0 {
		return nil, fmt.Errorf("%q: %s: %w", text, faults[0].message, schema.ErrInvalid)
	}
	return &Condition{b, r}, nil
}

// Meets reports whether an identity is known to meet the condition. What nobody supplied
// is not met.
func (c *Condition) Meets(f Facts, now time.Time) bool {
	a, _, _ := c.book.known(f)
	in := inputs{identity: a.identity, workload: a.workload}
	in.at(now)
	value, _ := c.rule.eval(&in) // why it is not is nobody's question
	return value == yes
}

// Exceeds says by how much so many changes of a population are beyond the brake; nothing
// where it lets them through.
func (b Brake) Exceeds(n, population int) string {
	switch {
	case !b.Stops(n, population):
		return ""
	case b.Count > 0 && n > b.Count:
		return fmt.Sprintf("%d changes, and the limit is %d a run", n, b.Count)
	}
	return fmt.Sprintf("%d changes of %d, and the limit is %g%% a run", n, population, b.Percent)
}

// Tighter is the brake that lets no more through than either. A limit of zero is none.
func (b Brake) Tighter(other Brake) Brake {
	least := func(x, y float64) float64 {
		if x == 0 || y != 0 && y < x {
			return y
		}
		return x
	}
	return Brake{Count: int(least(float64(b.Count), float64(other.Count))), Percent: least(b.Percent, other.Percent)}
}
