package scim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	wire "drawbridge/schema/scim"
)

// mediaType is what answers are, and bodies should be.
const mediaType = "application/scim+json"

// media returns what an answer is called: what SCIM calls it, or plain JSON for
// who accepts that and no SCIM (RFC 7644, section 3.8). What nobody can answer in
// is not asked for.
func media(r *http.Request) string {
	accept := strings.Join(r.Header["Accept"], ",")
	if !accepted(accept, mediaType) && accepted(accept, echo.MIMEApplicationJSON) {
		return echo.MIMEApplicationJSON
	}
	return mediaType
}

// accepted reports whether an Accept takes a kind of answer. What is said of that very
// kind counts before what is said of several (RFC 9110, section 12.5.1).
func accepted(accept, kind string) bool {
	for _, of := range []string{kind, "application/*", "*/*"} {
		said, wanted := false, false
		for entry := range strings.SplitSeq(accept, ",") {
			name, parameters, _ := strings.Cut(entry, ";")
			if strings.EqualFold(strings.TrimSpace(name), of) {
				said, wanted = true, wanted || !unwanted(parameters)
			}
		}
		if said {
			return wanted
		}
	}
	return false
}

// unwanted reports whether what has these parameters is not accepted: its weight is none
// (RFC 9110, section 12.4.2).
func unwanted(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if weight, err := strconv.ParseFloat(value, 64); strings.EqualFold(name, "q") && err == nil && weight == 0 {
			return true
		}
	}
	return false
}

// blob answers with a body as it is.
func (q *request) blob(status int, body []byte) error {
	return q.c.Blob(status, media(q.c.Request()), body)
}

// WriteError answers with any error, as SCIM has it (RFC 7644, section 3.12).
// Where an answer is under way already, it can not.
func WriteError(c echo.Context, err error) error {
	if c.Response().Committed {
		return nil
	}
	e := errorOf(err)
	if e.Status == http.StatusServiceUnavailable && c.Response().Header().Get("Retry-After") == "" {
		c.Response().Header().Set("Retry-After", "5")
	}
	return c.Blob(e.Status, media(c.Request()), appendError(nil, e))
}

// appendError writes an error as JSON.
func appendError(dst []byte, e *wire.Error) []byte {
	dst = append(dst, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"`...)
	dst = append(strconv.AppendInt(dst, int64(e.Status), 10), '"')
	if e.Type != "" {
		dst = wire.AppendText(append(dst, `,"scimType":`...), e.Type)
	}
	return append(wire.AppendText(append(dst, `,"detail":`...), clipped(e.Detail)), '}')
}

// maxDetail is how many bytes of a detail are told. It may quote what was sent, and
// what was sent may be long.
const maxDetail = 512

func clipped(detail string) string {
	if len(detail) <= maxDetail {
		return detail
	}
	return strings.ToValidUTF8(detail[:maxDetail], "") + "…"
}

// errorOf returns what a sender is told, of errors of echo too.
func errorOf(err error) *wire.Error {
	var of *echo.HTTPError
	var ours *wire.Error
	if errors.As(err, &ours) || !errors.As(err, &of) {
		return wire.ErrorOf(err)
	}
	detail := http.StatusText(of.Code)
	if of.Code < http.StatusInternalServerError && of.Message != nil {
		detail = fmt.Sprint(of.Message)
	}
	return &wire.Error{Status: of.Code, Detail: detail}
}

// fail answers with an error, and logs what only an operator can mend.
func (q *request) fail(err error) error {
	if errorOf(err).Status >= http.StatusInternalServerError && q.c.Request().Context().Err() == nil {
		r := q.c.Request()
		q.log.ErrorContext(r.Context(), "a SCIM request failed", "method", r.Method, "path", r.URL.Path,
			"source", q.source, "request", q.id(), "error", err)
	}
	return WriteError(q.c, err)
}
