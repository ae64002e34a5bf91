package access

import (
	"maps"
	"time"

	"drawbridge/schema"
)

// Unmade says of verbs why what nothing is kept of is not made again.
func Unmade() map[schema.Verb]string { return maps.Clone(unmade) }

// PeersWhenFull is what a census with room for one holding says of another.
func PeersWhenFull() (others, alike int) {
	c := newCensus(time.Time{})
	c.most, c.people["Sales"] = 1, 40
	c.hold("Sales", "role/seller")
	c.hold("Sales", "role/clerk")
	return c.peers("Sales", "role/clerk")
}
