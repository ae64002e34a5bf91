package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// InProcess answers calls by a handler in this process, as of a caller: one that the
// API is mounted on. No credential is asked for, so it is for who knows the caller.
func InProcess(h http.Handler, c Caller) http.RoundTripper { return inProcess{h, c} }

type inProcess struct {
	handler http.Handler
	caller  Caller
}

// errCut is what becomes of an answer that the handler gave up on, where a connection
// would have been cut.
var errCut = errors.New("the answer was cut off before its end")

// RoundTrip answers one call.
func (p inProcess) RoundTrip(req *http.Request) (res *http.Response, err error) {
	defer func() {
		switch up := recover(); up {
		case nil:
		case http.ErrAbortHandler:
			res, err = nil, errCut
		default:
			panic(up)
		}
	}()
	a := &answer{header: http.Header{}, status: http.StatusOK}
	req = req.Clone(WithCaller(req.Context(), p.caller))
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
