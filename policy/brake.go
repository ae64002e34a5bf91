package policy

import (
	"fmt"
	"math"
)

// Stops reports whether n changes of a population are more than the brake lets
// through. A percentage lets at least one through, so that a small place is not
// held by rounding.
func (b Brake) Stops(n, population int) bool {
	if b.Count > 0 && n > b.Count {
		return true
	}
	return b.Percent > 0 && n > max(1, int(math.Ceil(float64(population)*b.Percent/100)))
}

// String says what the brake lets through.
func (b Brake) String() string {
	switch {
	case b.Percent <= 0:
		return fmt.Sprintf("%d", b.Count)
	case b.Count <= 0:
		return fmt.Sprintf("%g%%", b.Percent)
	}
	return fmt.Sprintf("%d, and %g%%", b.Count, b.Percent)
}
