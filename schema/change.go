package schema

import (
	"slices"
	"time"
)

// A Change times one change of access on its way to one target. The exposure
// window of a revocation is the time from Received to Acknowledged, or to
// Verified where the target can be read back.
type Change struct {
	Occurred     time.Time `json:"occurred,omitzero"`     // t0: the source's own time; zero is unknown
	Received     time.Time `json:"received,omitzero"`     // t1: when the bridge received it, or the instant it fell due
	Decided      time.Time `json:"decided,omitzero"`      // t2: when access was decided
	Sent         time.Time `json:"sent,omitzero"`         // t3: when the target was first told
	Acknowledged time.Time `json:"acknowledged,omitzero"` // t4: when the target agreed
	Verified     time.Time `json:"verified,omitzero"`     // t5: when it was read back; zero where it was not
	Ends         bool      `json:"ends,omitempty"`        // access ends by it
	Because      []string  `json:"because,omitempty"`     // ids of the decisions that caused it
}

// IsZero reports whether there is no change.
func (c Change) IsZero() bool { return c.Received.IsZero() }

// Join returns the change that stands for both, with every cause: the one received
// first, so that nothing measured gets shorter by coalescing. What ends access is
// timed from the first that ends some, however long the target has owed the rest.
func (c Change) Join(d Change) Change {
	switch {
	case c.IsZero():
		return d
	case d.IsZero():
		return c
	}
	first := c
	if d.Ends != c.Ends && d.Ends || d.Ends == c.Ends && d.Received.Before(c.Received) {
		first = d
	}
	first.Because = Sorted(slices.Concat(c.Because, d.Because)...)
	return first
}

// Exposure returns how long access outlived the change: until the target was
// read back where it was, until it acknowledged otherwise; zero while it is open.
func (c Change) Exposure() time.Duration {
	switch {
	case !c.Verified.IsZero():
		return c.Verified.Sub(c.Received)
	case !c.Acknowledged.IsZero():
		return c.Acknowledged.Sub(c.Received)
	}
	return 0
}
