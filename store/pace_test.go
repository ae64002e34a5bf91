package store

import (
	"testing"
	"time"
)

// TestTurnsGiveWay has turns be shorter while somebody waits for commits.
func TestTurnsGiveWay(t *testing.T) {
	for _, c := range []struct {
		name    string
		awaited bool
		rows    int
		took    time.Duration
		want    int
	}{
		{"as long as it may", true, 1000, shortTurn, 1000},
		{"too long", true, 1000, 5 * shortTurn, 200},
		{"much too short", true, 1000, shortTurn / 100, 2000},
		{"far too long", true, 1000, time.Minute, 128},
		{"of nothing", true, 0, 0, 128},
		{"with nobody waiting", false, 1000, longTurn, 1000},
		{"with nobody waiting, too long", false, 1000, 5 * longTurn, 200},
		{"of as many as there may be", false, 8192, 0, 8192},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Store
			if c.awaited {
				s.awaited.now()
			}
			pace := s.Pace(128, 1024, 8192)
			if got := pace.Rows(); got != 1024 {
				t.Errorf("the first turn has %d rows, want 1024", got)
			}
			pace.took(c.rows, c.took)
			if got := pace.Rows(); got != c.want {
				t.Errorf("after %d rows in %v, %d; want %d", c.rows, c.took, got, c.want)
			}
		})
	}
}
