//go:build unix

package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
)

// A transcript is a log that can be waited for.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

// wait waits until the log says the words, and forgets what came before.
func (s *transcript) wait(t *testing.T, words string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		_, after, ok := strings.Cut(s.text.String(), words)
		if ok {
			s.text.Reset()
			s.text.WriteString(after)
		}
		said := s.text.String()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.more:
		case <-timeout:
			t.Fatalf("the log never said %q:\n%s", words, said)
		}
	}
}

func TestHangupReadsThePolicyAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/bridge")); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(filepath.Join(dir, "drawbridge.yaml"), func(name string) (string, bool) { return name + "-0123456789abcdef", true })
	if err != nil {
		t.Fatal(err)
	}
	said := &transcript{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, cfg, bridge.Options{Log: slog.New(slog.NewTextHandler(said, nil)), NoSync: true})
	}()
	said.wait(t, "msg=running")

	more := filepath.Join(dir, "policy", "more.yaml")
	for _, step := range []struct{ document, says string }{
		{"kind: [", "the policy in force stays"},
		{"apiVersion: drawbridge/v1\nkind: Source\nmetadata: { name: payroll, owner: { user: a, deputy: b } }\n" +
			"spec: { protocol: scim, trust: contributing }\n", "policy in force"},
	} {
		if err := os.WriteFile(more, []byte(step.document), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		said.wait(t, step.says)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
