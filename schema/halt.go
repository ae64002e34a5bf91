package schema

import "time"

// A Halt stops the bridge from writing to a target, or to all of them, until
// somebody resumes it. What goes on all the same is access that is to end because
// its holder left, or because the end of what was granted has come.
type Halt struct {
	Connector string    `json:"connector"` // whose target; Everywhere is all
	By        string    `json:"by"`        // the actor
	Reason    string    `json:"reason"`    // in their own words
	At        time.Time `json:"at"`
}

// Everywhere is the connector of a Halt of all of them. No connector has that name.
const Everywhere = "*"
