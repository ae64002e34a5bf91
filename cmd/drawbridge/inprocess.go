package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store/bolt"
)

// What can be asked of a bridge that runs can be asked of the store of one that is
// stopped: the same API answers, in this process, and knows whoever asks by their
// account at the machine.

// with has a client of the bridge that is meant do something.
func (w *who) with(ctx context.Context, do func(c *client) error) error {
	c, err := w.client()
	if err != nil {
		return err
	}
	if c != nil {
		return do(c)
	}
	return w.open(bolt.Options{}, func(s stopped) error {
		p, err := bridge.InForce(ctx, s.store)
		rules := access.NewRules(nil, s.cfg.Protected())
		switch {
		case err == nil:
			rules.Use(p.Book)
		case !errors.Is(err, schema.ErrNotFound):
			return err
		}
		e := echo.New()
		api.New(api.Options{Store: s.store, Rules: rules, Version: versionOf()}).Mount(e)
		caller := api.Caller{Name: local(), Role: schema.Admin, Person: w.as, Auth: api.AuthLocal}
		return do(&client{http: &http.Client{Transport: inProcess{e, caller}}, url: "http://stopped"})
	})
}

// inProcess answers requests by a handler, as of a caller.
type inProcess struct {
	handler http.Handler
	caller  api.Caller
}

// RoundTrip answers one request.
func (p inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	req = req.Clone(api.WithCaller(req.Context(), p.caller))
	req.RequestURI = req.URL.RequestURI()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	p.handler.ServeHTTP(a, req)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
	}, nil
}

// An answer is kept in memory.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header returns what is sent before the body.
func (a *answer) Header() http.Header { return a.header }

// Write adds to the body.
func (a *answer) Write(text []byte) (int, error) { return a.body.Write(text) }

// WriteHeader says how it went.
func (a *answer) WriteHeader(status int) { a.status = status }
