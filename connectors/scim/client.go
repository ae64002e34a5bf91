package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"drawbridge/connectors"
)

const (
	mediaType  = "application/scim+json"
	maxAnswer  = 32 << 20 // of a body: a longer one is an error
	maxDrained = 64 << 10 // of what is left of a body, so that its connection can be used again
	maxDetail  = 240      // of what the target says about an error
	briefPause = time.Second
)

// A call is one request.
type call struct {
	method  string
	path    string // below the base
	query   string // encoded
	body    any    // marshalled as JSON; nil sends none
	ifMatch string // an ETag; empty sends none
}

// An answer is what came back with a status of 2xx.
type answer struct {
	etag     string
	location string
	body     []byte
}

// do makes the call and returns its answer, or a *connectors.Error that says
// what may be done about it.
func (c *Connector) do(ctx context.Context, k call) (answer, error) {
	if err := c.o.Rate.Wait(ctx, k.method); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := c.request(ctx, k)
	if err != nil {
		return answer{}, err
	}
	began := c.o.Now()
	resp, err := c.client.Do(req)
	if err != nil {
		c.observe(k.method, 0, began)
		return answer{}, unanswered(k, err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
		_ = resp.Body.Close()
	}()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	c.observe(k.method, resp.StatusCode, began)
	if err != nil {
		return answer{}, unanswered(k, err)
	}
	if resp.StatusCode/100 != 2 || c.throttled(body) {
		return answer{}, c.refusal(k, resp, body)
	}
	if len(body) > maxAnswer {
		return answer{}, &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("%s %s: the answer is longer than %d MB", k.method, k.path, maxAnswer>>20)}
	}
	return answer{etag: resp.Header.Get("ETag"), location: resp.Header.Get("Location"), body: body}, nil
}

func (c *Connector) request(ctx context.Context, k call) (*http.Request, error) {
	var body io.Reader
	if k.body != nil {
		text, err := json.Marshal(k.body)
		if err != nil {
			return nil, &connectors.Error{Kind: connectors.Permanent, Err: err}
		}
		body = bytes.NewReader(text)
	}
	address := c.base + k.path
	if k.query != "" {
		address += "?" + k.query
	}
	req, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("%s %s: the address cannot be right", k.method, k.path)}
	}
	req.Header.Set("Accept", mediaType+", application/json")
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	if k.ifMatch != "" {
		req.Header.Set("If-Match", k.ifMatch)
	}
	if c.profile.UserAgent != "" {
		req.Header.Set("User-Agent", c.profile.UserAgent)
	}
	c.authorise(req)
	return req, nil
}

func (c *Connector) authorise(req *http.Request) {
	secret := c.o.Auth.Secret.Reveal()
	if secret == "" {
		return
	}
	switch c.profile.Auth.Scheme {
	case connectors.AuthBasic:
		req.SetBasicAuth(c.o.Auth.User, secret)
	case connectors.AuthHeader:
		req.Header.Set(c.profile.Auth.Header, c.profile.Auth.Prefix+secret)
	default:
		req.Header.Set("Authorization", "Bearer "+secret)
	}
}

func (c *Connector) observe(method string, status int, began time.Time) {
	if c.o.Observe != nil {
		c.o.Observe(method, status, c.o.Now().Sub(began))
	}
}

// unanswered is the error of a request without a whole answer: whether it took
// effect, nobody knows. The URL is left out: a filter in it names people.
func unanswered(k call, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf("%s %s: %w", k.method, k.path, err)}
}

// A refused error is an answer that is not 2xx.
type refused struct {
	method, path string
	status       int
	scimType     string
	detail       string
}

func (r *refused) Error() string {
	text := r.method + " " + r.path
	if r.scimType != "" {
		text += ": " + r.scimType
	}
	if r.detail != "" {
		text += ": " + r.detail
	}
	return text
}

// refusal turns an answer that is not 2xx, or that means "too many requests",
// into an error, and makes every other call wait too if the target asks for it.
func (c *Connector) refusal(k call, resp *http.Response, body []byte) error {
	r := &refused{method: k.method, path: k.path, status: resp.StatusCode}
	r.scimType, r.detail = c.complaint(body)
	if resp.StatusCode/100 == 3 {
		r.detail = "the target redirects elsewhere, which is not followed: correct baseURL"
	}
	e := &connectors.Error{Kind: kindOf(resp.StatusCode), Code: strconv.Itoa(resp.StatusCode), Err: r}
	throttled := resp.StatusCode == http.StatusTooManyRequests || c.throttled(body)
	if throttled {
		e.Kind = connectors.Transient
	}
	if e.Kind == connectors.Transient {
		e.After = retryAfter(resp.Header.Get("Retry-After"), c.o.Now())
	}
	switch {
	case e.After > 0:
		c.o.Rate.Pause(e.After)
	case throttled:
		c.o.Rate.Pause(briefPause)
	}
	return e
}

// kindOf says what may be done about a status. 401 is transient, for it speaks
// of our credential and not of the account: once that is renewed, the work
// waiting must go on by itself.
func kindOf(status int) connectors.Kind {
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
	if status >= 500 {
		return connectors.Transient
	}
	return connectors.Permanent
}

// retryAfter reads the header in both its forms: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return max(0, time.Duration(min(seconds, 86400))*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// throttled reports whether the answer is one that means "too many requests",
// whatever its status.
func (c *Connector) throttled(body []byte) bool {
	for _, text := range c.profile.Throttled {
		if bytes.Contains(body, []byte(text)) {
			return true
		}
	}
	return false
}

// complaint returns what the target says is wrong: short, on one line, and
// without our secret should the target repeat it.
func (c *Connector) complaint(body []byte) (scimType, detail string) {
	var e struct {
		ScimType string `json:"scimType"`
		Detail   string `json:"detail"`
		Message  string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil || e.Detail+e.Message == "" {
		e.Detail = string(body[:min(len(body), 4*maxDetail)])
	}
	if e.Detail == "" {
		e.Detail = e.Message
	}
	return c.clean(e.ScimType), c.clean(e.Detail)
}

func (c *Connector) clean(text string) string {
	if secret := c.o.Auth.Secret.Reveal(); secret != "" {
		text = strings.ReplaceAll(text, secret, c.o.Auth.Secret.String())
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "…"
	}
	return strings.TrimSpace(text)
}

// statusOf returns the status that the error is about, or 0.
func statusOf(err error) int {
	if r, ok := errors.AsType[*refused](err); ok {
		return r.status
	}
	return 0
}

// uncertain reports whether a call that failed may have taken effect all the
// same: there was no answer, or one from a server in trouble.
func uncertain(err error) bool {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		return slices.ContainsFunc(joined.Unwrap(), uncertain)
	}
	if r, ok := errors.AsType[*refused](err); ok {
		return r.status >= 500
	}
	e, ok := errors.AsType[*connectors.Error](err)
	return !ok || e.Kind == connectors.Transient && e.After == 0
}

func permanent(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf(format, args...)}
}

func transient(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf(format, args...)}
}
