package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"drawbridge/schema"
)

// tokenVariable is the variable of the environment that has the API token.
const tokenVariable = "DRAWBRIDGE_TOKEN"

// patience is how long a running bridge may take to begin its answer: planning a
// policy looks at everybody.
const patience = 5 * time.Minute

// A client speaks to the API of a running bridge.
type client struct {
	url   string
	token string
	http  *http.Client
}

// ask returns a client for the bridge's API, with the token from the
// environment.
func (a *about) ask() (*client, error) {
	if a.server == "" {
		a.server = os.Getenv(serverVariable)
	}
	if a.server == "" {
		return nil, fmt.Errorf("%w: say which bridge: --server URL, or %s", errUsage, serverVariable)
	}
	token := os.Getenv(tokenVariable)
	if token == "" {
		return nil, hint(fmt.Errorf("%w: %s is not set", errUsage, tokenVariable), "it is the API token for %s", a.server)
	}
	return newClient(a.server, token)
}

func newClient(server, token string) (*client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%w: --server is the URL of a bridge, as in http://127.0.0.1:8080", errUsage)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: patience, ForceAttemptHTTP2: true}
	return &client{
		url: strings.TrimRight(server, "/"), token: token,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// send sends a request and returns an answer that says yes; the caller closes its
// body. Anything else is an error of the kind that the bridge named.
func (c *client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, in)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, hint(fmt.Errorf("%w: %w", schema.ErrUnavailable, err), "is the bridge running, and is that its URL?")
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	return nil, errors.Join(problem(res), res.Body.Close())
}

// call sends a request and decodes the answer, unless into is nil.
func (c *client) call(ctx context.Context, method, path string, body, into any) error {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	if into != nil {
		err = json.NewDecoder(res.Body).Decode(into)
	}
	return errors.Join(err, res.Body.Close())
}

// get reads one answer.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, at(path, query), nil, into)
}

func at(path string, query url.Values) string {
	for name, values := range query {
		if values[0] == "" {
			query.Del(name)
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// ready asks whether the bridge can be given traffic.
func (c *client) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return c.call(ctx, http.MethodGet, "/readyz", nil, nil)
}

// problem is the error that an answer tells of.
func problem(res *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	var p struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
		Status any    `json:"status"` // of a health check it is words
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
		} `json:"errors"`
	}
	detail := res.Status
	if err := json.Unmarshal(text, &p); err == nil && p.Detail != "" {
		detail = p.Detail
	} else if words, ok := p.Status.(string); ok {
		detail = "the bridge is " + words
	}
	for _, e := range p.Errors {
		detail += fmt.Sprintf("; %s %s", e.Location, e.Message)
	}
	return told(res.StatusCode, p.Code, detail)
}

// told is an error of the kind that the bridge named, in its own words.
func told(status int, code, detail string) error {
	kinds := map[string]error{
		"held": schema.ErrHeld, "refused": schema.ErrForbidden, "role": schema.ErrForbidden,
		"not-found": schema.ErrNotFound, "conflict": schema.ErrConflict, "invalid": schema.ErrInvalid,
	}
	err := &answered{kind: kinds[code], detail: detail}
	switch status {
	case http.StatusUnauthorized:
		return hint(err, "is %s a token of this bridge, and not expired or revoked?", tokenVariable)
	case http.StatusServiceUnavailable:
		err.kind = schema.ErrUnavailable
	}
	return err
}

// answered is what a bridge answered instead of doing what it was asked.
type answered struct {
	kind   error
	detail string
}

func (a *answered) Error() string { return a.detail }
func (a *answered) Unwrap() error { return a.kind }
