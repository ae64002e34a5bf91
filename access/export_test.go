package access

import "time"

// QuantilesOf is what a report says of how long things took.
func QuantilesOf(took []int64) [4]time.Duration {
	var s spread
	for _, d := range took {
		s.add(time.Duration(d))
	}
	return [4]time.Duration{s.quantile(.5), s.quantile(.9), s.quantile(.99), s.most}
}
