package connectors

import (
	"context"
	"errors"

	"drawbridge/schema"
)

// An Examiner can look at its target closer than provisioning needs to. It serves
// whoever connects a target, and never the bridge that runs.
type Examiner interface {
	// Find returns the account that the profile's match attributes find; one that
	// is not there does not exist. It changes nothing.
	Find(ctx context.Context, attributes map[string]string) (schema.Account, error)

	// Examine tells what the target shows of how it does what its profile states,
	// and changes nothing. The account is one that may be asked about, made for
	// that; where it does not exist, there is none, and less is seen. The error is
	// of a target that cannot be asked at all; what it merely refuses is a fact.
	Examine(ctx context.Context, canary schema.Account, tell func(Fact)) error

	// Delete takes the account away for good. It is only ever asked for an account
	// that was made to be looked at. The error is errors.ErrUnsupported where
	// nothing says how.
	Delete(ctx context.Context, remoteID string) error
}

// A Fact is one thing that a target was seen to do, beside what its profile says.
type Fact struct {
	Key     string `json:"key"`               // of the profile, as paging.style; or what else it is about
	Profile string `json:"profile"`           // what the profile says; empty: nothing
	Target  string `json:"target"`            // what the target did; empty: it could not be seen
	Note    string `json:"note,omitempty"`    // for people
	Learned bool   `json:"learned,omitempty"` // the target's is a value of the key, fit for a profile
}

// A Verdict compares what a target does with what its profile says.
type Verdict string

// The verdicts.
const (
	Agrees  Verdict = "agree"
	Differs Verdict = "differs"
	Unknown Verdict = "unknown"
)

// Verdict says whether the target does what its profile says. Where either says
// nothing, nobody knows.
func (f Fact) Verdict() Verdict {
	switch {
	case f.Profile == "" || f.Target == "":
		return Unknown
	case f.Profile == f.Target:
		return Agrees
	}
	return Differs
}

// ErrForeign is the error of an answer in another language than the one that is
// spoken to the target: it is there, and something else than was thought.
var ErrForeign = errors.New("the target does not speak what it is spoken to in")

// Foreign returns the error as one that is ErrForeign too, in its own words.
func Foreign(err error) error { return foreignError{err} }

type foreignError struct{ error }

func (f foreignError) Unwrap() error        { return f.error }
func (f foreignError) Is(target error) bool { return target == ErrForeign }
