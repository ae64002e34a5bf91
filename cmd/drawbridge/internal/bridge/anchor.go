package bridge

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/scheduler"
)

// anchor takes the log's signed heads to where they are to be kept besides.
func (b *Bridge) anchor(ctx context.Context) error {
	var anchors []scheduler.Anchor
	if file := b.cfg.Audit.AnchorFile; file != "" {
		verifier, err := verifierOf(b.cfg.Audit.Key)
		if err != nil {
			return err
		}
		anchors = append(anchors, scheduler.FileAnchor(file, verifier))
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
	a := scheduler.Anchors{Store: b.store, Rules: b.rules, Every: b.cfg.Audit.CheckpointEvery, Log: b.Log}
	a.Run(ctx, anchors...)
	return nil
}

// verifierOf reads the public half of a signing key.
func verifierOf(key string) (note.Verifier, error) {
	text, err := os.ReadFile(PublicKeyFile(key))
	if err != nil {
		return nil, fmt.Errorf("audit.key: %w", err)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("audit.key: %s: %w", PublicKeyFile(key), err)
	}
	return verifier, nil
}
