package exposure

import (
	"math"
	"slices"
	"time"
)

// A spread is how long things took, kept as counts in buckets of which each is a
// twentieth wider than the one before: a quantile is at most that much too long, and
// never too short, whatever their number.
type spread struct {
	counts map[int]int
	n      int
	most   time.Duration
}

const bucketGrowth = 1.05

func (s *spread) add(d time.Duration) {
	d = max(d, 0)
	if s.counts == nil {
		s.counts = map[int]int{}
	}
	bucket := 0
	if d > time.Millisecond {
		bucket = int(math.Ceil(math.Log(float64(d)/float64(time.Millisecond)) / math.Log(bucketGrowth)))
	}
	s.counts[bucket]++
	s.n++
	s.most = max(s.most, d)
}

// join adds what other things took.
func (s *spread) join(o spread) {
	if s.counts == nil {
		s.counts = map[int]int{}
	}
	for bucket, n := range o.counts {
		s.counts[bucket] += n
	}
	s.n, s.most = s.n+o.n, max(s.most, o.most)
}

// quantile returns what a share of them took at most.
func (s *spread) quantile(share float64) time.Duration {
	var buckets []int
	for b := range s.counts {
		buckets = append(buckets, b)
	}
	slices.Sort(buckets)
	rank, seen := int(math.Ceil(share*float64(s.n))), 0
	for _, b := range buckets {
		if seen += s.counts[b]; seen >= rank {
			return min(s.most, time.Duration(float64(time.Millisecond)*math.Pow(bucketGrowth, float64(b))))
		}
	}
	return s.most
}

// Took is how long things took: what half of them, nine in ten and 99 in a hundred
// took at most, in seconds, and the longest of them.
type Took struct {
	Count   int     `json:"count"`
	Half    float64 `json:"p50"`
	Ninth   float64 `json:"p90"`
	Hundred float64 `json:"p99"`
	Most    float64 `json:"max"`
}

func (s *spread) took() Took {
	if s.n == 0 {
		return Took{}
	}
	return Took{s.n, seconds(s.quantile(.5)), seconds(s.quantile(.9)), seconds(s.quantile(.99)), seconds(s.most)}
}

// seconds is a duration to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e3) / 1e3 }
