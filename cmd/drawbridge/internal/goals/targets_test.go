package goals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Targets are as many trivial SCIM service providers as there are connectors,
// behind one port. They remember what they were last told of whom, and when. An
// account's id is the externalId, which is the identity's.
type targets struct {
	addr string

	mu      sync.Mutex
	latency time.Duration                  // of each answer
	of      map[string]map[string]*account // by connector and id
	calls   map[string]int                 // by connector
	last    time.Time                      // when the newest of these came
	hanging map[string]chan struct{}       // connectors that answer when it is closed
}

// An account is what a target was told.
type account struct {
	active     bool
	department string
	writes     int
	ended      time.Time // when it answered that access ended
}

func newTargets(tb testing.TB) *targets {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	t := &targets{addr: l.Addr().String(), of: map[string]map[string]*account{}, calls: map[string]int{}, hanging: map[string]chan struct{}{}}
	s := &http.Server{Handler: t, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return t
}

func (t *targets) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	t.mu.Lock()
	hanging, latency := t.hanging[name], t.latency
	t.mu.Unlock()
	if hanging != nil {
		select {
		case <-hanging:
		case <-req.Context().Done():
			return
		}
	}
	if latency > 0 {
		<-time.After(latency)
	}
	_, id, _ := strings.Cut(rest, "/")
	status, answer := t.answer(name, req.Method, id, body)
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (t *targets) answer(name, method, id string, body []byte) (status int, answer []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[name]++
	t.last = time.Now()
	all := t.of[name]
	if all == nil {
		all = map[string]*account{}
		t.of[name] = all
	}
	if method == http.MethodPost {
		id = textOf(body, "externalId")
		all[id] = &account{active: true, department: textOf(body, "department"), writes: 1}
		return http.StatusCreated, fmt.Appendf(nil, `{"id":%q,"active":true}`, id)
	}
	a := all[id]
	switch {
	case a == nil && method == http.MethodPatch: // the pooled client's
		return http.StatusNoContent, nil
	case id == "":
		return http.StatusOK, []byte(`{"totalResults":0,"Resources":[]}`)
	case a == nil:
		return http.StatusNotFound, []byte(`{"detail":"nobody"}`)
	case method == http.MethodGet:
		return http.StatusOK, fmt.Appendf(nil, `{"id":%q,"active":%v}`, id, a.active)
	}
	a.writes++
	if was := a.active; bytes.Contains(body, []byte(`"path":"active"`)) {
		a.active = !bytes.Contains(body, []byte(`"value":false`))
		if was && !a.active {
			a.ended = time.Now()
		}
	}
	if _, after, ok := bytes.Cut(body, []byte(`:department","value":"`)); ok {
		department, _, _ := bytes.Cut(after, []byte{'"'})
		a.department = string(department)
	}
	return http.StatusNoContent, nil
}

// textOf returns the first text with the key in a JSON document.
func textOf(body []byte, key string) string {
	_, rest, ok := bytes.Cut(body, []byte(`"`+key+`":`))
	if !ok {
		return ""
	}
	var text string
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&text); err != nil {
		return ""
	}
	return text
}

// at returns what a connector's target was told of an identity.
func (t *targets) at(name, id string) account {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.of[name][id]; a != nil {
		return *a
	}
	return account{}
}

// slow has every answer take so long from now on.
func (t *targets) slow(latency time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latency = latency
}

// newest returns when the last call came.
func (t *targets) newest() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// total returns how many calls there were.
func (t *targets) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, calls := range t.calls {
		n += calls
	}
	return n
}

// hang has a connector's target answer nobody until the returned function is
// called.
func (t *targets) hang(name string) (release func()) {
	c := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hanging[name] = c
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.hanging, name)
		close(c)
	}
}

// until waits for something, looks every so often, and fails if it does not come in some minutes.
func until(tb testing.TB, every time.Duration, what string, is func() bool) {
	tb.Helper()
	deadline := time.After(5 * time.Minute)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("it never came to this: %s", what)
		}
	}
}
