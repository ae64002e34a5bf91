package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"drawbridge/schema"
)

// The scimTypes of RFC 7644, section 3.12, that are used.
const (
	InvalidFilter = "invalidFilter"
	InvalidPath   = "invalidPath"
	InvalidSyntax = "invalidSyntax"
	InvalidValue  = "invalidValue"
	Mutability    = "mutability"
	NoTarget      = "noTarget"
	TooMany       = "tooMany"
	Uniqueness    = "uniqueness"

	InvalidCursor = "invalidCursor" // RFC 9865
	ExpiredCursor = "expiredCursor"
	InvalidCount  = "invalidCount"
)

// An Error is what a sender is told. Its detail names what was wrong and says
// what to do; it holds nothing of how the bridge is built.
type Error struct {
	Status int
	Type   string // scimType, empty where there is none
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// Unwrap returns the kind of error it is.
func (e *Error) Unwrap() error {
	switch e.Status {
	case http.StatusNotFound:
		return schema.ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return schema.ErrConflict
	case http.StatusForbidden:
		return schema.ErrForbidden
	case http.StatusServiceUnavailable:
		return schema.ErrUnavailable
	case http.StatusInternalServerError:
		return nil
	}
	return schema.ErrInvalid
}

// Invalid returns an error that answers 400 with a scimType.
func Invalid(scimType, format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Type: scimType, Detail: fmt.Sprintf(format, args...)}
}

// ErrorOf returns what a sender is told of any error. Of one that nobody
// foresaw, it is told nothing but that.
func ErrorOf(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, schema.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Detail: "no such resource"}
	case errors.Is(err, schema.ErrConflict):
		return &Error{Status: http.StatusConflict, Type: Uniqueness, Detail: "another resource has the same unique attribute"}
	case errors.Is(err, schema.ErrForbidden), errors.Is(err, schema.ErrHeld):
		return &Error{Status: http.StatusForbidden, Detail: schema.Told(err)}
	case errors.Is(err, schema.ErrInvalid):
		return &Error{Status: http.StatusBadRequest, Type: InvalidValue, Detail: schema.Told(err)}
	case errors.Is(err, schema.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusServiceUnavailable, Detail: "not available now; send it again later"}
	}
	return &Error{Status: http.StatusInternalServerError, Detail: "something is wrong inside; the operator's log says what, by the id of this request"}
}
