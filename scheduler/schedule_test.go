package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"drawbridge/scheduler"
	"drawbridge/schema"
)

// TestTiming asks schedules for their next time: in a zone, across its summer time, and
// with a jitter, which is the same in every process and never skips a time. R-SWEEP-1.
func TestTiming(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for name, test := range map[string]struct {
		timing      scheduler.Timing
		after, want string
	}{
		"UTC":              {scheduler.Timing{Schedule: "0 3 * * *"}, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00Z"},
		"winter in Berlin": {scheduler.Timing{Schedule: "0 3 * * *", Zone: "Europe/Berlin"}, "2026-03-27T12:00:00Z", "2026-03-28T02:00:00Z"},
		"summer in Berlin": {scheduler.Timing{Schedule: "0 3 * * *", Zone: "Europe/Berlin"}, "2026-03-29T12:00:00Z", "2026-03-30T01:00:00Z"},
		"every":            {scheduler.Timing{Schedule: "@every 30s"}, "2026-03-28T12:00:00Z", "2026-03-28T12:00:30Z"},
	} {
		s, err := test.timing.Parse("unused")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := s.Next(at(test.after)); !got.Equal(at(test.want)) {
			t.Errorf("%s: after %s comes %s, want %s", name, test.after, got.UTC(), test.want)
		}
	}
	for name, timing := range map[string]scheduler.Timing{"a zone": {Schedule: "0 3 * * *", Zone: "Mars/Olympus"}, "a schedule": {Schedule: "soon"}} {
		if _, err := timing.Parse("unused"); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s that there is not: %v", name, err)
		}
	}
	jittered := func(sweep string) (all []time.Time) {
		s, err := scheduler.Timing{Schedule: "0 * * * *", Jitter: 20 * time.Minute}.Parse(sweep)
		if err != nil {
			t.Fatal(err)
		}
		for when := at("2026-03-28T00:30:00Z"); len(all) < 48; {
			when = s.Next(when)
			all = append(all, when)
		}
		return all
	}
	one, same, other := jittered("unused"), jittered("unused"), jittered("unmanaged")
	alike := 0
	for i, when := range one {
		hour := at("2026-03-28T01:00:00Z").Add(time.Duration(i) * time.Hour)
		if when.Before(hour) || !when.Before(hour.Add(20*time.Minute)) {
			t.Errorf("time %d is %s, want within 20 minutes of %s", i, when, hour)
		}
		if !when.Equal(same[i]) {
			t.Errorf("two processes disagree: %s and %s", when, same[i])
		}
		if when.Equal(other[i]) {
			alike++
		}
	}
	if alike > 2 {
		t.Errorf("two sweeps began together %d times of 48", alike)
	}
}
