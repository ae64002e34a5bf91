package schema

import (
	"slices"
	"time"
)

// A RequestState says how far a request has come.
type RequestState string

// The states of a request. All but the first two are final.
const (
	RequestOpen      RequestState = "open"      // somebody has yet to decide
	RequestApproved  RequestState = "approved"  // everybody agreed; it waits for a place among those who may hold the role at once
	RequestFulfilled RequestState = "fulfilled" // it became a grant
	RequestDenied    RequestState = "denied"    // a person or a rule refused it
	RequestExpired   RequestState = "expired"   // nobody decided in time, which denies it
	RequestWithdrawn RequestState = "withdrawn" // taken back by who asked, or by whom it was for
)

// A Request is a role that somebody asked for: for an identity, and for a time.
type Request struct {
	ID        string       `json:"id"`
	Role      string       `json:"role"`
	Identity  string       `json:"identity"`            // who is to have the role
	By        string       `json:"by"`                  // the actor who asked
	Requester string       `json:"requester,omitempty"` // the identity behind that actor, where it is a person's
	Reason    string       `json:"reason"`
	Ticket    string       `json:"ticket,omitempty"`
	Made      time.Time    `json:"made"`
	From      time.Time    `json:"from,omitzero"`    // zero: once everybody agreed
	Until     time.Time    `json:"until,omitzero"`   // zero: as long as Seconds says
	Seconds   int64        `json:"seconds,omitzero"` // from when it begins; zero: as long as the role says
	Renews    string       `json:"renews,omitempty"` // id of the live grant that it renews
	State     RequestState `json:"state"`
	Flow      string       `json:"flow"`             // digest of what the approval flow said when the first stage opened
	Stage     int          `json:"stage"`            // the stage that is open, from 0
	Due       time.Time    `json:"due,omitzero"`     // when the time to decide is over
	Awaits    []string     `json:"awaits,omitempty"` // who may decide now: identity/ID, person/NAME, group/NAME
	Approvals []Approval   `json:"approvals,omitempty"`
	Ended     time.Time    `json:"ended,omitzero"`    // when it came to a final state
	Outcome   string       `json:"outcome,omitempty"` // why it is in the state it is in
	Grant     string       `json:"grant,omitempty"`   // id of the grant that it became
}

// Final reports whether nobody can decide about the request any more.
func (r Request) Final() bool { return r.State != RequestOpen && r.State != RequestApproved }

// Standing returns the approvals that count.
func (r Request) Standing() []Approval {
	return slices.DeleteFunc(slices.Clone(r.Approvals), func(a Approval) bool { return a.Void != "" })
}

// Lasts returns how long the role is asked for, from when it begins; zero where
// nothing is said, or an end.
func (r Request) Lasts() time.Duration { return time.Duration(r.Seconds) * time.Second }
