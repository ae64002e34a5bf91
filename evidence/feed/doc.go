// Package feed says decisions as other systems read them: a line each, of OCSF (Open
// Cybersecurity Schema Framework) or CEF (Common Event Format), written to a file or
// sent to a syslog server.
//
// A line says what the log's entry says, and carries the entry's number and its exact
// bytes or hash, so that whoever has it can ask for the proof. What it is about is
// named as far as the bridge knows the name now.
package feed

import (
	"strings"
	"time"

	"drawbridge/schema"
)

// An Event is one decision to be told of.
type Event struct {
	Seq      int64
	Leaf     []byte // as hashed
	Decision schema.Decision
	UserName string // of the subject, where it is an identity that is known
	Log      string // the log's name
	Version  string // of the bridge
}

// A Format makes a line of an event, without its end.
type Format func(Event) ([]byte, error)

// Formats are those there are, by name.
var Formats = map[string]Format{"ocsf": OCSF, "cef": CEF}

// A Message is a line on its way.
type Message struct {
	Time    time.Time
	ID      string // a word that says of what kind it is
	Warning bool   // somebody should look
	Line    []byte
}

// MessageOf makes the message of an event.
func MessageOf(format Format, e Event) (Message, error) {
	line, err := format(e)
	return Message{Time: e.Decision.Time, ID: string(e.Decision.Verb), Warning: weigh(e.Decision.Verb) > informational, Line: line}, err
}

// A weight is how much somebody should look at a decision.
type weight int

const (
	informational weight = 1
	low           weight = 2
	medium        weight = 3
	high          weight = 4
)

// weigh weighs decisions by what they do. What is not named is of everyday.
func weigh(v schema.Verb) weight {
	switch v {
	case schema.Bypassed, schema.Halted:
		return high
	case schema.Failed, schema.Held, schema.Drifted, schema.Found, schema.Quarantined, schema.Refused, schema.Escalated:
		return medium
	case schema.Denied, schema.Undecided, schema.Kept, schema.Ignored, schema.Resumed, schema.Excepted:
		return low
	default:
		return informational
	}
}

// failed reports whether what was tried, or asked for, did not come to be.
func failed(v schema.Verb) bool {
	return v == schema.Failed || v == schema.Denied || v == schema.Refused
}

// isIdentity reports whether a subject is somebody, and not something else.
func isIdentity(subject string) bool { return subject != "" && !strings.Contains(subject, "/") }

// text says a decision in a sentence.
func text(e Event) string {
	d := e.Decision
	who := d.Subject
	if e.UserName != "" {
		who = e.UserName
	}
	words := string(d.Verb) + " " + who
	if d.Object != "" {
		words += " " + d.Object
	}
	words += ", by " + d.Actor
	if d.Reason != "" {
		words += ": " + d.Reason
	}
	return words
}
