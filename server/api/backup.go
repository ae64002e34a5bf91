package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// backUp streams a snapshot of the store while it is used. As long as somebody
// reads, the snapshot is held; whoever reads nothing for a minute is cut off. Where
// it fails half way, the connection is cut: half a backup is not to be taken for
// one.
func (a *API) backUp(_ context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/octet-stream")
		hc.SetHeader("Content-Disposition", `attachment; filename="drawbridge.backup"`)
		if err := a.Store.Backup(hc.Context(), patient{hc}); err != nil {
			a.Log.WarnContext(hc.Context(), "backup was cut", "request", callerOf(hc.Context()).Request, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// patient gives each write the time of its own that a reader may take.
type patient struct{ hc huma.Context }

func (p patient) Write(b []byte) (int, error) {
	extend(p.hc, time.Minute)
	return p.hc.BodyWriter().Write(b)
}

var _ io.Writer = patient{}
