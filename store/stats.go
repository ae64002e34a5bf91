package store

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats counts what a store did since it was opened.
type Stats struct {
	Commits    int64         // transactions made durable
	Updates    int64         // functions that were in them
	Failed     int64         // functions that failed or panicked, and were taken back
	Retried    int64         // transactions that the engine wanted to be run again
	Committing time.Duration // spent making commits durable, all together

	// Shared counts commits by how many Updates were in them: Shared[i] those with
	// up to 1<<i and more than half of it. Its last element has all larger ones.
	Shared [10]int64
}

type stats struct {
	commits, updates, failed, retried, committing atomic.Int64
	shared                                        [len(Stats{}.Shared)]atomic.Int64
}

func (s *stats) committed(updates int, took time.Duration) {
	s.commits.Add(1)
	s.updates.Add(int64(updates))
	s.committing.Add(int64(took))
	s.shared[min(bits.Len(uint(updates-1)), len(s.shared)-1)].Add(1)
}

// Stats returns the counts so far. They are for metrics: taken one after the
// other, they need not agree to the last Update.
func (s *Store) Stats() Stats {
	got := Stats{
		Commits: s.stats.commits.Load(), Updates: s.stats.updates.Load(), Failed: s.stats.failed.Load(),
		Retried: s.stats.retried.Load(), Committing: time.Duration(s.stats.committing.Load()),
	}
	for i := range s.stats.shared {
		got.Shared[i] = s.stats.shared[i].Load()
	}
	return got
}
