package schema

import "time"

// A Proposal is one line that the bridge would have begun or ended, were the mode
// enforce: it waits for a person to release it, or to dismiss it.
type Proposal struct {
	ID          string         `json:"id"`
	Identity    string         `json:"identity"`
	UserName    string         `json:"userName,omitempty"` // looked up when it is shown
	Connector   string         `json:"connector"`
	Entitlement string         `json:"entitlement"`
	Change      ProposalChange `json:"change"`
	Roles       []string       `json:"roles"`            // that give it, or no longer do
	Urgent      bool           `json:"urgent,omitempty"` // whose it is left
	Reason      string         `json:"reason"`
	Group       string         `json:"group"`
	Inputs      string         `json:"inputs"` // hash over what it was decided from
	Opened      time.Time      `json:"opened"`
	State       ProposalState  `json:"state"`
	By          string         `json:"by,omitempty"`       // the actor who released or dismissed it
	Decision    string         `json:"decision,omitempty"` // id of the decision by which they did
}

// Ref returns the entitlement's name across connectors: connector/id.
func (p Proposal) Ref() string { return p.Connector + "/" + p.Entitlement }

// A ProposalChange says what is proposed.
type ProposalChange string

// The changes.
const (
	ProposeGrant  ProposalChange = "grant"
	ProposeRevoke ProposalChange = "revoke"
)

// A ProposalState says how a proposal stands.
type ProposalState string

// The states of a proposal. One that nothing calls for any more is gone.
const (
	ProposalOpen      ProposalState = "open"
	ProposalReleased  ProposalState = "released"  // and about to be done
	ProposalDismissed ProposalState = "dismissed" // until what it was decided from changes
)

// A ProposalGroup stands for all open proposals of one cause: the same change of the
// same roles. It is one thing to look at, however many they are.
type ProposalGroup struct {
	ID     string         `json:"id"` // grant:ROLE, revoke:ROLE, leaver:ROLE
	Change ProposalChange `json:"change"`
	Roles  []string       `json:"roles"`
	Urgent bool           `json:"urgent,omitempty"` // of people who left
	Count  int            `json:"count"`
	Lines  map[string]int `json:"lines"`  // how many, by connector/entitlement
	Reason string         `json:"reason"` // of the first
	Since  time.Time      `json:"since"`
	Plan   string         `json:"plan"`             // names exactly those that are open
	First  []Deed         `json:"first,omitempty"`  // some of them, looked up when it is shown
	Agreed []Agreement    `json:"agreed,omitempty"` // where releasing it takes two people
}
