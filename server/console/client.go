package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A problem is what the API says where it does not do what it was asked (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// Error returns what was wrong, all of it.
func (p *problem) Error() string {
	text := []string{p.Detail}
	for _, e := range p.Errors {
		text = append(text, strings.TrimPrefix(e.Location, "body.")+": "+e.Message)
	}
	return strings.Join(text, "; ")
}

// errNoPage is of an address that is no page's.
var errNoPage = &problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no such page."}

// A client calls the API as one person.
type client struct {
	http *http.Client
}

// A list is one page of an API's list.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// get reads an answer into something; query is name, value, name, value. An empty
// value is not sent.
func (c client) get(ctx context.Context, path string, into any, query ...string) error {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// post sends something, and reads the answer into something that may be nil.
func (c client) post(ctx context.Context, path string, body, into any) error {
	return c.do(ctx, http.MethodPost, path, body, into)
}

// open begins to read what the API makes as a file of a kind.
func (c client) open(ctx context.Context, path, kind string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://bridge/api/v1"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", kind)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode < http.StatusMultipleChoices {
		return res.Body, nil
	}
	defer func() { _ = res.Body.Close() }() // it was read
	return nil, problemOf(res)
}

// problemOf is what an answer says that is none.
func problemOf(res *http.Response) error {
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	p := &problem{Status: res.StatusCode}
	if err == nil {
		err = json.Unmarshal(answer, p)
	}
	if err != nil {
		return fmt.Errorf("%s %s answered %d: %w", res.Request.Method, res.Request.URL.Path, res.StatusCode, err)
	}
	return p
}

// mostAnswer bounds what is read of one answer: the API's pages are small, and a plan
// of everybody is the largest thing it says.
const mostAnswer = 64 << 20

func (c client) do(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://bridge/api/v1"+path, text)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if res.StatusCode >= http.StatusMultipleChoices {
		return problemOf(res)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	switch {
	case err != nil:
		return err
	case into == nil, len(answer) == 0:
		return nil
	}
	if text, ok := into.(*string); ok {
		*text = string(answer)
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// statusOf returns the status that an error is shown with.
func statusOf(err error) int {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status
	}
	return http.StatusInternalServerError
}

// seg is a value as a part of a path.
func seg(value string) string { return url.PathEscape(value) }
