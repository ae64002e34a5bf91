// Package web is the HTTP client of connectors that speak JSON to a target.
//
// It is paced by the target's rate limit, has no more calls under way at once than the
// target takes, shows the target's credential and
// nobody else's, follows no redirect to another host, reads no more of an answer
// than it can hold, and lets no secret into an error. What an answer means is for
// its caller to say.
package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"drawbridge/connectors"
)

const (
	maxAnswer  = 32 << 20 // of a body: a longer one is an error
	maxDrained = 64 << 10 // of what is left of a body, so that its connection can be used again
	maxDetail  = 240      // of what a target says about an error

	// DefaultTimeout is how long one request may take, answer included.
	DefaultTimeout = 30 * time.Second
)

// A Client speaks to one target. It is safe for concurrent use.
type Client struct {
	o       connectors.Options
	base    *url.URL // without a slash at the end of its path
	timeout time.Duration
	http    *http.Client
	auth    authoriser
	calls   *connectors.Calls
	idle    func() // closes connections of our own that nobody uses
}

// New returns a client for the target at o.BaseURL. It calls nothing. Option
// timeout of the config is how long a request may take.
func New(o connectors.Options) (*Client, error) {
	c := &Client{o: o, timeout: DefaultTimeout, calls: connectors.NewCalls(o.Profile.Concurrency), idle: func() {}}
	transport := o.Transport
	if transport == nil {
		own := pooled(o.Profile.Concurrency)
		transport, c.idle = own, own.CloseIdleConnections
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: sameHost}
	var err error
	c.auth, err = newAuthoriser(o, c.http)
	if err := errors.Join(c.address(), c.option(), err); err != nil {
		return nil, err
	}
	return c, nil
}

// address checks the base URL, and that no secret would be sent to another
// machine in clear.
func (c *Client) address() error {
	u, err := url.Parse(c.o.BaseURL)
	if err != nil {
		return fmt.Errorf("baseURL: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("baseURL %q: want http:// or https:// and a host", c.o.BaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("baseURL: want neither user, query nor fragment in it")
	case u.Scheme == "http" && c.o.Auth.Exposed(u.Hostname()):
		return fmt.Errorf("baseURL %q: the secret would be sent unencrypted: use https, or allow it with auth.insecure", c.o.BaseURL)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	c.base = u
	return nil
}

func (c *Client) option() error {
	text, ok := c.o.Options["timeout"]
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("option timeout is %q, want a duration such as 10s", text)
	}
	c.timeout = d
	return nil
}

// pooled returns a transport that keeps as many connections as there may be
// calls under way.
func pooled(concurrency int) *http.Transport {
	if concurrency <= 0 {
		concurrency = 64
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          2 * concurrency,
		MaxIdleConnsPerHost:   2 * concurrency,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// sameHost follows a redirect only where neither the host nor the method
// changes: the credential goes nowhere else, and no write becomes a read.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme || req.Method != first.Method || len(via) > 3 {
		return http.ErrUseLastResponse
	}
	return nil
}

// A Request is one to the target.
type Request struct {
	Method string
	Path   string // below the base, escaped; of a link that Follow returned, the whole address
	Query  url.Values
	Header http.Header
	Body   []byte // JSON; nil sends none
	Name   string // in errors, in place of the path, which may name people

	address *url.URL // of a link; nil: base and Path
}

// An Answer is what came back, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends the request and returns its answer. The error is a *connectors.Error,
// of a request that was not sent or got no whole answer: whether it took effect
// nobody knows, unless it has an After.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	answer, err := c.once(ctx, r)
	if err == nil && answer.Status == http.StatusUnauthorized && c.auth.forget() {
		return c.once(ctx, r) // a token that was fetched may have been revoked since
	}
	return answer, err
}

func (c *Client) once(ctx context.Context, r Request) (Answer, error) {
	leave, err := c.calls.Enter(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer leave()
	req, err := c.ready(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	// Its turn comes last: what had to wait for a token as well would go out together
	// with all that waited for it.
	if err := c.o.Rate.WaitFor(ctx, connectors.Call{Method: r.Method, Path: r.Path, Bytes: len(r.Body)}); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	began := c.o.Now()
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		c.observe(r.Method, 0, began)
		return Answer{}, c.unanswered(r, err)
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
		_ = resp.Body.Close()
	}()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	c.observe(r.Method, resp.StatusCode, began)
	if err != nil {
		return Answer{}, c.unanswered(r, err)
	}
	if len(body) > maxAnswer {
		return Answer{}, &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("%s: the answer is longer than %d MB", r, maxAnswer>>20)}
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// ready returns the request as it is to be sent, with a token, which may have to be
// fetched.
func (c *Client) ready(ctx context.Context, r Request) (*http.Request, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.request(ctx, r)
}

// String returns the name, or the method and the path; never a query: it may name
// people, and carry a key.
func (r Request) String() string {
	if r.Name != "" {
		return r.Name
	}
	if r.address != nil {
		return r.Method + " " + r.address.Path
	}
	return r.Method + " " + r.Path
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	address := c.base.String() + r.Path
	if r.address != nil {
		address = r.address.String()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("%s: the address cannot be right", r)}
	}
	query := req.URL.Query()
	maps.Copy(query, r.Query)
	req.URL.RawQuery = query.Encode()
	req.Header.Set("Accept", "application/json, */*;q=0.1") // some have answers without a body that are no JSON
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.o.Profile.UserAgent != "" {
		req.Header.Set("User-Agent", c.o.Profile.UserAgent)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if err := c.auth.authorise(req); err != nil {
		return nil, err
	}
	return req, nil
}

func (c *Client) observe(method string, status int, began time.Time) {
	if c.o.Observe != nil {
		c.o.Observe(method, status, c.o.Now().Sub(began))
	}
}

// unanswered is the error of a request without a whole answer. The address is
// left out: its query names people.
func (c *Client) unanswered(r Request, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf("%s: %w", r, err)}
}

// Follow returns the request for a link that the target gave, such as the next
// page. One that leads to another host is refused.
func (c *Client) Follow(link string) (Request, error) {
	u, err := c.base.Parse(link)
	if err != nil || u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.User != nil {
		return Request{}, &connectors.Error{Kind: connectors.Permanent, Err: errors.New("the target links to another host, which is not followed: correct baseURL")}
	}
	return Request{Method: http.MethodGet, address: u}, nil
}

// Clean makes what a target said fit to be shown: short, on one line, and
// without our secret should the target repeat it.
func (c *Client) Clean(text string) string {
	for _, secret := range c.auth.secrets() {
		text = strings.ReplaceAll(text, secret, connectors.Secret(secret).String())
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

// Close lets go of idle connections.
func (c *Client) Close() { c.idle() }
