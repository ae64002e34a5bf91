package server

import (
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"drawbridge/server/metrics"
)

// requestHeader is taken from whoever is in front of the bridge, so that one id
// leads through both logs, and is made otherwise.
const requestHeader = "X-Request-Id"

// Keys of what a request's context knows.
const (
	keyCredential = "credential" // name of the credential
	keySource     = "source"     // the source that it named, below /scim
)

// observe gives each request an id, answers its error, and says in the log and
// the metrics what came of it, also where its connection was cut.
func observe(log *slog.Logger, m *metrics.Metrics) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			start := time.Now()
			req, res := c.Request(), c.Response()
			id := requestID(req.Header.Get(requestHeader))
			req.Header.Set(requestHeader, id) // for those who read it further in
			res.Header()[requestHeader] = []string{id}
			defer func() {
				took := time.Since(start)
				if m != nil {
					m.Served(route(c), req.Method, res.Status, took)
				}
				logRequest(log, c, id, took)
			}()
			if err := next(c); err != nil {
				c.Error(err)
			}
			return nil
		}
	}
}

// logRequest writes the line of the access log. Neither headers nor the query are
// in it: they may hold secrets and what people are called.
func logRequest(log *slog.Logger, c echo.Context, id string, took time.Duration) {
	req, res := c.Request(), c.Response()
	level := slog.LevelInfo
	switch c.Path() {
	case "/healthz", "/readyz", "/metrics":
		level = slog.LevelDebug
	}
	if !log.Enabled(req.Context(), level) {
		return
	}
	credential, _ := c.Get(keyCredential).(string)
	log.LogAttrs(req.Context(), level, "request",
		slog.String("method", req.Method), slog.String("path", req.URL.Path), slog.Int("status", res.Status),
		slog.Int64("bytes", res.Size), slog.Duration("took", took), slog.String("request", id),
		slog.String("remote", c.RealIP()), slog.String("credential", credential))
}

// route is the pattern that the request met.
func route(c echo.Context) string {
	if p := c.Path(); p != "" {
		return p
	}
	return "none"
}

// requestID returns an id that others gave, where it is harmless, or a new one.
func requestID(given string) string {
	if given == "" || len(given) > 64 {
		return newID()
	}
	for i := range len(given) {
		switch b := given[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.':
		default:
			return newID()
		}
	}
	return given
}

func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return "none" // a request without an id is better than none
	}
	return id.String()
}

// A panicError is what is left of a panic.
type panicError struct {
	value string
	stack string
}

func (e *panicError) Error() string { return "panic: " + e.value + "\n" + e.stack }

func stack() string { return string(debug.Stack()) }
