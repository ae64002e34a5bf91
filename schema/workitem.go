package schema

import "time"

// A WorkItem is what a person is asked to do at a system that no program can reach.
// An account has at most one; it always asks for all that is left to do there.
//
// It stays open until a person confirms it with evidence: until then what it takes
// away counts as held, and its exposure runs.
type WorkItem struct {
	Connector  string     `json:"connector"`
	Identity   string     `json:"identity"`
	Credential string     `json:"credential,omitempty"` // of a machine, which is to be changed there; empty: it is about the account
	UserName   string     `json:"userName"`             // whose, as the target should know them
	Plan       string     `json:"plan"`                 // hash over what is asked; who confirms says which they did
	What       string     `json:"what"`                 // in a few words
	Steps      []WorkStep `json:"steps"`
	Ends       bool       `json:"ends,omitempty"` // some of it takes access away
	Want       Account    `json:"want"`           // the account as it is once all is done

	Assignee string    `json:"assignee,omitempty"` // an email address
	Opened   time.Time `json:"opened"`
	Due      time.Time `json:"due"`
	Reminded time.Time `json:"reminded,omitzero"` // when somebody was last reminded
}

// A WorkStep is one thing to do to one account.
type WorkStep struct {
	Verb         string            `json:"verb"`                   // disable, revoke, create, update, enable, grant; rotate, of a credential
	Entitlements []string          `json:"entitlements,omitempty"` // the target's names
	Attributes   map[string]string `json:"attributes,omitempty"`   // an empty value clears
}

// Key returns what tells it from others: the connector and the identity, and the
// credential where it is about one.
func (w WorkItem) Key() []string {
	if w.Credential == "" {
		return []string{w.Connector, w.Identity}
	}
	return []string{w.Connector, w.Identity, w.Credential}
}

// Overdue reports whether it should have been confirmed by now.
func (w WorkItem) Overdue(now time.Time) bool { return !now.Before(w.Due) }
