package schema

import "time"

// A Run is the record of one run of a sweep.
type Run struct {
	ID       string    `json:"id"`
	Sweep    string    `json:"sweep"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	Looked   int       `json:"looked"`             // things looked at
	Found    int       `json:"found"`              // things that are not as they should be
	Done     int       `json:"done"`               // things acted on
	Reported int       `json:"reported"`           // findings raised or renewed, nothing else done
	Retried  int       `json:"retried,omitempty"`  // of what was found, what was given up before and is tried again
	Held     string    `json:"held,omitempty"`     // why the guard held the run
	Released []string  `json:"released,omitempty"` // holds that it went past because people released them
	Problem  string    `json:"problem,omitempty"`  // why the run failed
	DryRun   bool      `json:"dryRun,omitempty"`

	// A run that comes to the same as the one before it is kept as that one again.
	Again int       `json:"again,omitempty"` // how often it came to the same since
	Since time.Time `json:"since,omitzero"`  // then: when it first did
}

// A Finding is something a sweep noticed that is not as it should be. It lives
// until it is resolved.
type Finding struct {
	Kind      string    `json:"kind"` // orphan, drift, undecided, ...
	Connector string    `json:"connector,omitempty"`
	Subject   string    `json:"subject"` // an identity's id, or a remote id where no identity explains it
	Object    string    `json:"object,omitempty"`
	Code      string    `json:"code,omitempty"` // of the documents' mistake that it is, E-SOD-LIVE for one
	Reason    string    `json:"reason"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"` // when it was last seen, to a day
}
