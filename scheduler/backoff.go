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
	return wait - time.Duration(rand.Int64N(int64(wait)/4+1))
}
