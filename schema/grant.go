package schema

import "time"

// A Grant gives one identity one role for a time.
type Grant struct {
	ID        string     `json:"id"`
	Identity  string     `json:"identity"`
	Role      string     `json:"role"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until,omitzero"`
	Permanent string     `json:"permanent,omitempty"` // why it needs no end, as its role said when it was given; of one without Until
	By        string     `json:"by"`                  // the actor who decided
	Reason    string     `json:"reason"`
	Ticket    string     `json:"ticket,omitempty"`
	Request   string     `json:"request,omitempty"`  // id of the request that it fulfils
	Excepted  []string   `json:"excepted,omitempty"` // the exceptions that it rests on: exception/NAME or exception/ID
	Approvals []Approval `json:"approvals,omitempty"`
	LastUsed  time.Time  `json:"lastUsed,omitzero"`
	Reviewed  time.Time  `json:"reviewed,omitzero"` // when somebody last agreed that it stays
	Ended     time.Time  `json:"ended,omitzero"`    // when it stopped counting, for whatever reason
	EndedBy   string     `json:"endedBy,omitempty"` // expired, revoked, or the trigger that fired
}

// Live reports whether the grant gives access at the time. The gate is here, at
// the read, so that an expired grant is never effective however late a sweep is.
func (g Grant) Live(now time.Time) bool {
	return !g.Over(now) && !now.Before(g.From)
}

// Over reports whether the grant gives no access any more at the time, nor will again.
func (g Grant) Over(now time.Time) bool {
	return !g.Ended.IsZero() || !g.Until.IsZero() && !now.Before(g.Until)
}

// Bounded reports whether the grant has an end, or ended, or says why it needs none. The
// store takes no other.
func (g Grant) Bounded() bool {
	return !g.Until.IsZero() || !g.Ended.IsZero() || g.Permanent != ""
}

// Causes returns what decisions that rest on the grant cite: it, the request that it
// fulfils, and the exceptions that allow it.
func (g Grant) Causes() []string {
	causes := append([]string{"grant/" + g.ID}, g.Excepted...)
	if g.Request != "" {
		causes = append(causes, "role-request/"+g.Request)
	}
	return Sorted(causes...)
}

// An Approval is one person's yes to a grant.
type Approval struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Stage  int       `json:"stage"`
	Reason string    `json:"reason,omitempty"`
	Auth   string    `json:"auth,omitempty"` // how they were known: token, oidc, local
	Void   string    `json:"void,omitempty"` // why it counts no more
}

// A Tombstone stands against access that ended coming back by itself: while it
// is there, no rule and no replayed membership gives the identity the role. A
// new grant, which is a decision, lifts it.
type Tombstone struct {
	Identity string    `json:"identity"`
	Role     string    `json:"role"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Reason   string    `json:"reason"`
}
