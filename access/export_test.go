package access

import "time"

// PeersWhenFull is what a census with room for one holding says of another.
func PeersWhenFull() (others, alike int) {
	c := newCensus(time.Time{})
	c.most, c.people["Sales"] = 1, 40
	c.hold("Sales", "role/seller")
	c.hold("Sales", "role/clerk")
	return c.peers("Sales", "role/clerk")
}
