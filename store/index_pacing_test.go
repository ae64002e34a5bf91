package store

import (
	"testing"
	"time"
)

// TestTurnsGiveWay has turns of an index be shorter while somebody waits for commits.
func TestTurnsGiveWay(t *testing.T) {
	var a awaited
	if got := a.patience(); got != longTurn {
		t.Errorf("with nobody waiting, a turn may take %v, want %v", got, longTurn)
	}
	a.now()
	if got := a.patience(); got != shortTurn {
		t.Errorf("with somebody waiting, a turn may take %v, want %v", got, shortTurn)
	}
	for _, c := range []struct {
		rows         int
		took, wanted time.Duration
		want         int
	}{
		{1000, shortTurn, shortTurn, 1000},
		{1000, 5 * shortTurn, shortTurn, 200},
		{1000, shortTurn / 100, shortTurn, 2000}, // no more than twice as many at once
		{1000, time.Minute, shortTurn, fewestRows},
		{mostRows, 0, longTurn, mostRows},
		{0, 0, shortTurn, fewestRows},
	} {
		if got := paced(c.rows, c.took, c.wanted); got != c.want {
			t.Errorf("after %d rows in %v of %v, %d; want %d", c.rows, c.took, c.wanted, got, c.want)
		}
	}
}
