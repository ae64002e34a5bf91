package access

import (
	"strings"

	"drawbridge/schema"
)

// unasked says why a decision is not made again: it tells of what happened, or somebody
// chose it, or what it follows from is not kept with it.
func unasked(d schema.Decision) string {
	switch kind, _, _ := strings.Cut(d.Actor, "/"); kind {
	case "source":
		return "it tells of what a source said"
	case "connector":
		return tellsOfTarget
	case "sweep":
		return "it tells of what a sweep found, which is not kept"
	case "token", "local", "identity":
		return "a person decided it"
	}
	return unmade[d.Verb]
}

const (
	tellsOfTarget = "it tells of what a target did"
	tellsOfOthers = "it follows from others, which it names"
	tellsOfSource = "it tells of what followed from what a source said of many"
	chosen        = "a person decided it"
	ofWhoIsThere  = "it hangs on who was there to decide, which is not kept with it"
	ofHowMany     = "it hangs on everything that would have happened at once, which is not kept with it"
	ofLooks       = "it follows from others, or an older version did not keep what rules made it from"
	ofOwners      = "it hangs on who answered for a document, or could approve it, which was not kept with it"
)

// unmade says of every verb why a decision of the bridge's own, or of a trigger, is not made
// again where nothing is kept with it that it could be made from.
var unmade = map[schema.Verb]string{
	schema.Admitted: tellsOfSource, schema.Left: tellsOfSource, schema.Joined: tellsOfSource, schema.Parted: tellsOfSource,
	schema.Awaited: tellsOfSource, schema.Ignored: tellsOfSource, schema.Correlated: tellsOfSource, schema.Split: tellsOfSource,
	schema.Lifted: tellsOfSource, schema.Signalled: tellsOfSource,

	schema.Granted: ofLooks, schema.Revoked: ofLooks, schema.Expired: ofLooks, schema.Assigned: ofLooks, schema.Unassigned: ofLooks,
	schema.Updated: "it tells that the policy names other attributes for an account", schema.Kept: ofLooks, schema.Undecided: ofLooks,

	schema.Requested: ofWhoIsThere, schema.Denied: ofWhoIsThere, schema.Escalated: ofWhoIsThere, schema.Delegated: ofWhoIsThere,
	schema.Opened: ofWhoIsThere, schema.Closed: ofWhoIsThere, schema.Tasked: ofWhoIsThere, schema.Notified: ofWhoIsThere,

	schema.Reapproved: chosen, schema.Approved: chosen, schema.Bypassed: chosen, schema.Furnished: chosen, schema.Dismissed: chosen,
	schema.Confirmed: chosen, schema.Disowned: chosen, schema.Ramped: chosen, schema.Proposed: chosen, schema.Published: chosen,
	schema.Tokened: chosen, schema.Forgotten: chosen, schema.Agreed: chosen, schema.Replayed: chosen, schema.Halted: chosen,
	schema.Resumed: chosen, schema.Rotated: chosen, schema.Stopped: chosen, schema.Started: chosen, schema.Answered: chosen,
	schema.Signed: chosen,

	schema.Held: ofHowMany, schema.Released: ofHowMany,

	schema.Withdrawn: tellsOfOthers, schema.Resolved: tellsOfOthers, schema.Found: "it tells of what was found", schema.Swept: "it tells of a sweep",
	schema.Excepted: tellsOfOthers, schema.Pruned: "it hangs on how old the log was, of which only hashes are left",

	schema.Quarantined: ofOwners, schema.Reassigned: ofOwners, schema.Refused: ofOwners, schema.Suspended: ofWhoIsThere,

	schema.Provisioned: tellsOfTarget, schema.Verified: tellsOfTarget, schema.Failed: tellsOfTarget, schema.Drifted: tellsOfTarget,
	schema.Adopted: tellsOfTarget,
}
