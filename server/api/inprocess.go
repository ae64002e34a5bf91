package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
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

// RoundTrip answers one call. What is asked for as a file is handed on as it is made, and
// anything else whole.
func (p inProcess) RoundTrip(req *http.Request) (res *http.Response, err error) {
	if kind := req.Header.Get("Accept"); kind == tarType || kind == linesType {
		return p.stream(req)
	}
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
	req = p.asked(req)
	p.handler.ServeHTTP(a, req)
	return response(req, a.status, a.header, io.NopCloser(&a.body), int64(a.body.Len())), nil
}

// asked is the request as the handler gets it: as the caller's.
func (p inProcess) asked(req *http.Request) *http.Request {
	req = req.Clone(WithCaller(req.Context(), p.caller))
	req.RequestURI = req.URL.RequestURI()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	return req
}

func response(req *http.Request, status int, header http.Header, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Header: header, Body: body, ContentLength: length,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
	}
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

// stream answers one call while the handler is still at it. Who stops reading stops it.
func (p inProcess) stream(req *http.Request) (*http.Response, error) {
	req = p.asked(req)
	out, in := io.Pipe()
	a := &flowing{header: http.Header{}, pipe: in, begun: make(chan struct{})}
	go func() {
		defer func() {
			if up := recover(); up != nil { // whatever it is, what was made is not whole
				a.begin(http.StatusInternalServerError)
				_ = in.CloseWithError(errCut) // it never fails
			}
		}()
		p.handler.ServeHTTP(a, req)
		a.begin(http.StatusOK)
		_ = in.Close() // it never fails
	}()
	select {
	case <-a.begun:
		return response(req, a.status, a.sent, out, -1), nil
	case <-req.Context().Done():
		_ = out.Close() // it never fails
		return nil, req.Context().Err()
	}
}

// A flowing answer is read while it is written.
type flowing struct {
	header, sent http.Header
	status       int
	pipe         *io.PipeWriter
	once         sync.Once
	begun        chan struct{}
}

func (a *flowing) begin(status int) {
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

// Header returns what is sent before the body.
func (a *flowing) Header() http.Header { return a.header }

// WriteHeader says how it went.
func (a *flowing) WriteHeader(status int) { a.begin(status) }

// Write hands on some of the body.
func (a *flowing) Write(text []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.pipe.Write(text)
}

// Flush sends what comes before the body.
func (a *flowing) Flush() { a.begin(http.StatusOK) }
