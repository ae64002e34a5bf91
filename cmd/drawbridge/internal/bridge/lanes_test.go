package bridge

import (
	"testing"
	"time"

	"drawbridge/configs"
	"drawbridge/scheduler"
)

// What a process was at that died is another's within minutes, whatever it was.
func TestNoLeaseOutlivesItsWorkerForLong(t *testing.T) {
	b := &Bridge{cfg: &configs.Config{}}
	for _, l := range b.lanes(&scheduler.Sweeper{}) {
		if l.TTL > 10*time.Minute {
			t.Errorf("lane %s: a lease of %v", l.Lane, l.TTL)
		}
		if l.TTL >= longLease && !l.Renews && l.Lane != "notice" && l.Lane != "feed" {
			t.Errorf("lane %s: a lease of %v that is not renewed", l.Lane, l.TTL)
		}
	}
}
