package schema

import "time"

// A BypassState says what became of the review of a bypass.
type BypassState string

// The states of a bypass.
const (
	BypassOpen     BypassState = "open"     // evidence or reviewers are awaited
	BypassReviewed BypassState = "reviewed" // as many as were needed agreed to it afterwards
	BypassRejected BypassState = "rejected" // a reviewer did not
	BypassOverdue  BypassState = "overdue"  // nobody reviewed it in time: its role is suspended until somebody does
)

// A Bypass is a break-glass role that somebody took before anybody agreed, with what
// is owed afterwards.
type Bypass struct {
	ID         string      `json:"id"`
	Role       string      `json:"role"`
	Identity   string      `json:"identity"`
	By         string      `json:"by"`             // the actor who took it
	Auth       string      `json:"auth,omitempty"` // how they were known
	Reason     string      `json:"reason"`
	Ticket     string      `json:"ticket,omitempty"`
	Drill      bool        `json:"drill,omitempty"`      // taken to see that it can be
	Unverified string      `json:"unverified,omitempty"` // why its condition could not be verified, in their words
	Taken      time.Time   `json:"taken"`
	Until      time.Time   `json:"until"`
	Grant      string      `json:"grant"`
	Gives      []string    `json:"gives,omitempty"` // connector/id of what the role gave
	Evidence   []Evidence  `json:"evidence,omitempty"`
	Owed       []string    `json:"owed,omitempty"` // kinds of evidence that are still to come
	OwedBy     time.Time   `json:"owedBy,omitzero"`
	State      BypassState `json:"state"`
	Reviewers  string      `json:"reviewers"` // the group
	Needs      int         `json:"needs"`     // how many reviewers must agree
	Reviews    []Approval  `json:"reviews,omitempty"`
	ReviewBy   time.Time   `json:"reviewBy"`
	Ended      time.Time   `json:"ended,omitzero"`    // when the access ended
	EndedBy    string      `json:"endedBy,omitempty"` // why
	Removed    time.Time   `json:"removed,omitzero"`  // when every target had confirmed that it is gone
	Rotate     []string    `json:"rotate,omitempty"`  // credentials that the holder could read, and nobody has rotated since
}

// Settled reports whether nothing of a bypass is left to do.
func (b Bypass) Settled() bool {
	return (b.State == BypassReviewed || b.State == BypassRejected) && !b.Removed.IsZero() && len(b.Rotate) == 0 && len(b.Owed) == 0
}

// Evidence is what somebody furnished about a bypass.
type Evidence struct {
	Kind string    `json:"kind"`
	Text string    `json:"text"` // what it is, or where it is
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}
