package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

var (
	sweepDue  = desc("sweep_due_timestamp_seconds", "When a sweep is due next, or was while it runs or waits to; 0 is never.", "sweep")
	sweepLate = desc("sweep_late", "Whether a sweep did not run to its end within an hour of when it was due.", "sweep")
)

// Sweeps names the sweeps there are, so that one that has not run yet in this
// process, or never, shows too: 0 is never. When they last ran is read at the
// next scrape.
func (m *Metrics) Sweeps(names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread, m.named = append(m.unread, names...), schema.Sorted(append(m.named, names...)...)
	for _, name := range names {
		m.lastSweep.WithLabelValues(name).Add(0)
		for _, outcome := range []string{"done", "held", "failed"} {
			m.sweeps.WithLabelValues(name, outcome)
		}
	}
}

// readSweeps reads when sweeps last ran that were named since the scrape before.
func (m *Metrics) readSweeps(r store.Reader) error {
	m.mu.Lock()
	names := slices.Clone(m.unread)
	m.mu.Unlock()
	for _, name := range names {
		run, err := access.LastRun(r, name, succeeded)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil {
			m.success(run)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread = slices.DeleteFunc(m.unread, func(name string) bool { return slices.Contains(names, name) })
	return nil
}

// readSchedule reads which sweeps are due when, and which are late.
func (m *Metrics) readSchedule(r store.Reader, level func(*prometheus.Desc, float64, ...string)) error {
	due := map[string]time.Time{}
	for item, err := range store.Items(r, access.LaneSweep) {
		if err != nil {
			return err
		}
		due[item.ID] = item.Due
	}
	m.mu.Lock()
	names := slices.Clone(m.named)
	m.mu.Unlock()
	for _, name := range names {
		late, err := access.SweepLate(r, name, due[name])
		if err != nil {
			return err
		}
		at := 0.0
		if !due[name].IsZero() {
			at = float64(due[name].UnixMilli()) / 1e3
		}
		level(sweepDue, at, name)
		level(sweepLate, truth(late), name)
	}
	return nil
}

// success notes a run that came to its end. Runs may be told of in any order.
func (m *Metrics) success(run schema.Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if run.Ended.After(m.succeeded[run.Sweep]) {
		m.succeeded[run.Sweep] = run.Ended
		m.lastSweep.WithLabelValues(run.Sweep).Set(float64(run.Ended.UnixMilli()) / 1e3)
	}
}

func succeeded(run schema.Run) bool { return run.Held == "" && run.Problem == "" }
