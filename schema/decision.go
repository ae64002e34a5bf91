package schema

import (
	"encoding/json"
	"time"
)

// A Verb says what a decision did. The set is closed: the log is read by people
// and programs who need to know every word in it.
type Verb string

// The verbs of the log.
const (
	Admitted    Verb = "admitted"    // a source told of an identity or changed it
	Left        Verb = "left"        // a source disabled or deleted an identity
	Joined      Verb = "joined"      // a membership began
	Parted      Verb = "parted"      // a membership ended
	Awaited     Verb = "awaited"     // a membership is parked: its source has yet to tell of the member
	Ignored     Verb = "ignored"     // a source spoke beyond its authority; not applied
	Correlated  Verb = "correlated"  // a source's record was joined to an identity
	Split       Verb = "split"       // a source's record was taken from an identity
	Lifted      Verb = "lifted"      // what stood against a role coming back was taken away
	Signalled   Verb = "signalled"   // a source told of a ticket, a workload or a risk
	Granted     Verb = "granted"     // a role was given to an identity
	Revoked     Verb = "revoked"     // a role was taken from an identity
	Reapproved  Verb = "reapproved"  // a person agreed that what a trigger asked about stays
	Expired     Verb = "expired"     // a grant reached its end
	Assigned    Verb = "assigned"    // an entitlement became part of desired state
	Unassigned  Verb = "unassigned"  // an entitlement left desired state
	Updated     Verb = "updated"     // an account is to follow its identity's attributes
	Kept        Verb = "kept"        // desired state stays although nothing earns it (quarantine, observe)
	Requested   Verb = "requested"   // a role was asked for, or a stage of its approval opened again
	Approved    Verb = "approved"    // a person agreed to a request
	Withdrawn   Verb = "withdrawn"   // a request was taken back
	Bypassed    Verb = "bypassed"    // a break-glass role was taken before anybody agreed
	Furnished   Verb = "furnished"   // evidence was given about a bypass
	Excepted    Verb = "excepted"    // a deviation from a rule was allowed, for a time
	Denied      Verb = "denied"      // asked for, and refused by a rule, by a person, or by nobody's deciding in time
	Held        Verb = "held"        // stopped by the guard, or by protection, until people decide
	Dismissed   Verb = "dismissed"   // a person decided against what was proposed
	Undecided   Verb = "undecided"   // a rule needs what nobody supplied: neither granted nor revoked
	Provisioned Verb = "provisioned" // a target was written to and agreed
	Verified    Verb = "verified"    // a target was read back and agrees
	Notified    Verb = "notified"    // somebody was told, or is told no more
	Tasked      Verb = "tasked"      // a person is asked to do something at a target, reminded, or no longer asked
	Confirmed   Verb = "confirmed"   // a person did it, and says how that can be seen
	Failed      Verb = "failed"      // a target refused, or could not be reached
	Adopted     Verb = "adopted"     // an account that was already at the target is now managed
	Disowned    Verb = "disowned"    // an account that was adopted, and never written to, is not managed any more
	Ramped      Verb = "ramped"      // how many accounts of a target may be written to was changed, or stopped
	Drifted     Verb = "drifted"     // a target has what nobody decided, or lacks what was
	Found       Verb = "found"       // a sweep noticed something
	Swept       Verb = "swept"       // a sweep ran; its summary
	Proposed    Verb = "proposed"    // a policy is to come into force, if people agree
	Published   Verb = "published"   // a policy version came into force
	Refused     Verb = "refused"     // a role was not automated, for what its template lacks
	Tokened     Verb = "tokened"     // a credential was made or revoked
	Forgotten   Verb = "forgotten"   // the details about an identity were deleted
	Pruned      Verb = "pruned"      // entries of the log grew too old to be kept: of those before a number the hashes stay
	Agreed      Verb = "agreed"      // a person agreed to release what is held; it takes two
	Quarantined Verb = "quarantined" // a role's governance broke: what is held stays, nobody new gets it
	Released    Verb = "released"    // what was held, parked or in quarantine goes on
	Replayed    Verb = "replayed"    // a target is to be told again of what is decided
	Halted      Verb = "halted"      // a person stopped what is written to targets
	Resumed     Verb = "resumed"     // a person let it go on
	Reassigned  Verb = "reassigned"  // somebody else answers for a machine or a document
	Rotated     Verb = "rotated"     // a secret of a machine was changed
	Stopped     Verb = "stopped"     // a machine holds nothing, until a person starts it
	Started     Verb = "started"     // it holds again what it should
	Answered    Verb = "answered"    // a person looked at what a machine is at risk of
	Opened      Verb = "opened"      // a review of who holds what began
	Delegated   Verb = "delegated"   // a reviewer had somebody else decide
	Escalated   Verb = "escalated"   // nobody decided in time, or a reviewer would not: others may
	Closed      Verb = "closed"      // a review is over, or what waited in it is settled
	Signed      Verb = "signed"      // management acknowledged what came of a review
	Suspended   Verb = "suspended"   // a role has no effect until somebody decides about it
	Resolved    Verb = "resolved"    // a person decided about a finding, or it was mended
)

// A Decision is one entry of the decision log. It names and does not describe:
// ids, verbs and reasons made by the bridge. What the law may one day ask to
// forget is in Detail, of which the log keeps only a salted hash.
type Decision struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"` // source/NAME, token/NAME, local/USER (at the machine itself), sweep/NAME, trigger/SET/NAME, connector/NAME, bridge
	Verb    Verb      `json:"verb"`
	Subject string    `json:"subject"`           // whose: an identity's id, or kind/NAME of what else it is about
	Also    []string  `json:"also,omitempty"`    // whose else, of what befell many at once: who else joined or left a group
	Object  string    `json:"object,omitempty"`  // what: role/NAME, CONNECTOR/ENTITLEMENT, CONNECTOR, group/ID
	Because []string  `json:"because,omitempty"` // role/NAME, grant/ID, trigger/SET/NAME, decision ids
	Reason  string    `json:"reason,omitempty"`
	Mode    Mode      `json:"mode,omitempty"`
	Policy  string    `json:"policy,omitempty"` // digest of the policy in force

	// Inputs names the decision whose detail has what this one was made from, where it
	// can be made again: its own id, or that of another made at the same time.
	Inputs string `json:"inputs,omitempty"`

	// Detail is what may have to be forgotten: attribute values a rule read, a
	// person's own words. It is stored beside the log, under the decision's id.
	Detail json.RawMessage `json:"-"`
	// DetailHash is the salted hash of Detail, set when the decision is recorded.
	DetailHash string `json:"detailHash,omitempty"`
}
