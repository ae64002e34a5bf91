package schema

import "time"

// A Notice is something that somebody is to be told: that a request waits for them, that
// what they hold is about to end. There is one for each thing that somebody is told of.
type Notice struct {
	To      string    `json:"to"`      // id of an identity, mailto:ADDRESS, or operators
	Kind    string    `json:"kind"`    // approval, decided, ending, finding, work, bypass, review
	Subject string    `json:"subject"` // what it is about, as the log has it
	What    string    `json:"what"`    // in a sentence
	Path    string    `json:"path,omitempty"`
	Raised  time.Time `json:"raised"`
	Due     time.Time `json:"due,omitzero"`     // until when something is expected of them
	Urgent  bool      `json:"urgent,omitempty"` // it waits for nothing else to be told with
	Told    time.Time `json:"told,omitzero"`    // when it was sent last by every channel; zero as long as it is to be
	Rests   time.Time `json:"rests,omitzero"`   // they are not told before: they were told the same less than a day ago
	By      []string  `json:"by,omitempty"`     // the channels it was sent by since it was raised last

	// By channel, the addresses that it has not reached yet while it has others. They alone
	// are tried again.
	Left map[string][]string `json:"left,omitempty"`
}
