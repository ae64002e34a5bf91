package goals

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A conn is the cheapest client there is: one kept connection, requests that are
// ready-made bytes, and answers of which the length is read and little else. The
// load shares the processors with what it measures, so it has to be light.
type conn struct {
	net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
}

func dial(tb testing.TB, addr string) *conn {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Error(err)
		return nil
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 32<<10)}
}

// do sends a request and returns the answer's status and body, which is good
// until the next one.
func (c *conn) do(method, path string, body []byte) (int, []byte, error) {
	c.out = append(c.out[:0], method...)
	c.out = append(append(append(c.out, ' '), path...), " HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer "+sourceToken+"\r\n"...)
	if body != nil {
		c.out = append(c.out, "Content-Type: application/scim+json\r\nContent-Length: "...)
		c.out = append(strconv.AppendInt(c.out, int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if _, err := c.Write(c.out); err != nil {
		return 0, nil, err
	}
	return c.answer()
}

func (c *conn) answer() (status int, body []byte, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("not HTTP: %q", line)
	}
	status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil {
				return 0, nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, nil, fmt.Errorf("an answer in chunks was not expected")
		}
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}

// want does a request that is to be answered with a status.
func (c *conn) want(status int, method, path string, body []byte) ([]byte, error) {
	got, answer, err := c.do(method, path, body)
	if err == nil && got != status {
		err = fmt.Errorf("%s %s: %d %s", method, path, got, answer)
	}
	return answer, err
}

// drive does n things with so many connections and returns how long that took.
func drive(tb testing.TB, addr string, connections, n int, do func(c *conn, i int) error) time.Duration {
	tb.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range connections {
		group.Go(func() {
			c := dial(tb, addr)
			if c == nil {
				return
			}
			defer c.Close()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(c, i); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	if tb.Failed() {
		tb.FailNow()
	}
	return took
}

// paced does things at a rate, each on a connection of its own turn, for a time.
func paced(tb testing.TB, addr string, perSecond float64, n int, do func(c *conn, i int) error) {
	tb.Helper()
	begin := time.Now()
	connections := 32
	if perSecond > 1000 { // all at once
		connections = min(n, 250)
	}
	drive(tb, addr, connections, n, func(c *conn, i int) error {
		<-time.After(time.Until(begin.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))))
		return do(c, i)
	})
}

// timed measures one request.
func timed(latencies *[]time.Duration, do func() error) error {
	start := time.Now()
	err := do()
	*latencies = append(*latencies, time.Since(start))
	return err
}

const users, groups = "/scim/v2/Users", "/scim/v2/Groups"

func byFilter(attribute, value string) string {
	return users + "?filter=" + url.QueryEscape(attribute+` eq "`+value+`"`)
}

var idMark = []byte(`"id":"`)

// idIn returns the id in an answer.
func idIn(answer []byte) string {
	_, rest, _ := bytes.Cut(answer, idMark)
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(id)
}

// push brings one user as identity providers do: look, then create.
func push(c *conn, u int) (id string, err error) {
	if _, err := c.want(200, "GET", byFilter("userName", userName(u)), nil); err != nil {
		return "", err
	}
	answer, err := c.want(201, "POST", users, userBody(u))
	return idIn(answer), err
}

// pushAll brings users and returns their ids.
func pushAll(tb testing.TB, addr string, connections, from, n int) (ids []string, took time.Duration) {
	tb.Helper()
	ids = make([]string, n)
	took = drive(tb, addr, connections, n, func(c *conn, i int) (err error) {
		ids[i], err = push(c, from+i)
		return err
	})
	return ids, took
}

var leaving = []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)

// leave deactivates a user.
func leave(c *conn, id string) error {
	_, err := c.want(200, "PATCH", users+"/"+id, leaving)
	return err
}
