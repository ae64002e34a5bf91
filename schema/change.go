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

	// Of one that ends access: what it takes away (connector/entitlement, and the
	// connector itself where the account is disabled), what fired, by when that is to
	// take effect, whether it had not by then, and whether its holder left.
	Loses     []string  `json:"loses,omitempty"`
	Triggers  []string  `json:"triggers,omitempty"` // SET/NAME, or role/NAME where that says how fast its end is to be
	Objective time.Time `json:"objective,omitzero"`
	Missed    bool      `json:"missed,omitempty"`
	Left      bool      `json:"left,omitempty"`
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
	if c.Ends && d.Ends {
		first.Loses = Sorted(slices.Concat(c.Loses, d.Loses)...)
		first.Triggers = Sorted(slices.Concat(c.Triggers, d.Triggers)...)
		first.Missed, first.Left = c.Missed || d.Missed, c.Left || d.Left
		first.Objective = sooner(c.Objective, d.Objective)
	}
	return first
}

// sooner returns the earlier of two times, of which a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// End returns when access had ended as far as its target told: read back, or else
// acknowledged; zero while it is open.
func (c Change) End() time.Time {
	if !c.Verified.IsZero() {
		return c.Verified
	}
	return c.Acknowledged
}

// Exposure returns how long access outlived the change: until the target was
// read back where it was, until it acknowledged otherwise; zero while it is open.
func (c Change) Exposure() time.Duration {
	if end := c.End(); !end.IsZero() {
		return end.Sub(c.Received)
	}
	return 0
}

// A Window is one exposure window that closed: a change that ended access at one
// target, with all its times.
type Window struct {
	ID        string    `json:"id"`
	Connector string    `json:"connector"`
	Identity  string    `json:"identity"`
	Change    Change    `json:"change"`
	Closed    time.Time `json:"closed"`
	Moot      bool      `json:"moot,omitempty"` // nothing was left to tell: it was given back meanwhile, or was gone from the target already
}
