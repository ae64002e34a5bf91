package scim_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"drawbridge/server/scim"
	"drawbridge/store"
)

// A counted body knows how much of it was read, of all of them.
type counted struct {
	io.Reader
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestBodiesThatWaitAreNotRead has very many large bodies arrive, of every kind,
// while the store is busy: of those that wait, no more is read than a small one has.
func TestBodiesThatWaitAreNotRead(t *testing.T) {
	for name, c := range map[string]struct {
		length  int
		unknown bool // its length is not said
		turns   int
	}{
		"large":               {length: 2 << 20, turns: 3},
		"of unknown length":   {length: 512 << 10, unknown: true, turns: 3},
		"neither large":       {length: 512 << 10, turns: 31},
		"small, and together": {length: 60 << 10, turns: 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, scim.Options{})
				g := w.group("g")
				busy := make(chan struct{})
				var all sync.WaitGroup
				all.Go(func() {
					if err := w.store.Update(t.Context(), func(store.Tx) error { <-busy; return nil }); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
				var read atomic.Int64
				for range 100 {
					all.Go(func() {
						text := `{"displayName":"g"}` + strings.Repeat(" ", c.length)
						r := httptest.NewRequestWithContext(t.Context(), "PUT", "/scim/v2/Groups/"+g, counted{strings.NewReader(text), &read})
						r.Header.Set("From", "hr")
						if r.ContentLength = int64(len(text)); c.unknown {
							r.ContentLength = -1
						}
						if a := w.do(r); a.status != 200 {
							t.Errorf("status %d: %s", a.status, a.body)
						}
					})
				}
				synctest.Wait()
				most := int64(c.turns*(c.length+100) + (100-c.turns)*(64<<10))
				if n := read.Load(); n > most {
					t.Errorf("%d bytes of 100 bodies were read, want %d at most", n, most)
				}
				close(busy)
				all.Wait()
			})
		})
	}
}
