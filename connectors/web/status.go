package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
)

// KindOf says what may be done about a status that is no success. 401 is
// transient, for it speaks of our credential and not of the account: once that is
// renewed, the work waiting must go on by itself. So is a success that is none.
func KindOf(status int) connectors.Kind {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return connectors.Gone
	case http.StatusConflict:
		return connectors.Exists
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusPreconditionFailed:
		return connectors.Transient
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return connectors.Permanent
	}
	if status >= 500 || status/100 == 2 {
		return connectors.Transient
	}
	return connectors.Permanent
}

// longestPause is the longest that a target can make us wait.
const longestPause = 24 * time.Hour

// RetryAfter reads the header in both its forms: seconds, or a date.
func RetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		return Pause(seconds)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), longestPause)
	}
	return 0
}

// Wait returns how long an answer asks us to stay away. A date in it is by the
// target's clock, which may not be ours: what counts is how far it is from the
// date of the answer itself.
func Wait(h http.Header, now time.Time) time.Duration {
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return RetryAfter(h.Get("Retry-After"), now)
}

// Pause returns that many seconds, within reason.
func Pause(seconds int64) time.Duration {
	return time.Duration(min(max(0, seconds), int64(longestPause/time.Second))) * time.Second
}
