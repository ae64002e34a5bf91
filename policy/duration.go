package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Duration is a time span as documents write it: what time.ParseDuration
// reads, and whole days (180d), a day being 24 hours.
type Duration time.Duration

const day = 24 * time.Hour

// ParseDuration reads a duration. It is never negative.
func ParseDuration(s string) (Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number of days, as in 90d", s)
		}
		return Duration(time.Duration(days) * day), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration, as in 90d, 8h or 15m", s)
	}
	return Duration(d), nil
}

// String writes the duration as a document would.
func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t != 0 && t%day == 0:
		return strconv.Itoa(int(t/day)) + "d"
	case t%time.Hour == 0:
		return strconv.Itoa(int(t/time.Hour)) + "h"
	case t%time.Minute == 0:
		return strconv.Itoa(int(t/time.Minute)) + "m"
	}
	return t.String()
}

// MarshalText writes the duration as a document would.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}
