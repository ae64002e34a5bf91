package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A RampStage says how many of a target's accounts may be written to: one, a
// percentage such as 5%, or all. Empty is none.
type RampStage string

// The stages that have a name of their own.
const (
	RampOne RampStage = "one"
	RampAll RampStage = "all"
)

// ParseRampStage reads a stage.
func ParseRampStage(text string) (RampStage, error) {
	s := RampStage(text)
	if p := s.Percent(); s == RampOne || s == RampAll || p > 0 && p < 100 {
		return s, nil
	}
	return "", fmt.Errorf("%q is no stage of a ramp: write one, a percentage such as 5%%, or all: %w", text, ErrInvalid)
}

// Percent returns the share of the accounts that the stage is of; of one account it
// is 0, as of none.
func (s RampStage) Percent() float64 {
	if s == RampAll {
		return 100
	}
	number, ok := strings.CutSuffix(string(s), "%")
	p, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(p > 0) || p >= 100 {
		return 0
	}
	return p
}

// Before reports whether the stage is of fewer accounts.
func (s RampStage) Before(other RampStage) bool {
	if s == "" || other == "" {
		return s == "" && other != ""
	}
	return s.Percent() < other.Percent()
}

// Next returns the stage to go to from this one on the way to a goal: one account
// first, then one in twenty.
func (s RampStage) Next(goal RampStage) RampStage {
	for _, stage := range []RampStage{RampOne, "5%"} {
		if s.Before(stage) && stage.Before(goal) {
			return stage
		}
	}
	return goal
}

// A Ramp is how a target comes to be written to, a few accounts at first and more
// when those are well. Which accounts are among them depends on their identities'
// ids alone, and who once is stays.
type Ramp struct {
	Connector string        `json:"connector"`
	Goal      RampStage     `json:"goal"`  // where it is to come to
	Stage     RampStage     `json:"stage"` // where it has come to; empty: it has yet to begin
	Pause     time.Duration `json:"pause"` // between one stage and the next
	By        string        `json:"by"`    // the actor who wants it
	Decision  string        `json:"decision"`

	Below   uint64    `json:"below"`            // the last place that is among them
	Began   time.Time `json:"began,omitzero"`   // the stage
	Cursor  string    `json:"cursor,omitempty"` // the identity up to which the stage is handed out
	Handed  bool      `json:"handed,omitempty"` // to all
	Reached time.Time `json:"reached,omitzero"` // everything of the stage was written, or given up

	Population int      `json:"population"`       // accounts that there are to be
	Admitted   int      `json:"admitted"`         // of these, those that may be written to
	Failed     []string `json:"failed,omitempty"` // identities of whom it failed in this stage

	Stopped string    `json:"stopped,omitempty"` // why it stands still
	Since   time.Time `json:"since,omitzero"`    // then: since when
}

// Done reports whether it has come to its goal.
func (r Ramp) Done() bool { return r.Stage == r.Goal && !r.Reached.IsZero() && r.Stopped == "" }
