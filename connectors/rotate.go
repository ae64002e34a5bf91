package connectors

import (
	"context"
	"errors"
	"time"
)

// A Rotator can have the secret changed by which a machine proves itself, by whoever
// keeps it. The secret never comes here, neither the old one nor the new.
type Rotator interface {
	// Rotates reports whether it can, as it is configured.
	Rotates() bool

	// Rotate has a secret changed, and returns when it was. It may be asked for the same
	// Rotation again, where an answer was lost: to change a secret once more does no harm.
	Rotate(ctx context.Context, r Rotation) (at time.Time, err error)
}

// A Rotation says which secret is to be changed.
type Rotation struct {
	ID         string // the same each time it is asked for
	Machine    string // the machine's userName
	Account    string // what the target calls its account; empty if it has none there
	Credential string // its name in the register
	Ref        string // where it is kept
}

// Discreet returns an error without what a target answered: of one that was asked to
// change a secret, that may be the secret.
func Discreet(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	quiet := *e
	quiet.Err = errors.New("what it answers is not repeated, because it may hold a secret")
	return &quiet
}
