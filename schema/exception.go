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

// An Exception is a deviation from one rule that somebody asked for, for one identity
// and a time: from a constraint, from who may have a role or for how long, or from a
// trigger. Those that are documents of the policy are not among them.
type Exception struct {
	ID           string         `json:"id"`
	Constraint   string         `json:"constraint,omitempty"`
	Role         string         `json:"role,omitempty"`
	Seconds      int64          `json:"seconds,omitempty"`      // for which the role may be held
	Trigger      string         `json:"trigger,omitempty"`      // SET/NAME; of the role alone, if one is named
	Identity     string         `json:"identity"`               // who may deviate
	Entitlements []string       `json:"entitlements,omitempty"` // connector/id; none is all that a constraint is about
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
	Review       int64          `json:"review,omitempty"`   // seconds after which it is to be looked at again, each time; 0: it is not
	Reviewed     time.Time      `json:"reviewed,omitzero"`  // when somebody did, and kept it
	Subjects     []string       `json:"subjects,omitempty"` // whom it is for, of one that is a document
}

// LookAgain is when the exception is to be looked at the next time; zero if it is not.
func (e Exception) LookAgain() time.Time {
	last := e.Approval.At
	if e.Reviewed.After(last) {
		last = e.Reviewed
	}
	if e.Review <= 0 || last.IsZero() {
		return time.Time{}
	}
	return last.Add(time.Duration(e.Review) * time.Second)
}

// Rule names what the exception deviates from, as decisions name it: constraint/NAME,
// role/NAME or trigger/SET/NAME.
func (e Exception) Rule() string {
	switch {
	case e.Constraint != "":
		return "constraint/" + e.Constraint
	case e.Trigger != "":
		return "trigger/" + e.Trigger
	}
	return "role/" + e.Role
}

// Live reports whether the exception allows anything at the time.
func (e Exception) Live(now time.Time) bool {
	return e.State == ExceptionApproved && now.Before(e.Expires)
}
