package bridge

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
)

// A locked target takes its time, and lets nobody in.
type locked struct {
	*target
	answer chan struct{}
}

func (l locked) Probe(ctx context.Context) error {
	select {
	case <-l.answer:
	case <-ctx.Done():
	}
	return errors.New("401: who are you?")
}

// lines are the lines that are logged.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// wait waits for a line that has the text.
func (l lines) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			t.Fatalf("nobody said %q", text)
		}
	}
}

// A target that lets nobody in is told of soon after the start, and neither holds
// the start up nor keeps the bridge from being ready.
func TestProbe(t *testing.T) {
	l := locked{newTarget(), make(chan struct{})}
	log := make(lines, 100)
	b, stop := running(t, config(t), Options{
		Log:   slog.New(slog.NewTextHandler(log, nil)),
		Kinds: connectors.Kinds{"memory": func(connectors.Options) (connectors.Connector, error) { return l, nil }},
	})
	log.wait(t, "msg=running")
	if err := b.ready(t.Context()); err != nil {
		t.Errorf("while a target takes its time: %v", err)
	}
	close(l.answer)
	log.wait(t, "does not let the bridge in")
	res := httptest.NewRecorder()
	b.metrics.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if want := `drawbridge_connector_probe_success{connector="wiki"} 0`; !strings.Contains(res.Body.String(), want) {
		t.Errorf("the metrics lack %s", want)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
