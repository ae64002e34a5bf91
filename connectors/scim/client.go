package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

const (
	mediaType  = "application/scim+json"
	maxDetail  = 1000 // of what the target says about an error, before it is shortened
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
	r, err := k.request()
	if err != nil {
		return answer{}, err
	}
	return c.send(ctx, k, r)
}

// send sends the call's request.
func (c *Connector) send(ctx context.Context, k call, r web.Request) (answer, error) {
	a, err := c.web.Do(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if a.Status/100 != 2 || c.throttled(a) {
		return answer{}, c.refusal(k, a)
	}
	if page(a.Body) {
		return answer{}, connectors.Foreign(transient("%s %s: the target answers %d with a web page: somebody else answers in its place", k.method, k.path, a.Status))
	}
	return answer{etag: a.Header.Get("ETag"), location: a.Header.Get("Location"), body: a.Body}, nil
}

func (k call) request() (web.Request, error) {
	r := web.Request{Method: k.method, Path: k.path, Header: http.Header{"Accept": {mediaType + ", application/json"}}}
	var err error
	if r.Query, err = url.ParseQuery(k.query); err == nil && k.body != nil {
		r.Header.Set("Content-Type", mediaType)
		r.Body, err = json.Marshal(k.body)
	}
	if err != nil {
		return r, &connectors.Error{Kind: connectors.Permanent, Err: err}
	}
	if k.ifMatch != "" {
		r.Header.Set("If-Match", k.ifMatch)
	}
	return r, nil
}

// page reports whether what came is no answer but a web page: a proxy's, or a form to
// log in by, which come with a status of success, and nothing was done.
func page(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) }

// A refused error is an answer that is not 2xx.
type refused struct {
	method, path string
	status       int
	scimType     string
	detail       string
	throttled    bool // it means "too many requests", and so that nothing was done
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
func (c *Connector) refusal(k call, a web.Answer) error {
	r := &refused{method: k.method, path: k.path, status: a.Status}
	r.scimType, r.detail = c.complaint(a.Body)
	if a.Status/100 == 3 {
		r.detail = "the target redirects elsewhere, which is not followed: correct baseURL"
	}
	e := &connectors.Error{Kind: web.KindOf(a.Status), Code: strconv.Itoa(a.Status), Err: r}
	r.throttled = a.Status == http.StatusTooManyRequests || c.throttled(a)
	if r.throttled {
		e.Kind = connectors.Transient
	}
	if e.Kind == connectors.Transient {
		e.After = web.Wait(a.Header, c.o.Now())
	}
	switch {
	case e.After > 0:
		c.o.Rate.Pause(e.After)
	case r.throttled:
		c.o.Rate.Pause(briefPause)
	}
	return e
}

// throttled reports whether the answer is one that means "too many requests",
// whatever its status. One that holds what was asked for is none: what people are
// called there must not keep their accounts from being read.
func (c *Connector) throttled(a web.Answer) bool {
	says := slices.ContainsFunc(c.profile.Throttled, func(text string) bool { return bytes.Contains(a.Body, []byte(text)) })
	return says && (a.Status/100 != 2 || !holdsResources(a.Body))
}

// holdsResources reports whether the body is a resource, or a list of them.
func holdsResources(body []byte) bool {
	r, err := decode(body)
	if err != nil {
		return false
	}
	for _, name := range []string{"id", "Resources", "totalResults"} {
		if _, ok := r[key(r, name)]; ok {
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
		e.Detail = string(body[:min(len(body), maxDetail)])
	}
	if e.Detail == "" {
		e.Detail = e.Message
	}
	return c.web.Clean(e.ScimType), c.web.Clean(e.Detail)
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
		return r.status >= 500 && !r.throttled
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
