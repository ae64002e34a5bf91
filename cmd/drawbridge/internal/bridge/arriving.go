package bridge

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Arriving are the connections on which no request is whole yet. Nothing was done
// for those, so that who stops the bridge need not wait until they have come: a
// sender that trickles would hold it up for all of the grace.
type arriving struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// patience is how much of the grace they have.
func patience(grace time.Duration) time.Duration { return min(grace/4, 3*time.Second) }

type connKey struct{}

// watch has the server tell of its connections, and of the requests on them.
func (a *arriving) watch(s *http.Server) {
	a.conns = map[net.Conn]bool{}
	s.ConnState = func(c net.Conn, state http.ConnState) { a.set(c, state == http.StateNew || state == http.StateActive) }
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	h := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(connKey{}).(net.Conn)
		if r.Body == nil || r.Body == http.NoBody {
			a.set(c, false)
		} else {
			r.Body = &arrivingBody{r.Body, func() { a.set(c, false) }}
		}
		h.ServeHTTP(w, r)
	})
}

func (a *arriving) set(c net.Conn, is bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if is {
		a.conns[c] = true
	} else {
		delete(a.conns, c)
	}
}

// cut closes them, and returns how many there were.
func (a *arriving) cut() int {
	a.mu.Lock()
	conns := slices.Collect(maps.Keys(a.conns))
	a.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // it is being cut off
	}
	return len(conns)
}

// An arrivingBody tells when it has come.
type arrivingBody struct {
	io.ReadCloser
	whole func()
}

func (b *arrivingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.whole()
	}
	return n, err
}
