package bridge

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// TestGarbageIsBounded has much live, and then little: how much garbage may gather
// beside it follows. It is of the whole process, and runs beside no other test.
func TestGarbageIsBounded(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(usual)
	debug.SetGCPercent(before)
	restore := CollectSeldom()
	goal := func() (live, goal uint64) {
		s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64(), s[1].Value.Uint64()
	}
	settles := func(what string, right func(live, goal uint64) bool) {
		t.Helper()
		for began := time.Now(); ; runtime.GC() {
			if live, goal := goal(); right(live, goal) {
				return
			} else if time.Since(began) > 10*time.Second {
				t.Fatalf("%s: %d MiB live, and garbage is collected at %d MiB", what, live>>20, goal>>20)
			}
		}
	}
	const roots = 16 << 20 // stacks and the like, to which the goal is in proportion, too
	little := func(live, goal uint64) bool { return live < 40<<20 && goal > 3*live }
	settles("little lives", little)
	crowd := make([]byte, 200<<20)
	settles("much lives", func(live, goal uint64) bool { return live > 200<<20 && goal < 2*live+roots })
	runtime.KeepAlive(crowd)
	crowd = crowd[: 64<<20 : 64<<20]
	crowd = append([]byte(nil), crowd...)
	settles("less lives", func(live, goal uint64) bool { return live > 64<<20 && live < 100<<20 && goal < live+mostGarbage+roots })
	runtime.KeepAlive(crowd) // until here
	settles("little lives again", little)
	restore()
	if after := debug.SetGCPercent(before); after != before {
		t.Errorf("percent %d afterwards, %d before", after, before)
	}
}

// TestWhoSetsGOGCHasDecided leaves the pace alone where the environment sets it.
func TestWhoSetsGOGCHasDecided(t *testing.T) {
	t.Setenv("GOGC", "150")
	before := debug.SetGCPercent(150)
	defer debug.SetGCPercent(before)
	defer CollectSeldom()()
	runtime.GC()
	if now := debug.SetGCPercent(150); now != 150 {
		t.Errorf("percent %d, want 150", now)
	}
}
