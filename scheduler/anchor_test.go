package scheduler_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// TestAnchors has heads taken to a file and to a web hook that fails at first: each has
// the newest in the end, the file every one, in order, and once. R-LOG-9.
func TestAnchors(t *testing.T) {
	s, signer, verifier := signedLog(t)
	file := filepath.Join(t.TempDir(), "heads")
	var mu sync.Mutex
	var posted [][]byte
	failures := 2
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if failures--; failures >= 0 || err != nil {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		posted = append(posted, body)
	}))
	defer hook.Close()
	var log bytes.Buffer
	run := func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // now, and once more at the end
		anchors := []scheduler.Anchor{scheduler.FileAnchor(file), scheduler.HookAnchor(hook.URL, hook.Client())}
		scheduler.Anchors(ctx, s, anchors, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
	}
	for range 3 {
		decideAndSign(t, s, signer)
		run()
		run() // a head that is there is not taken again
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	heads, err := audit.Anchored(text, verifier)
	if err != nil || len(heads) != 3 {
		t.Errorf("%d heads in the file, %v; want 3", len(heads), err)
	}
	if len(posted) == 0 || !bytes.Equal(posted[len(posted)-1], heads[len(heads)-1]) || !strings.Contains(log.String(), "503") {
		t.Errorf("posted %q; log %s", posted, log.String())
	}
}

// TestAnchorsTellOfRollback opens an older copy of a store: what is anchored is newer.
// R-LOG-9.
func TestAnchorsTellOfRollback(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heads")
	anchor := func(s *store.Store) string {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		scheduler.Anchors(ctx, s, []scheduler.Anchor{scheduler.FileAnchor(file)}, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	s, signer, _ := signedLog(t)
	decideAndSign(t, s, signer)
	decideAndSign(t, s, signer)
	if log := anchor(s); log != "" {
		t.Errorf("of a log as it is: %s", log)
	}
	older, signer, _ := signedLog(t)
	decideAndSign(t, older, signer)
	if log := anchor(older); !strings.Contains(log, "the log was rolled back") {
		t.Errorf("of an older log: %q", log)
	}
}

func signedLog(t *testing.T) (*store.Store, note.Signer, note.Verifier) {
	t.Helper()
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	private, public, err := note.GenerateKey(nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, signer, verifier
}

func decideAndSign(t *testing.T, s *store.Store, signer note.Signer) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Record(schema.Decision{Actor: "test", Verb: schema.Found, Subject: "somebody", Reason: "because"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := scheduler.Checkpoint(t.Context(), s, signer, "test"); err != nil {
		t.Fatal(err)
	}
}
