package scheduler_test

import (
	"bytes"
	"context"
	"errors"
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

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/audit"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
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
		anchored(t, s, &log, scheduler.FileAnchor(file, verifier), scheduler.HookAnchor(hook.URL, hook.Client()))
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
	if len(posted) != 2 || !bytes.Equal(posted[len(posted)-1], heads[len(heads)-1]) || !strings.Contains(log.String(), "503") {
		t.Errorf("posted %q; log %s", posted, log.String())
	}
}

// TestAnchorsTellOfRollback opens an older copy of a store: what is anchored is newer.
// R-LOG-9.
func TestAnchorsTellOfRollback(t *testing.T) {
	s, signer, verifier := signedLog(t)
	file := filepath.Join(t.TempDir(), "heads")
	anchor := func(s *store.Store) string {
		var log bytes.Buffer
		anchored(t, s, &log, scheduler.FileAnchor(file, verifier))
		return log.String()
	}
	decideAndSign(t, s, signer)
	decideAndSign(t, s, signer)
	if log := anchor(s); log != "" {
		t.Errorf("of a log as it is: %s", log)
	}
	if found := anchorFindings(t, s); len(found) != 0 {
		t.Errorf("of a log as it is: %v", found)
	}
	older, _, _ := signedLog(t)
	decideAndSign(t, older, signer)
	if log := anchor(older); !strings.Contains(log, "the log was rolled back") {
		t.Errorf("of an older log: %q", log)
	}
	if found := anchorFindings(t, older); len(found) != 1 || !strings.Contains(found[0].Reason, "a head of 2 entries") {
		t.Errorf("of an older log: %v", found)
	}
	for range 4 { // it goes on, and is as long as it was, and longer
		decideAndSign(t, older, signer)
		if log := anchor(older); !strings.Contains(log, "the log was rolled back") {
			t.Errorf("of a log that was rolled back and went on: %q", log)
		}
	}
	if text, err := os.ReadFile(file); err != nil || len(audit.Notes(text)) != 1 {
		t.Errorf("%q, %v; want the one head that it had", text, err)
	}
}

// TestBrokenAnchors has a file of heads that cannot be read, or is not what was appended:
// nothing is appended to it, people are told, and what can still be read of it still shows
// that the log was rolled back. R-LOG-9.
func TestBrokenAnchors(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, file string)
		log   string
	}{
		{"cut", func(t *testing.T, file string) { edit(t, file, func(b []byte) []byte { return b[:len(b)-30] }) }, "mended"},
		{"edited", func(t *testing.T, file string) {
			edit(t, file, func(b []byte) []byte { return bytes.Replace(b, []byte("\n2\n"), []byte("\n1\n"), 1) })
		}, "mended"},
		{"something else", func(t *testing.T, file string) {
			edit(t, file, func([]byte) []byte { return []byte("no head at all\n") })
		}, "mended"},
		{"with an older head behind", func(t *testing.T, file string) {
			edit(t, file, func(b []byte) []byte { return append(b, append(audit.Notes(b)[0], '\n')...) })
		}, "rolled back between them"},
		{"no file", func(t *testing.T, file string) {
			if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "can not be anchored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, signer, verifier := signedLog(t)
			file := filepath.Join(t.TempDir(), "heads")
			var log bytes.Buffer
			for range 2 {
				decideAndSign(t, s, signer)
				anchored(t, s, &log, scheduler.FileAnchor(file, verifier))
			}
			c.spoil(t, file)
			before, _ := os.ReadFile(file) // of none, nothing
			decideAndSign(t, s, signer)
			anchored(t, s, &log, scheduler.FileAnchor(file, verifier))
			if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
				t.Errorf("something was appended: %q", after)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("the log says %q, want %q", log.String(), c.log)
			}
			if found := anchorFindings(t, s); (len(found) == 1) != (c.name != "no file") { // that may be over in a moment
				t.Errorf("findings: %v", found)
			}
			if err := os.RemoveAll(file); err != nil {
				t.Fatal(err)
			}
			log.Reset()
			anchored(t, s, &log, scheduler.FileAnchor(file, verifier))
			if found := anchorFindings(t, s); log.Len() > 0 || len(found) > 0 {
				t.Errorf("moved away, it is still wrong: %s, %v", log.String(), found)
			}
		})
	}
}

// TestHookIsNotSentOn asks a hook that says to ask elsewhere, which is not done. R-LOG-9.
func TestHookIsNotSentOn(t *testing.T) {
	s, signer, _ := signedLog(t)
	decideAndSign(t, s, signer)
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	hook := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer hook.Close()
	var log bytes.Buffer
	anchored(t, s, &log, scheduler.HookAnchor(hook.URL+"/heads?token=sesame", hook.Client()))
	if asked || !strings.Contains(log.String(), "307") || strings.Contains(log.String(), "sesame") {
		t.Errorf("asked elsewhere: %t; log %s", asked, log.String())
	}
}

func edit(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, change(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// anchored takes the newest head to anchors now, and once more at the end, as a bridge does
// that was just started.
func anchored(t *testing.T, s *store.Store, log io.Writer, anchors ...scheduler.Anchor) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := scheduler.Anchors{Store: s, Rules: access.NewRules(booktest.Compile(t, documents), nil), Every: time.Hour, Log: slog.New(slog.NewTextHandler(log, nil))}
	a.Run(ctx, anchors...)
}

func anchorFindings(t *testing.T, s *store.Store) (found []schema.Finding) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		found = nil
		for f, err := range store.Findings.All(r, "anchor") {
			if err != nil {
				return err
			}
			found = append(found, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func signedLog(t *testing.T) (*store.Store, note.Signer, note.Verifier) {
	t.Helper()
	s := accesstest.Store(t)
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
