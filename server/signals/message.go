package signals

import (
	"errors"
	"time"

	"drawbridge/schema"
)

// A message is one signal as systems send it. Exactly one of ticket, workload,
// risk, use and alive is there.
type message struct {
	ID         string    `json:"id"`
	OccurredAt time.Time `json:"occurredAt"`
	Subject    *subject  `json:"subject"`

	Ticket   *ticket   `json:"ticket"`
	Workload *workload `json:"workload"`
	Risk     *risk     `json:"risk"`
	Use      *use      `json:"use"`
	Alive    bool      `json:"alive"`
}

type subject struct {
	ID       string `json:"id"`
	UserName string `json:"userName"`
	Email    string `json:"email"`
}

type ticket struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"`
	Assignee    string    `json:"assignee"`
	Priority    *int64    `json:"priority"`
	WindowStart time.Time `json:"windowStart"`
	WindowEnd   time.Time `json:"windowEnd"`
}

type workload struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	LastSeen time.Time `json:"lastSeen"`
	Issuer   string    `json:"issuer"`
	Audience string    `json:"audience"`
	Subject  string    `json:"subject"`
}

type risk struct {
	Kind  string `json:"kind"`
	Open  *bool  `json:"open"`
	Level string `json:"level"`
}

type use struct {
	Connector   string    `json:"connector"`
	Account     string    `json:"account"`
	Entitlement string    `json:"entitlement"`
	LastUsed    time.Time `json:"lastUsed"`
	Rotated     time.Time `json:"rotated"`
	Interactive time.Time `json:"interactive"`
	Disabled    time.Time `json:"disabled"`
	Enabled     time.Time `json:"enabled"`
}

// signal returns what the message says, in our terms.
func (m message) signal() (schema.Signal, error) {
	s := schema.Signal{ID: m.ID, Occurred: m.OccurredAt}
	if m.Subject != nil {
		s.Subject = schema.Subject{ID: m.Subject.ID, UserName: m.Subject.UserName, Email: m.Subject.Email}
	}
	topics := 0
	about := func(there bool, topic schema.Topic) bool {
		if there {
			topics++
			s.Topic = topic
		}
		return there
	}
	if t := m.Ticket; about(t != nil, schema.TopicTicket) {
		s.Ticket = &schema.Ticket{
			ID: t.ID, Kind: t.Kind, State: t.State, Assignee: t.Assignee, Priority: t.Priority,
			WindowStart: t.WindowStart, WindowEnd: t.WindowEnd,
		}
	}
	if w := m.Workload; about(w != nil, schema.TopicWorkload) {
		s.Workload = &schema.WorkloadState{Name: w.Name, State: w.State, LastSeen: w.LastSeen, Issuer: w.Issuer, Audience: w.Audience, Subject: w.Subject}
	}
	if k := m.Risk; about(k != nil, schema.TopicRisk) {
		if k.Open == nil {
			return s, errors.New("risk.open is missing: is it there, or over?")
		}
		s.Risk = &schema.Risk{Kind: k.Kind, Open: *k.Open, Level: k.Level}
	}
	if u := m.Use; about(u != nil, schema.TopicUse) {
		s.Use = &schema.Use{
			Connector: u.Connector, Account: u.Account, Entitlement: u.Entitlement, LastUsed: u.LastUsed, Rotated: u.Rotated, Interactive: u.Interactive,
			Disabled: u.Disabled, Enabled: u.Enabled,
		}
	}
	about(m.Alive, schema.TopicAlive)
	if topics != 1 {
		return s, errors.New("write exactly one of ticket, workload, risk, use and alive")
	}
	named := m.Subject != nil && !s.Subject.IsZero()
	switch {
	case s.Topic == schema.TopicRisk && !named:
		return s, errors.New("whose risk? write subject, with an id, userName or email")
	case s.Topic == schema.TopicUse && !named && s.Use.Account == "":
		return s, errors.New("whose account? write use.account, or subject")
	}
	return s, nil
}
