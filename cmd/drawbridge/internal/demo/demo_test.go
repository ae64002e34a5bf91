package demo

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

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
	for _, want := range []string{"25 people, 1 machine", "exposure window", "E-OWNER", "decisions are exactly those", "nothing else"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours, and no terminal")
	}
}
