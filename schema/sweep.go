package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// A Run is the record of one run of a sweep.
type Run struct {
	ID       string    `json:"id"`
	Sweep    string    `json:"sweep"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Looked   int       `json:"looked"`             // things looked at
	Found    int       `json:"found"`              // things that are not as they should be
	Proposed int       `json:"proposed,omitempty"` // things that it would have acted on, and was only to look at
	Done     int       `json:"done"`               // things acted on
	Reported int       `json:"reported"`           // findings raised or renewed, nothing else done
	Retried  int       `json:"retried,omitempty"`  // of what was found, what was given up before and is tried again
	Held     string    `json:"held,omitempty"`     // why the guard held the run
	Released []string  `json:"released,omitempty"` // holds that it went past because people released them, or behind which it found nothing left
	Problem  string    `json:"problem,omitempty"`  // why the run failed
	DryRun   bool      `json:"dryRun,omitempty"`
	Resumed  int       `json:"resumed,omitempty"` // how often it was cut off, and went on where it was
	First    []Deed    `json:"first,omitempty"`   // some of what it found

	// PassedOver is how many things it did not look at, though they are its to look at, by
	// why it did not. They are not among those looked at.
	PassedOver map[string]int `json:"passedOver,omitempty"`

	// A run that comes to the same as the one before it is kept as that one again.
	Again int       `json:"again,omitempty"` // how often it came to the same since
	Since time.Time `json:"since,omitzero"`  // then: when it first did
}

// A FindingKind says what is not as it should be: orphan, drift, undecided, ... The list of
// them is in package access (finding_kinds.go), and docs/sweeps.md tells of each.
type FindingKind = string

// A Finding is something a sweep noticed that is not as it should be. It lives
// until it is resolved.
type Finding struct {
	Kind      FindingKind `json:"kind"`
	Connector string      `json:"connector,omitempty"`
	Subject   string      `json:"subject"` // an identity's id, or a remote id where no identity explains it
	Object    string      `json:"object,omitempty"`
	Code      string      `json:"code,omitempty"` // of the documents' mistake that it is, E-SOD-LIVE for one
	Reason    string      `json:"reason"`
	First     time.Time   `json:"first"`
	Last      time.Time   `json:"last"` // when it was last seen, to a day

	Settled *Settlement `json:"settled,omitempty"` // what a person decided about it meanwhile
}

// ID names the finding: a short hash of what it is about, which is the same whenever it
// is found.
func (f Finding) ID() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Kind, f.Connector, f.Subject, f.Object}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Quiet reports whether a person said that nothing is to be done about it for now.
func (f Finding) Quiet(now time.Time) bool { return f.Settled != nil && now.Before(f.Settled.Until) }

// A Settlement is what a person decided about a finding that stays.
type Settlement struct {
	Until        time.Time `json:"until,omitzero"` // it is not shown until then
	Excepted     bool      `json:"excepted,omitempty"`
	Compensating []string  `json:"compensating,omitempty"`
	Assignee     string    `json:"assignee,omitempty"` // id of the person who is to see to it
	By           string    `json:"by"`
	At           time.Time `json:"at"`
	Reason       string    `json:"reason"`
}

// A Progress is how far a run came that is not over, so that it goes on there when it
// is cut off; or, without a run, what is left of released plans that one failed in the
// middle of, for the next.
type Progress struct {
	Sweep      string   `json:"sweep"`
	Run        Run      `json:"run"`
	Cursor     []string `json:"cursor,omitempty"`
	Held       []Hold   `json:"held,omitempty"`
	Past       []string `json:"past,omitempty"` // holds that people released and that it went past, or found nothing left behind
	Incomplete bool     `json:"incomplete,omitempty"`

	Troubles []Trouble `json:"troubles,omitempty"` // what became of parts of it that it did not do

	Parts []PlanPart `json:"parts,omitempty"` // what is done of released plans that it has yet to come to the end of
}

// A PlanPart is what is done of a plan that people released: with what is left it comes
// to that plan.
type PlanPart struct {
	Hold   string    `json:"hold"`             // the plan's
	Sum    []byte    `json:"sum,omitempty"`    // of all that is done
	Count  int       `json:"count"`            // how much that is
	Before int       `json:"before,omitempty"` // how much of it by runs that failed before this one
	Until  time.Time `json:"until,omitzero"`   // what falls due later is not of the plan, where it hangs on time
}

// A Trouble is why a run did not do a part of what it is for.
type Trouble struct {
	What string `json:"what"`
	Held bool   `json:"held,omitempty"` // it did not fail: the guard held it
}
