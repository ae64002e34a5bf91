package bridge

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// How much garbage may gather before it is collected, in percent of what lives.
const (
	seldom = 400 // while little lives
	usual  = 100 // Go's own, which nothing is collected more often than

	mostGarbage = 96 << 20 // bytes: of more it is collected as usual
)

// CollectSeldom lets more garbage gather before it is collected than Go's own
// setting does, until the returned function is called. What lives here is a few
// megabytes, for what the bridge knows is on disk; a fifth of the processor's time
// went into finding that out again and again. While much lives, as when several large
// bodies are read at once, four times as much garbage would be more than anybody
// expects of the bridge: then it is no more than mostGarbage, or than Go would let
// gather. Whoever sets GOGC has decided.
func CollectSeldom() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &pace{percent: seldom, was: debug.SetGCPercent(seldom)}
	p.afterCollection()
	return p.stop
}

// percentOf is how much garbage may gather beside so many bytes that live.
func percentOf(live uint64) int {
	return int(min(seldom, max(usual, mostGarbage*100/max(live, 1))))
}

// A pace is how often garbage is collected. It is set anew after each collection.
type pace struct {
	mu      sync.Mutex
	percent int
	was     int
	stopped bool
}

// afterCollection sets the pace once the next collection has found what lives: an
// object that nobody has is dead by then.
func (p *pace) afterCollection() {
	type object struct{ _ [64]byte } // not so small that others would share its memory
	runtime.AddCleanup(new(object), func(p *pace) {
		if p.adjust() {
			p.afterCollection()
		}
	}, p)
}

// adjust sets the pace, and reports whether it is still to be set.
func (p *pace) adjust() bool {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	// To set it stops everything for some microseconds: not for a little more or less.
	if percent := percentOf(live[0].Value.Uint64()) &^ 15; percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	return true
}

func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	debug.SetGCPercent(p.was)
}
