package access

// The kinds of findings (schema.FindingKind), of which docs/sweeps.md tells people. The ids
// of the risks of machines (policy.RiskIDs) are kinds, too. Beside each stands what is so;
// where it begins with kind/NAME, that is what the finding is about, and not an identity.

// Of accounts at targets, and of what they hold.
const (
	findingOrphan    = "orphan"              // an account that no identity explains, by its remote id
	findingDrift     = "drift"               // an account is not as it was left
	findingUnlooked  = "drift-unknown"       // its target has not agreed for more than a day: whether it drifted nobody can tell
	findingUnmanaged = "unmanaged"           // an account holds what nobody decided
	findingUnused    = "unused"              // what is held was not used for long, or never
	findingNesting   = "nesting"             // a group at a target is in another, its object, and no catalogue says so
	findingRemoval   = "unconfirmed-removal" // a target has yet to agree that something is gone
	findingOverrun   = "overdue-removal"     // the same, past the objective of what ended it
	findingMissed    = "missed-objective"    // it is gone, and was so too late
	findingOverdue   = "overdue-work"        // people were asked to do it at the target, and nobody confirmed in time
	findingRotation  = "rotation-failed"     // a secret of a machine could not be changed there
	findingRamp      = "ramp"                // connector/NAME, whose ramp stopped by itself
	findingNobody    = "no-administrator"    // connector/entitlement, which nobody holds any more
)

// Of one identity, for as long as it stays open; each is decided when it begins.
const (
	noticeUndecided = "undecided"  // a rule needs what no source tells
	noticeKept      = "kept"       // nothing earns what it holds, and it stays until somebody decides
	noticeLast      = "last-admin" // what it holds stays, because nobody else holds it
	noticeOwed      = "owed"       // a trigger asks something of people about it
	noticeConflict  = "conflict"   // sources that are believed alike disagree
	noticeBlocked   = "blocked"    // a constraint keeps a role from it, its object
	noticeBreak     = "separation" // what it holds breaks a constraint, its object
)

// Of sources, and of what they tell.
const (
	findingScope     = "out-of-scope" // a source told of whom it may not speak
	findingAmbiguous = "ambiguous"    // a record may be of several identities
	// Another record of its source has what is to be unique of each, from before it was to
	// be, or because access ended by a change that gave it. Nobody is refused for that; it is
	// for people to mend.
	findingShared     = "not-unique"          // a record has a value that another has as well
	findingPassedOver = "members-passed-over" // group/ID of source/NAME has members for whom there is no room to wait
	findingMassChange = "mass-change"         // source/NAME ends too many at once: these are held
	findingLosses     = "mass-loss"           // source/NAME takes too much away at once: it is held
	findingStale      = "stale-source"        // source/NAME was not heard for too long: nothing is concluded from what it said
	findingSilent     = "silent-feed"         // source/NAME was not heard, of its object
)

// Of documents, and of who answers for them.
const (
	findingQuarantine = "quarantine"         // role/NAME, for which nobody answers: nobody new gets it
	findingOwner      = "owner-left"         // role/NAME, for which the deputy answers until an owner is named
	findingOwnerless  = "ownerless"          // a document or a machine has no owner who is there
	findingAlone      = "unapproved-policy"  // policy/DIGEST came into force without those who had to agree
	findingFolder     = "policy-folder"      // policy/DIGEST is in the folder, and not in force
	findingUnreadable = "unreadable-policy"  // policy/DIGEST is in force, and can not be read
	findingPolicy     = "held-policy"        // policy/DIGEST takes too much away: that is held
	findingEnding     = "exception-ending"   // an exception ends soon
	findingLookAgain  = "exception-review"   // exception/NAME, or its id, is to be looked at again
	findingPressure   = "exception-pressure" // constraint/NAME, role/NAME or trigger/SET/NAME, from which so many are excepted that it is wrong
	findingDrill      = "drill-overdue"      // role/NAME: nobody tried for too long whether it can be taken
)

// Of bypasses: about whoever took the role, and their object is bypass/ID.
const (
	findingBypass      = "bypass"              // it is not settled
	findingOwed        = "evidence-overdue"    // what is owed did not come in time
	findingUnconfirmed = "removal-unconfirmed" // not every target confirmed in time that what it gave is gone
	findingRotate      = "rotate"              // a credential that the holder could read is to be rotated
	findingUnreviewed  = "bypass-unreviewed"   // nobody reviewed it in time
	findingRejected    = "bypass-rejected"     // a reviewer did not agree to it
)

// Of what waits for people, and of the bridge itself.
const (
	findingStuck      = "request-stuck"      // a request that nobody could decide
	findingReview     = "review-overdue"     // review/ID, whose time is over
	findingCredential = "credential"         // a credential, its object, of whom it lets in: it ends soon, or is old, or nobody's
	findingRefused    = "credential-refused" // address/ADDRESS, from which a credential was shown that is nobody's
	findingUntold     = "untold"             // a channel takes no notices, or does not reach somebody
	findingSweep      = "sweep-missed"       // sweep/NAME did not run, or did not come to an end
	findingAnchor     = "anchor"             // anchor/NAME has no newest head of the log, or one that the log does not continue
)
