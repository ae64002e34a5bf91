package bridge

import (
	"context"
	"net/http"

	"drawbridge/scheduler"
)

// anchor takes the log's signed heads to where they are to be kept besides.
func (b *Bridge) anchor(ctx context.Context) error {
	var anchors []scheduler.Anchor
	if file := b.cfg.Audit.AnchorFile; file != "" {
		anchors = append(anchors, scheduler.FileAnchor(file))
	}
	if url := b.cfg.Audit.AnchorURL; url != "" {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		anchors = append(anchors, scheduler.HookAnchor(url, &http.Client{Transport: transport}))
	}
	if len(anchors) == 0 {
		<-ctx.Done()
		return nil
	}
	scheduler.Anchors(ctx, b.store, anchors, b.cfg.Audit.CheckpointEvery, b.Log)
	return nil
}
