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

// PeersWhenFull is what a census with room for one holding says of another.
func PeersWhenFull() (others, alike int) {
	c := newCensus(time.Time{})
	c.most, c.people["Sales"] = 1, 40
	c.hold("Sales", "role/seller")
	c.hold("Sales", "role/clerk")
	return c.peers("Sales", "role/clerk")
}
