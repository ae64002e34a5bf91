package api

import (
	"testing"
	"time"
)

// TestPatience is a minute for whoever reads fast enough, and less for the others,
// until there is none left.
func TestPatience(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		written int64
		after   time.Duration
		want    time.Duration
	}{
		{"at the beginning", 0, 0, time.Minute},
		{"as fast as it must be", 100 << 20, 100 * time.Second, time.Minute},
		{"faster, so that it may rest no longer", 1 << 40, time.Hour, time.Minute},
		{"a trickle", 1 << 20, 41 * time.Second, 20 * time.Second},
		{"a trickle that went on", 2 << 20, time.Hour, time.Minute + 2*time.Second - time.Hour},
	} {
		p := patient{begun: begun, written: c.written}
		if got := p.patience(begun.Add(c.after)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
