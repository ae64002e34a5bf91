package goals

import (
	"sync/atomic"
	"time"
)

const writers = 32

// pushOfNewcomers is G1: a first push to the whole bridge, against one to the
// library with nothing behind it.
func pushOfNewcomers(m *measure) {
	var ratios, one []float64
	for range m.rounds {
		alone := m.pushed("library", writers)
		ratios = append(ratios, m.pushed("bridge", writers)/alone)
		one = append(one, m.pushed("bridge", 1)/m.pushed("library", 1))
	}
	m.atLeast("G1", "first push of users, 32 at once, to that of the library alone", median(ratios), 1.2)
	m.Logf("one at a time: %.2fx (no goal)", median(one))
}

// pushed returns how many users a second a fresh server takes.
func (m *measure) pushed(role string, connections int) float64 {
	n := m.first
	if connections == 1 {
		n /= 10
	}
	s := spawn(m, role, part{Dir: onDisk(m), Connectors: connectorNames(3)})
	_, took := pushAll(m, s.addr, connections, 0, n)
	s.stop()
	return float64(n) / took.Seconds()
}

// pushOfMany is a long push: G2, how fast; G3, whether it fades; and G23, what a
// user costs, with all that is decided and provisioned for it.
func pushOfMany(m *measure) {
	before := batched(m, m.first)
	m.Logf("limits: %.0f/s by bbolt's Batch, %.0f/s by group commit", before, grouped(m, m.first))
	library := spawn(m, "library", part{})
	idle := library.processor()
	pushAll(m, library.addr, writers, 0, m.first)
	alone := float64(library.processor()-idle) / float64(m.first)
	library.stop()

	s := startBridge(m, connectorNames(3), "")
	idle = s.processor()
	var done atomic.Int64
	var early atomic.Int64 // nanoseconds that the first few took
	start := time.Now()
	took := drive(m, s.addr, writers, m.push, func(c *conn, i int) error {
		_, err := push(c, i)
		if done.Add(1) == int64(m.first) {
			early.Store(int64(time.Since(start)))
		}
		return err
	})
	acknowledged := s.processor() - idle
	settled(m, s)
	whole := float64(s.processor()-idle) / float64(m.push)
	m.Logf("settled %v after the last user was acknowledged, %v after the first", (time.Since(start) - took).Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	s.stop()

	rate := float64(m.push) / took.Seconds()
	first := float64(m.first) / time.Duration(early.Load()).Seconds()
	limit := (before + batched(m, m.first)) / 2
	m.atLeast("G2", "push of 100k users, 32 at once, to bbolt's Batch", rate/limit, 0.7)
	m.atLeast("G3", "rate over the whole push to that over its first 6k users", rate/first, 0.75)
	m.atMost("G3", "time to take in 100k users", took.Seconds()/float64(m.push)*1e5, 75, "s")
	m.atMost("G23", "server CPU a pushed user, until it is in 3 targets", whole/1e3, 550, "us")
	m.atMost("G23", "the same to that of the library alone", whole/alone, 0.8, "x")
	m.Logf("%.0f users/s; CPU a user until acknowledged %.0f us, until settled %.0f us; library alone %.0f us",
		rate, float64(acknowledged)/float64(m.push)/1e3, whole/1e3, alone/1e3)
}
