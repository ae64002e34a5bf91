package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// backUp streams a snapshot of the store while it is used. As long as it is held,
// the file grows by all that is written; whoever reads nothing for a minute, or less
// than slowest on the whole, is cut off. Where it fails half way, the connection is
// cut: half a backup is not to be taken for one.
func (a *API) backUp(_ context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/octet-stream")
		hc.SetHeader("Content-Disposition", `attachment; filename="drawbridge.backup"`)
		if err := a.Store.Backup(hc.Context(), &patient{hc: hc, begun: time.Now()}); err != nil {
			a.Log.WarnContext(hc.Context(), "backup was cut", "request", callerOf(hc.Context()).Request, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// slowest is how many bytes a second whoever takes a backup must read.
const slowest = 1 << 20

// patient gives each write the time of its own that a reader may take.
type patient struct {
	hc      huma.Context
	begun   time.Time
	written int64
}

func (p *patient) Write(b []byte) (int, error) {
	extend(p.hc, p.patience(time.Now()))
	n, err := p.hc.BodyWriter().Write(b)
	p.written += int64(n)
	return n, err
}

// patience is how long the next write may take.
func (p *patient) patience(now time.Time) time.Duration {
	due := p.begun.Add(time.Minute + time.Duration(p.written/slowest)*time.Second)
	return min(time.Minute, due.Sub(now))
}

var _ io.Writer = (*patient)(nil)
