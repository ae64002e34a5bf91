package exposure

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQuantilesAreNeverTooShort holds the quantiles to those of all values in order.
// R-LOG-7.
func TestQuantilesAreNeverTooShort(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(400*24*time.Hour)), 1, 200).Draw(r, "took")
		got := quantilesOf(took)
		slices.Sort(took)
		for share, quantile := range map[float64]time.Duration{.5: got[0], .9: got[1], .99: got[2], 1: got[3]} {
			exact := time.Duration(took[int(math.Ceil(share*float64(len(took))))-1])
			if quantile < exact || float64(quantile) > 1.05*float64(max(exact, time.Millisecond)) {
				r.Errorf("of %d, %v took at most %v, and %v is said", len(took), share, exact, quantile)
			}
		}
	})
}

// quantilesOf is what a report says of how long things took.
func quantilesOf(took []int64) [4]time.Duration {
	var s spread
	for _, d := range took {
		s.add(time.Duration(d))
	}
	return [4]time.Duration{s.quantile(.5), s.quantile(.9), s.quantile(.99), s.most}
}
