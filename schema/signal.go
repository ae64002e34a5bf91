package schema

import "time"

// A Topic says what a signal is about.
type Topic string

// The topics.
const (
	TopicTicket   Topic = "ticket"
	TopicWorkload Topic = "workload"
	TopicRisk     Topic = "risk"
	TopicUse      Topic = "use"   // an account was used, or its secret was changed
	TopicAlive    Topic = "alive" // nothing is new, and the source is still there

	// TopicRecords is none of signals: it is what a source tells of identities.
	TopicRecords Topic = "records"
)

// Topics returns the topics.
func Topics() []Topic { return []Topic{TopicTicket, TopicWorkload, TopicRisk, TopicUse, TopicAlive} }

// A Signal is what a source says that is not about its own directory: how a ticket
// or a workload stands, that somebody is at risk, that an account was used. The
// one field that its topic names is set; of TopicAlive none is.
//
// A signal is a whole statement: what it leaves out is unknown from then on. Its
// id is the source's own, and one that came already changes nothing.
type Signal struct {
	ID       string
	Topic    Topic
	Occurred time.Time // by the source's clock; of two statements the later one stands

	Ticket   *Ticket
	Workload *WorkloadState
	Risk     *Risk
	Use      *Use
	Subject  Subject // of whom, where it is about risk or use
}

// A Subject names somebody as another system does: by whatever of these it knows.
type Subject struct {
	ID       string // an id of the bridge's, or an externalId
	UserName string
	Email    string
}

// IsZero reports whether nobody is named.
func (s Subject) IsZero() bool { return s == Subject{} }

// A Ticket is how one ticket stands, as its system said last.
type Ticket struct {
	System      string    `json:"system"` // the source that tells of it
	ID          string    `json:"id"`
	Kind        string    `json:"kind,omitempty"` // change, incident, ...
	State       string    `json:"state,omitempty"`
	Assignee    string    `json:"assignee,omitempty"` // as the system names people
	Priority    *int64    `json:"priority,omitempty"`
	WindowStart time.Time `json:"windowStart,omitzero"`
	WindowEnd   time.Time `json:"windowEnd,omitzero"`
	Occurred    time.Time `json:"occurred"`
	Received    time.Time `json:"received"`
}

// A WorkloadState is how one workload stands, as one source said last. It is known
// by a name of the machine identity that it is: its id, userName, externalId or
// repo.
type WorkloadState struct {
	Name     string    `json:"name"` // case folded
	Source   string    `json:"source"`
	State    string    `json:"state,omitempty"` // running, deleted, archived, ...
	LastSeen time.Time `json:"lastSeen,omitzero"`
	Occurred time.Time `json:"occurred"`
	Received time.Time `json:"received"`

	// What it said of itself, where the source saw its tokens.
	Issuer   string `json:"issuer,omitempty"`
	Audience string `json:"audience,omitempty"`
	Subject  string `json:"subject,omitempty"`
}

// A Risk is one reason to distrust an identity's sessions or credentials, as one
// source said last. Open, it stands; it is not the bridge that closes it.
type Risk struct {
	Identity string    `json:"identity"`
	Source   string    `json:"source"`
	Kind     string    `json:"kind"` // account-disabled, credential-compromise, session-revoked, ...
	Open     bool      `json:"open"`
	Level    string    `json:"level,omitempty"` // low, medium, high, where the source says
	Since    time.Time `json:"since"`           // when it was opened, by the source's clock
	Occurred time.Time `json:"occurred"`        // of the newest statement
	Received time.Time `json:"received"`
	Closed   string    `json:"closed,omitempty"` // the actor who closed it
}

// A Use is when an account, or one entitlement of it, was last used, and when the
// account's secret was last changed. Nothing that is told makes either earlier.
type Use struct {
	Identity    string    `json:"identity"`
	Connector   string    `json:"connector"`
	Entitlement string    `json:"entitlement,omitempty"` // id in the catalogue; empty is the account itself
	LastUsed    time.Time `json:"lastUsed,omitzero"`
	Rotated     time.Time `json:"rotated,omitzero"`
	Interactive time.Time `json:"interactive,omitzero"` // when a person last signed in as it
	Disabled    time.Time `json:"disabled,omitzero"`    // of an account: when somebody, and not the bridge, disabled it at its target
	Enabled     time.Time `json:"enabled,omitzero"`     // and when it was found enabled there after that
	By          string    `json:"by,omitempty"`         // who told of LastUsed: source/NAME, or connector/NAME where it was the target itself
	Unclear     bool      `json:"unclear,omitempty"`    // of an account: when it was used, its target says in a way that cannot be right
	Account     string    `json:"-"`                    // of a signal: the account's id at its target, where no subject is named
}

// IsDisabled reports whether somebody disabled the account at its target, and whether
// anybody told: the later word stands.
func (u Use) IsDisabled() (is, told bool) {
	return u.Disabled.After(u.Enabled), !u.Disabled.IsZero() || !u.Enabled.IsZero()
}

// Newest returns the newest of the times that it says.
func (u Use) Newest() (at time.Time) {
	for _, said := range []time.Time{u.LastUsed, u.Rotated, u.Interactive, u.Disabled, u.Enabled} {
		if said.After(at) {
			at = said
		}
	}
	return at
}

// OfTarget is in the place of a source, whose name no source can have, where it is
// the target itself that tells of use, whenever its accounts are listed.
const OfTarget = "connector/"

// A Feed is what one source tells of, and when it was heard last: a signal of that
// topic, or that it is alive. Use is told by connector.
type Feed struct {
	Source    string    `json:"source"`
	Topic     Topic     `json:"topic"`
	Connector string    `json:"connector,omitempty"`
	Heard     time.Time `json:"heard"`

	Since  time.Time `json:"since,omitzero"`   // of TopicRecords: since when it is waited for
	Missed int       `json:"missed,omitempty"` // likewise: how many of the silences that mean something are over
}

// A SignalReceipt remembers that a signal came, so that it counts once.
type SignalReceipt struct {
	Source   string    `json:"source"`
	ID       string    `json:"id"`
	Received time.Time `json:"received"`
}

// A Firing remembers that a trigger holds for somebody who has a role, where what
// follows depends on since when, or on what people do about it.
type Firing struct {
	Identity string    `json:"identity"`
	Role     string    `json:"role"`
	Grant    string    `json:"grant,omitempty"` // the grant it was looked at for; empty of a role held by rule
	Trigger  string    `json:"trigger"`         // SET/NAME
	Action   string    `json:"action"`          // as the trigger has it
	Since    time.Time `json:"since"`
	Due      time.Time `json:"due,omitzero"`     // when it ends access unless somebody answers, or it holds no longer
	Settled  time.Time `json:"settled,omitzero"` // when somebody answered it
	By       string    `json:"by,omitempty"`     // who answered
}

// A Baseline is what attributes were when triggers last looked whether they
// changed: a short hash of each value, by the attribute's name.
type Baseline struct {
	Identity string            `json:"identity"`
	Values   map[string]string `json:"values"`
}
