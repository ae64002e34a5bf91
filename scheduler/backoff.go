package scheduler

import (
	"math/rand/v2"
	"time"
)

// A Backoff says how long to wait after a failure: twice as long each time, from
// First up to Most, less up to a quarter by chance so that those who failed
// together do not come back together.
type Backoff struct {
	First, Most time.Duration

	// Chance returns a number below n; nil: one that nobody can tell beforehand.
	Chance func(n int64) int64
}

// After returns the wait after the nth attempt failed; n counts from 1.
func (b Backoff) After(n int) time.Duration {
	wait := b.First
	for i := 1; i < n && wait < b.Most; i++ {
		wait *= 2
	}
	wait = min(wait, b.Most)
	if wait <= 0 {
		return 0
	}
	chance := b.Chance
	if chance == nil {
		chance = rand.Int64N
	}
	return wait - time.Duration(chance(int64(wait)/4+1))
}
