package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A dated writer knows until when it is to have written.
type dated struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (d *dated) SetWriteDeadline(until time.Time) error { d.until = until; return nil }

func (d *dated) Write(b []byte) (int, error) {
	if left := time.Until(d.until); left <= 0 || left > patience {
		return 0, http.ErrHandlerTimeout
	}
	return d.ResponseRecorder.Write(b)
}

// A maker of a file looks at what its browser sees meanwhile.
type maker struct {
	io.Reader
	looks func()
}

func (m maker) Read(b []byte) (int, error) { m.looks(); return m.Reader.Read(b) }
func (maker) Close() error                 { return nil }

// TestFilesTakeTheirTime has a file be made for longer than an answer may take: only a
// browser that does not take it is timed, and it knows from the first that a file comes.
func TestFilesTakeTheirTime(t *testing.T) {
	w := &dated{httptest.NewRecorder(), time.Now().Add(time.Second)}
	looked := 0
	file{name: "a.zip", kind: "application/zip", text: maker{strings.NewReader("whole"), func() {
		if looked++; !w.Flushed || !w.until.IsZero() {
			t.Errorf("while it is made: headers sent %v, to be written until %v", w.Flushed, w.until)
		}
	}}}.write(w)
	if looked == 0 || w.Body.String() != "whole" || w.until.IsZero() {
		t.Errorf("it is %q, looked at %d times; to be written until %v", w.Body, looked, w.until)
	}
}
