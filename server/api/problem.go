package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/schema"
)

// A Problem is an error as RFC 9457 has it. Code is for programs: what kind of
// error it is, where a status alone would not tell.
type Problem struct { //nolint:errname // RFC 9457 calls it a problem, and so do its readers
	Type   string  `json:"type" doc:"Always about:blank: the code says which problem it is."`
	Title  string  `json:"title" doc:"The status in words."`
	Status int     `json:"status"`
	Code   string  `json:"code" doc:"invalid, unauthenticated, role, refused, held, not-found, method, conflict, too-large, too-many, unavailable, internal"`
	Detail string  `json:"detail,omitempty" doc:"What was wrong and what to do, for people."`
	Errors []Fault `json:"errors,omitempty" doc:"Each thing that was wrong with what was sent."`
}

// A Fault is one thing that was wrong with what was sent.
type Fault struct {
	Location string `json:"location,omitempty" doc:"Where, such as query.limit or body.reason."`
	Message  string `json:"message"`
}

// Error returns the detail; a Problem is an error so that a handler can return it.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the status it is answered with.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is application/problem+json.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// NewProblem returns a problem of a status. Its code is the usual one of the
// status.
func NewProblem(status int, detail string) *Problem {
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: codes[status], Detail: detail}
	switch {
	case p.Code != "":
	case status >= 500:
		p.Code = "internal"
	default:
		p.Code = "invalid"
	}
	return p
}

var codes = map[int]string{
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "refused",
	http.StatusNotFound:              "not-found",
	http.StatusMethodNotAllowed:      "method",
	http.StatusConflict:              "conflict",
	http.StatusRequestEntityTooLarge: "too-large",
	http.StatusTooManyRequests:       "too-many",
	http.StatusServiceUnavailable:    "unavailable",
}

// sentinels is the one table from the kinds of error to statuses.
var sentinels = []struct {
	err    error
	status int
	code   string
}{
	{schema.ErrHeld, http.StatusConflict, "held"},
	{schema.ErrForbidden, http.StatusForbidden, "refused"},
	{schema.ErrNotFound, http.StatusNotFound, "not-found"},
	{schema.ErrConflict, http.StatusConflict, "conflict"},
	{schema.ErrInvalid, http.StatusUnprocessableEntity, "invalid"},
	{schema.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{context.Canceled, 499, "unavailable"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable"},
}

// ProblemOf returns the problem that an error is. One that is of no kind is the
// bridge's own fault: what it says is for the log and not for the caller.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			p := NewProblem(s.status, schema.Told(err))
			p.Code = s.code
			return p
		}
	}
	return NewProblem(http.StatusInternalServerError, "Something went wrong in the bridge; its log says what, under the X-Request-Id of this answer.")
}

// Answer writes the problem.
func (p *Problem) Answer(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	return json.NewEncoder(w).Encode(p)
}

// asProblem turns what huma says of a request that it refuses into a problem. The
// values that were sent are not echoed.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := NewProblem(e.Status, e.Detail)
	for _, d := range e.Errors {
		if d != nil {
			p.Errors = append(p.Errors, Fault{Location: d.Location, Message: d.Message})
		}
	}
	return p, nil
}
