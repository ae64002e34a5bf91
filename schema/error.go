package schema

import "errors"

// The kinds of error that cross packages. Wrap them with what was at fault;
// decide with errors.Is at the edge.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict")    // it exists already, or changed meanwhile
	ErrInvalid     = errors.New("invalid")     // what was sent cannot be right
	ErrForbidden   = errors.New("forbidden")   // a rule refuses it
	ErrHeld        = errors.New("held")        // the guard waits for people
	ErrUnavailable = errors.New("unavailable") // try again later
)
