package demo

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"drawbridge/access"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOnce plays the whole story. The demo judges itself: it fails unless the
// targets hold exactly what policy says.
func TestOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out strings.Builder
	err := Run(ctx, Options{
		Listen: "127.0.0.1:0", Once: true, Out: &out,
		Explain: func(e access.Explanation) func(io.Writer) error {
			return func(w io.Writer) error { _, err := io.WriteString(w, e.Answer+"\n"); return err }
		},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"25 people, 1 machine", "exposure window", "deleted for good; exposure window", "E-OWNER", "decisions are exactly those", "nothing else"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if len([]rune(line)) > width+1 {
			t.Errorf("wider than %d columns: %s", width, line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours, and no terminal")
	}
}

// TestStopped ends the story early: that is no failure of the bridge.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out strings.Builder
	err := Run(ctx, Options{Listen: "127.0.0.1:0", Once: true, Out: writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "over SCIM") {
			cancel()
		}
		return out.Write(p)
	})})
	if !errors.Is(err, errStopped) || strings.Contains(out.String(), "NO") {
		t.Errorf("got %v, want %v\n%s", err, errStopped, out.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFold(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"short", "one two", []string{"one two"}},
		{"long", "one two three four", []string{"one two", "three", "four"}},
		{"no space to break at", "onetwothreefour", []string{"onetwothreefour"}},
		{"two spaces", "one two  three", []string{"one two", "three"}},
		{"colours take no room", "\x1b[31mone\x1b[0m two", []string{"\x1b[31mone\x1b[0m two"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, fold(tc.text, 8, 2)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
