package access

import (
	"strings"

	"drawbridge/store"
)

// The lanes of the bridge. An item's id says what to look at, never what
// happened to it.
const (
	LaneIdentity store.Lane = "identity" // id of an identity: work out its access
	LaneGroup    store.Lane = "group"    // id of a group: its name or its end concerns all its members
	LaneRollout  store.Lane = "rollout"  // digest of a policy version: everyone is to be looked at again
	LaneSweep    store.Lane = "sweep"    // name of a sweep: its schedule says it is due

	// LaneNotice has whom something is to be told, as notices have them.
	LaneNotice store.Lane = "notice"

	// LaneRamp has the names of connectors whose targets come to be written to.
	LaneRamp store.Lane = "ramp"

	// LaneRelease has the ids of holds that two people released.
	LaneRelease store.Lane = "release"

	// LaneRequest has the ids of requests, for a role or for an exception, that somebody
	// has yet to decide about, or whose time is over.
	LaneRequest store.Lane = "request"

	// LaneBypass has the ids of bypasses of which something is owed or to be confirmed.
	LaneBypass store.Lane = "bypass"

	// LaneSource has the names of sources whose silence may be too long.
	LaneSource store.Lane = "source"

	// LaneGovernance has one item: who answers for the roles is to be looked at.
	LaneGovernance store.Lane = "governance"

	// LaneExposure has the names of connectors at which access is to have ended by a
	// time; and one item more, for the windows that are old enough to be dropped.
	LaneExposure store.Lane = "exposure"

	// LaneRotation has the ids of machines of which a connector is to have secrets changed.
	LaneRotation store.Lane = "rotation"

	// LaneReview has the ids of reviews that are to be prepared, reminded of or closed.
	LaneReview store.Lane = "review"

	// LaneResume has the names of connectors whose accounts catch up with what they
	// were halted from.
	LaneResume store.Lane = "resume"
)

const (
	accountPrefix = "account/"
	haltedPrefix  = "halted/"
)

// LaneHalted is where the accounts of a connector wait that is halted; nobody works
// in it.
func LaneHalted(connector string) store.Lane { return store.Lane(haltedPrefix + connector) }

// LaneAccount is the lane of one connector's accounts; its items are ids of
// identities. Each connector has its own, so that a slow one delays nobody else.
func LaneAccount(connector string) store.Lane { return store.Lane(accountPrefix + connector) }

// ConnectorOf returns the connector whose lane it is, if it is one.
func ConnectorOf(lane store.Lane) (connector string, ok bool) {
	return strings.CutPrefix(string(lane), accountPrefix)
}

// chunk is how many edges or identities one background transaction touches, so
// that no single one keeps the others waiting.
const chunk = 250
