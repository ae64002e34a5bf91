// Package connectortest is the contract of a connector as a suite of tests.
//
// A Harness gives a fresh target, a hand inside it that looks and acts past the
// connector, and, where the target can be made to fail, faults. Run then holds
// the connector to what connectors.Connector promises: any account turns into
// any other, nothing is done twice, an out-of-date have is safe, what is not
// managed stays, access ends before it begins, and a call that fails, with its
// effect or without it, is made good by the next Apply. Every fault but the
// durable difference is forgiven.
//
// A connector's own test is a harness and one line:
//
//	func TestContract(t *testing.T) { connectortest.Run(t, harness) }
package connectortest

import (
	"context"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Harness says how to put a connector to the test.
type Harness struct {
	// Open starts a target with the harness's entitlements and no account of the
	// suite's in it, and the connector under test. It is called once a case; what
	// it starts ends with t.
	Open func(t *testing.T) Target

	// Entitlements are names, as the connector's entitlements are written, of
	// what accounts at the target may hold. At least three, sorted; or none, where
	// an account is all that there is to have.
	Entitlements []string

	// Person returns the attributes, by SCIM path, of the nth person. userName
	// must be among them and differ from person to person. Nil means Person.
	Person func(n int) map[string]string

	// Values are attributes that may change, with what they may change to; an
	// empty value clears. Nil means Values.
	Values map[string][]string

	// Deletes says that the connector disables an account by deleting it.
	Deletes bool

	// Behind is how much later than it says an account may have been used, as the
	// profile has it.
	Behind time.Duration

	// Exceptions name cases that the connector does not pass, each with the
	// reason. A case that is named here is skipped, and the reason is shown.
	Exceptions map[string]string
}

// A Target is one system under test.
type Target struct {
	Connector connectors.Connector
	Hand      Hand
	Faults    Faults // nil where the target cannot be made to fail

	// Use has the account with the id used at the time, which has no fraction of a
	// second; nil where the target does not tell of use.
	Use func(remoteID string, at time.Time) error
}

// A Hand looks into a target and changes it past the connector, as a person with
// the target's own console would.
type Hand interface {
	// Accounts returns every account, with RemoteID, Active, Attributes and
	// sorted Entitlements.
	Accounts(ctx context.Context) ([]schema.Account, error)
	// Put makes the target have the account: one without a RemoteID is created,
	// another gets exactly these Attributes, Active and Entitlements. It returns
	// the account with its RemoteID.
	Put(ctx context.Context, account schema.Account) (schema.Account, error)
	// Remove removes the account.
	Remove(ctx context.Context, remoteID string) error
	// Writes returns how many requests to change something the target received
	// from the connector so far.
	Writes() int
}

// Faults makes a target's answers fail.
type Faults interface {
	// Fail makes the nth request of the connector from now, counted from one,
	// fail once: after it took effect, so that only the answer is lost, or before.
	Fail(nth int, took bool)
	// Spent disarms the fault and reports whether it happened.
	Spent() bool
}

// The cases, by the names under which an exception is made.
const (
	Converges  = "converges"  // from any account to any other
	Idle       = "idle"       // nothing to do is nothing written
	Stale      = "stale"      // an out-of-date have is safe
	Doubts     = "doubts"     // an account of which only the id is known
	Unnamed    = "unnamed"    // an account that may have been made, and whose id is not known
	Nameless   = "nameless"   // what names no account writes nothing
	Adopts     = "adopts"     // an account that is there already is taken over, as it is
	Claims     = "claims"     // an account that is another's is left alone
	Unmanaged  = "unmanaged"  // entitlements that are not managed stay
	Reenables  = "reenables"  // disabled and enabled again
	Ordered    = "ordered"    // access ends before other access begins
	Fails      = "fails"      // every call may fail, with its effect or without
	Lists      = "lists"      // all accounts, or an error
	Tells      = "tells"      // when accounts were used last, or of none of them
	Offers     = "offers"     // all that there is to hold, or an error
	Reads      = "reads"      // one account, or Gone
	Examines   = "examines"   // looked at closer, and deleted for good
	Cancels    = "cancels"    // a cancelled context ends the call
	Concurrent = "concurrent" // different accounts at once
)

// Run holds the connector to its contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h.check(t)
	for _, c := range []struct {
		name string
		test func(*suite)
	}{
		{Converges, converges},
		{Idle, idle},
		{Stale, stale},
		{Doubts, doubts},
		{Unnamed, unnamed},
		{Nameless, nameless},
		{Adopts, adopts},
		{Claims, claims},
		{Unmanaged, unmanaged},
		{Reenables, reenables},
		{Ordered, ordered},
		{Fails, fails},
		{Lists, lists},
		{Tells, tells},
		{Offers, offers},
		{Reads, reads},
		{Examines, examines},
		{Cancels, cancels},
		{Concurrent, concurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == Claims && h.Exceptions[Adopts] != "" {
				t.Skip("it takes over no account")
			}
			if reason, excepted := h.Exceptions[c.name]; excepted {
				t.Skipf("excepted: %s", reason)
			}
			c.test(&suite{T: t, Harness: h, Target: h.Open(t)})
		})
	}
}

// check fails the test if the harness itself cannot hold a connector to anything.
func (h *Harness) check(t *testing.T) {
	t.Helper()
	if h.Person == nil {
		h.Person = Person
	}
	if h.Values == nil {
		h.Values = Values()
	}
	if n := len(h.Entitlements); n > 0 && n < 3 {
		t.Fatalf("harness: %d entitlements, want at least 3, or none", n)
	}
	for name, reason := range h.Exceptions {
		if reason == "" {
			t.Fatalf("harness: exception %q has no reason", name)
		}
	}
}
