package scheduler

import (
	"fmt"
	"math"

	"drawbridge/access"
	"drawbridge/schema"
)

// Limits are how much one run may take away before people are asked: by count
// and by percent of what was looked at. Either holds the whole run, never a part
// of it. A zero limit allows nothing.
type Limits struct {
	Count   int
	Percent float64
}

// Check returns ErrHeld if n changes of a population are more than one run may
// make. A percentage allows at least one, so that a small place is not held by
// rounding.
func (l Limits) Check(n, population int) error {
	if why := l.exceeded(n, population); why != "" {
		return fmt.Errorf("%s: %w", why, schema.ErrHeld)
	}
	return nil
}

// exceeded says which limit so many changes are beyond, if they are.
func (l Limits) exceeded(n, population int) string {
	if n == 0 {
		return ""
	}
	if n > l.Count {
		return fmt.Sprintf("%d changes, and the limit is %d a run", n, l.Count)
	}
	if allowed := max(1, int(math.Ceil(float64(population)*l.Percent/100))); n > allowed {
		return fmt.Sprintf("%d changes of %d, and the limit is %g%% a run", n, population, l.Percent)
	}
	return ""
}

// A guard is one run's: it knows what people released of what earlier runs were
// held from, and remembers what this one came to. A nil one releases nothing.
type guard struct {
	released   map[string]string // plans, by the holds' ids
	held       []schema.Hold
	past       []string // ids of holds that it let the run past
	incomplete bool     // the run did not come to everything
}

// check is Limits.Check of what a run would do about one subject. Beyond its
// limits it does that only if it is, to the last thing, what people released.
func (s Sweep) check(subject string, would *access.Intent, population int) error {
	why := s.Limits.exceeded(would.Count(), population)
	if why == "" {
		return nil
	}
	if s.guard != nil {
		h := would.Hold(schema.SweepHold, subject, why)
		if s.guard.released[h.ID] == h.Plan {
			s.guard.past = append(s.guard.past, h.ID)
			return nil
		}
		s.guard.held = append(s.guard.held, h)
	}
	return fmt.Errorf("%s: %w", why, schema.ErrHeld)
}

// missed notes that something could not be looked at.
func (s Sweep) missed() {
	if s.guard != nil {
		s.guard.incomplete = true
	}
}
