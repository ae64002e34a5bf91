package scheduler

import (
	"fmt"
	"hash/fnv"
	"time"
	_ "time/tzdata" // schedules name time zones also where the system knows none

	"github.com/robfig/cron/v3"

	"drawbridge/schema"
)

// A Timing is when a sweep is due: cron's five fields, or "@every 30s", in a time zone,
// and as much later as a jitter says.
type Timing struct {
	Schedule string
	Zone     string        // as the IANA names it; empty is UTC
	Jitter   time.Duration // at most so much later, always the same for one time of one sweep
}

// Parse returns the schedule of a sweep.
func (t Timing) Parse(sweep string) (cron.Schedule, error) {
	zone := t.Zone
	if zone == "" {
		zone = "UTC"
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return nil, fmt.Errorf("there is no time zone %q: %w", t.Zone, schema.ErrInvalid)
	}
	base, err := cron.ParseStandard("CRON_TZ=" + zone + " " + t.Schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: write cron's five fields, or @every 30s: %w: %w", t.Schedule, schema.ErrInvalid, err)
	}
	if t.Jitter <= 0 {
		return base, nil
	}
	return jittered{base, sweep, t.Jitter}, nil
}

// jittered is a schedule some time later, so that many bridges, and many sweeps of one,
// do not all begin on the hour. How much later follows from the sweep and the time: it
// is the same in every process.
type jittered struct {
	base   cron.Schedule
	sweep  string
	jitter time.Duration
}

// Next returns the first time after t.
func (j jittered) Next(t time.Time) time.Time {
	for at := j.base.Next(t.Add(-j.jitter)); !at.IsZero(); at = j.base.Next(at) {
		if late := at.Add(j.later(at)); late.After(t) {
			return late
		}
	}
	return time.Time{}
}

func (j jittered) later(at time.Time) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", j.sweep, at.Unix())
	return time.Duration(h.Sum64() % uint64(j.jitter)) //nolint:gosec // a jitter is above zero
}
