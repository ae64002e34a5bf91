package goals

import (
	"fmt"
	"slices"
	"time"
)

// oneTarget is how fast one target is told, of accounts that wait for it already: a
// client that does nothing but tell, in the same run, is the limit. And it is how much
// memory accounts take that wait, of which there may be very many: a target may be away
// for days.
func oneTarget(m *measure) {
	f := &fanOut{measure: m, names: connectorNames(1), told: newTargets(m)}
	f.bridge = startBridge(m, f.names, f.told.addr)
	f.more(min(m.first/10, 200)) // to warm up
	var ratios []float64
	for range m.rounds {
		release := f.told.hang(f.names[0])
		f.queue(max(1, m.push/5))
		before, start := f.told.total(), time.Now()
		release()
		settled(m, f.bridge)
		// Until the last call: that nothing is left shows up to a second later.
		elapsed, calls := f.told.newest().Sub(start), f.told.total()-before
		most := f.most(slices.Repeat(f.names, 4), calls)
		m.Logf("%d calls in %v, %.0f a second; %.0f a second by the client alone", calls, elapsed.Round(time.Millisecond), float64(calls)/elapsed.Seconds(), most)
		ratios = append(ratios, float64(calls)/elapsed.Seconds()/most)
	}
	m.atLeast("target", "accounts that wait for one target: calls/s to those of a pooled client", median(ratios), 0.5)

	release := f.told.hang(f.names[0])
	f.queue(m.first)
	few := f.bridge.anonymous()
	f.queue(m.push - m.first)
	many := f.bridge.anonymous()
	release()
	m.Logf("%.0f MB with %d accounts waiting, %.0f MB with %d", few/1e6, m.first, many/1e6, m.push)
	m.atMost("queue", "memory with 100k accounts waiting for a target to that with 6k", many/few, 1.5, "x")
	f.bridge.kill() // what waits would take its time
}

// queue has people come, and returns when all that is left to do is to tell the target.
func (f *fanOut) queue(people int) {
	f.Helper()
	lane := "account/" + f.names[0]
	wanted := f.bridge.lanes()[lane] + float64(people)
	_, _ = pushAll(f, f.bridge.addr, writers, f.pushed, people)
	f.pushed += people
	until(f, 20*time.Millisecond, fmt.Sprintf("%d more wait for the target", people), func() bool {
		lanes := f.bridge.lanes()
		return lanes["identity"] == 0 && lanes[lane] >= wanted
	})
}
