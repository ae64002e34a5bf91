package connectors

import (
	"errors"
	"fmt"
	"time"
)

// A Kind of error says what may be done about it.
type Kind int

// The kinds of error.
const (
	Transient Kind = iota // try again, with backoff, or after Error.After
	Permanent             // nothing will help until something changes
	Gone                  // what was written to is not there
	Exists                // what was to be created is there already, and is not ours to adopt
)

// An Error is a connector's failure, with what may be done about it. Anything
// else a connector returns counts as Transient.
type Error struct {
	Kind  Kind
	After time.Duration // of Transient: not before this has passed; zero leaves it to the caller
	Code  string        // what the target said, in short: an HTTP status, an LDAP result code
	Err   error
}

// Error says what went wrong.
func (e *Error) Error() string {
	if e.Code == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Transient
}

// RetryAfter returns how long the target asked us to wait, or zero.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}

// Worst joins errors into one that is worth coming back for if any of them is,
// and no sooner than all of them allow; nil if there are none.
func Worst(errs []error) error {
	if len(errs) <= 1 {
		return errors.Join(errs...)
	}
	all := &Error{Kind: KindOf(errs[0]), Err: errors.Join(errs...)}
	for _, err := range errs {
		if KindOf(err) == Transient {
			all.Kind = Transient
		}
		all.After = max(all.After, RetryAfter(err))
	}
	return all
}
