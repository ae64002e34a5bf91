package policy

import (
	"time"
	_ "time/tzdata" // sources are in time zones also where the system knows none
)

// A source says when something is by an xsd:dateTime, with a time zone or without (RFC 7643,
// section 2.3.5), or by a day. Which moment one without is depends on where the source is:
// who works until the 30th in San Francisco works for a third of the 1st in London.

// lastDay is the attribute of employment that, as a day, is the last one.
const lastDay = "endDate"

// moment reads a time, or a day, which stands for its first moment; the last day of somebody
// is theirs, and stands for the first moment after it.
func (f finder) moment(s string) (time.Time, bool) {
	zone := f.zone
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true
		}
	}
	day, err := time.Parse(time.DateOnly, s)
	if f.last {
		day = day.AddDate(0, 0, 1)
	}
	return begins(day, zone), err == nil
}

// begins returns the first moment of a day in a time zone: midnight, or where clocks go
// forward at midnight the moment in which they do.
func begins(day time.Time, zone *time.Location) time.Time {
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	if midnight.Day() == day.Day() {
		return midnight
	}
	_, forward := midnight.ZoneBounds()
	return forward
}

// zone is where a source is, as its document says; one that is not approved is nowhere.
func (s *Source) zone() *time.Location {
	if s == nil || s.Spec.TimeZone == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(s.Spec.TimeZone)
	if err != nil { // lint refuses the source
		return time.UTC
	}
	return zone
}

// zones refuses a time zone that there is none of. Local is whichever the machine is in.
func (c *compiler) zones(s *Source) {
	if _, err := time.LoadLocation(s.Spec.TimeZone); err != nil || s.Spec.TimeZone == "Local" {
		c.report(&s.Header, CodeDecode, in("spec", "timeZone"), "there is no time zone %q", s.Spec.TimeZone).hint("write one as in Europe/Berlin")
	}
}
