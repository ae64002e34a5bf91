// Package connectors says what a downstream system must be able to do, and what
// of it can be said in data.
//
// A Connector makes one system agree with the bridge, account by account. What
// else a system may be able to do is a small interface of its own, found by a
// type assertion. Plan says which steps lie between two accounts, in an order
// that ends access before anything else. A Profile states a system's dialect and
// limits as data, so that a deviation is a line of YAML and not a fork.
package connectors

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Connector makes one downstream system agree with the bridge. It is safe for
// concurrent use, for different accounts.
type Connector interface {
	// Apply turns the account have into want and returns the account that is now
	// there, also when it fails halfway. It is safe to call again, and with an
	// out-of-date have: what is already as wanted is not an error. Entitlements
	// are the target's own names; of those in have or at the target, only what is
	// in have.Managed may be taken away.
	//
	// A want that is not Active asks for the account to be disabled; one that
	// does not exist yet is then not created. The returned account carries
	// RemoteID, Active, Attributes (those the connector wrote or read) and
	// Entitlements.
	//
	// A have that exists and has no Attributes is one of which nobody knows what
	// is there: it is looked at before anything is written. A connector returns
	// such an account, active and with all that it may hold, where a call had no
	// answer and what came of it cannot be found out. Where not even the id of the
	// account is known, its RemoteID is one that Unnamed returns, and it has the
	// Attributes to find it by.
	//
	// An error says whether to come back and when: see Error.
	Apply(ctx context.Context, have, want schema.Account) (got schema.Account, err error)
}

// unnamed begins a remote id that the bridge made up.
const unnamed = "?"

// Unnamed returns the RemoteID of an account that may be there, made by a call
// whose answer nobody heard, so that its id is not known.
func Unnamed(userName string) string { return unnamed + userName }

// IsUnnamed reports whether the RemoteID is one that Unnamed returned.
func IsUnnamed(remoteID string) bool { return strings.HasPrefix(remoteID, unnamed) }

// Named returns an error if the RemoteID is of no account that is known. A connector calls
// it before it asks for an account, or writes to one: who is none in particular a target
// may take to be everybody, or its list of them.
func Named(remoteID string) error {
	if remoteID == "" || IsUnnamed(remoteID) {
		return &Error{Kind: Permanent, Err: errors.New("the id of the account at the target is not known: nothing is asked of it, and nothing written")}
	}
	return nil
}

// A Lister can say what accounts its system has. A sequence that ends without an
// error was complete; after an error, nothing may be concluded from what is
// absent.
type Lister interface {
	List(ctx context.Context) iter.Seq2[schema.Account, error]
}

// A Reader can read one account back, by its remote id. An account that is not
// there is an error that is Gone.
type Reader interface {
	Read(ctx context.Context, remoteID string) (schema.Account, error)
}

// An EntitlementLister can say what there is to hold at its system, by the system's
// names, in any order. A sequence that ends without an error was complete. The error
// is errors.ErrUnsupported where the configuration does not say how to find out.
type EntitlementLister interface {
	Entitlements(ctx context.Context) iter.Seq2[string, error]
}

// A Prober can say whether its system is there and lets us in.
type Prober interface {
	Probe(ctx context.Context) error
}

// An Asker is a connector that is never called: people are asked to do what there
// is to do, and say when they have.
type Asker interface {
	// Terms are the terms on which they are asked.
	Terms() Terms
}

// Terms say who is asked to do something at a target, and by when.
type Terms struct {
	Assignee   string        // an email address; empty: whoever takes it
	Within     time.Duration // from being asked to when it is overdue
	EndsWithin time.Duration // the same, of what takes access away
	Remind     time.Duration // from one reminder to the next, once it is overdue
}

// A Closer has something to release when the bridge stops.
type Closer interface {
	Close() error
}
