package scheduler

import (
	"fmt"
	"math"

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
	if n == 0 {
		return nil
	}
	if n > l.Count {
		return fmt.Errorf("%d changes, and the limit is %d a run: %w", n, l.Count, schema.ErrHeld)
	}
	if allowed := max(1, int(math.Ceil(float64(population)*l.Percent/100))); n > allowed {
		return fmt.Errorf("%d changes of %d, and the limit is %g%% a run: %w", n, population, l.Percent, schema.ErrHeld)
	}
	return nil
}
