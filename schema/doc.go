// Package schema holds the nouns of the bridge, and nothing that acts.
//
// A source describes identities and the groups they are members of. A role says
// who qualifies and which entitlements they then hold; a grant gives one
// identity one role for a time. What follows is desired state: assignments, each
// one identity holding one entitlement, with its reasons. An account is one
// identity as one connector has it; desired and observed state are both
// accounts, and their difference is the work. Whatever ended leaves a tombstone,
// whatever a sweep noticed and nobody decided yet is a finding, and every step
// of it is a decision in the log.
//
// The package imports the standard library only, and nothing in it reads a
// clock, a file or a network.
package schema
