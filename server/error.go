package server

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"drawbridge/server/api"
)

// answerError answers whatever error a handler returned: below /scim as SCIM has
// it, elsewhere as a problem. What is the bridge's own fault is logged, once,
// here, and not told.
func answerError(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			log.ErrorContext(c.Request().Context(), "request failed", "request", c.Request().Header.Get(requestHeader),
				"method", c.Request().Method, "path", c.Request().URL.Path, "status", p.Status, "error", err)
		}
		if c.Response().Committed {
			return // half an answer is out already
		}
		var writing error
		if below(c, scimRoot) {
			writing = writeSCIM(c, p)
		} else {
			writing = p.Answer(c.Response())
		}
		if writing != nil {
			log.DebugContext(c.Request().Context(), "the client did not take its answer", "error", writing)
		}
	}
}

// problemOf is api.ProblemOf, for what echo says too.
func problemOf(err error) *api.Problem {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return api.ProblemOf(err)
	}
	detail, _ := he.Message.(string)
	switch he.Code {
	case http.StatusNotFound:
		detail = "There is nothing here; /api/openapi.json says what there is."
	case http.StatusMethodNotAllowed:
		detail = "This method is none of those that Allow names."
	}
	return api.NewProblem(he.Code, detail)
}

// below reports whether the request is for a path or what is below it. It looks
// at what the router looked at.
func below(c echo.Context, root string) bool {
	rest, ok := strings.CutPrefix(echo.GetPath(c.Request()), root)
	return ok && (rest == "" || rest[0] == '/')
}
