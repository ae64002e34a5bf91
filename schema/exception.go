package schema

import "time"

// An ExceptionState says how far an exception that was asked for has come.
type ExceptionState string

// The states of an exception. All but the first two are final.
const (
	ExceptionOpen     ExceptionState = "open"     // somebody has yet to decide
	ExceptionApproved ExceptionState = "approved" // it holds until it expires
	ExceptionDenied   ExceptionState = "denied"   // refused by a person, or by nobody's deciding in time
	ExceptionExpired  ExceptionState = "expired"  // it reached its end
	ExceptionEnded    ExceptionState = "ended"    // a person ended it before
)

// An Exception is a deviation from a constraint that somebody asked for, for one
// identity and a time. Those that are documents of the policy are not among them.
type Exception struct {
	ID           string         `json:"id"`
	Constraint   string         `json:"constraint"`
	Identity     string         `json:"identity"`               // who may deviate
	Entitlements []string       `json:"entitlements,omitempty"` // connector/id; none is all that the constraint is about
	Reason       string         `json:"reason"`
	Compensating []string       `json:"compensating"` // what is done instead
	Ticket       string         `json:"ticket,omitempty"`
	By           string         `json:"by"`                  // the actor who asked
	Requester    string         `json:"requester,omitempty"` // the identity behind that actor, where it is a person's
	Made         time.Time      `json:"made"`
	Due          time.Time      `json:"due,omitzero"` // when the time to decide is over
	Expires      time.Time      `json:"expires"`
	Renews       string         `json:"renews,omitempty"` // id of the one that it continues
	Renewal      int            `json:"renewal,omitzero"` // how often that was continued
	State        ExceptionState `json:"state"`
	Approval     Approval       `json:"approval,omitzero"`
	Outcome      string         `json:"outcome,omitempty"`
	Ended        time.Time      `json:"ended,omitzero"`
}

// Live reports whether the exception allows anything at the time.
func (e Exception) Live(now time.Time) bool {
	return e.State == ExceptionApproved && now.Before(e.Expires)
}
