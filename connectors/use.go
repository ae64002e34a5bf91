package connectors

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/schema"
)

// A UseTeller can say whether its target tells when accounts were used last, with
// each account that it lists. Where it does, one of which nothing is said was not
// used since anybody remembers; of a target that does not tell, that says nothing.
type UseTeller interface {
	TellsUse() bool
}

// TellsUse reports whether a target's listing says when accounts were used last.
func TellsUse(target any) bool {
	teller, ok := target.(UseTeller)
	return ok && teller.TellsUse()
}

// useSkew is how far ahead of ours a target's clock may be.
const useSkew = 5 * time.Minute

// sinceTimes is when the first of the times is that anybody can have been seen at:
// what targets write for never lies before it (1601, 1970, the year 1).
var sinceTimes = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// How far the clocks of the world are from UTC: whoever says no zone may be anywhere between.
const (
	zonesBehind = 12 * time.Hour
	zonesAhead  = 14 * time.Hour
)

// SetLastUsed says of the account when it was used last, as the target's text has it: a
// time of RFC 3339, with or without its zone, a day, GeneralizedTime, the seconds or
// milliseconds since 1970, or the tenths of a microsecond since 1601 that Windows
// counts. Nothing, the numbers 0 and -1, or what is written as a time before the year 2000,
// is never. What is no time, is another number that comes to one before then, or is yet to
// come, says nothing of the account, and least of all that it was not used.
//
// The target may say what was so some time ago (behind), a day has 24 hours, and where no
// zone is said it may be any: of all that it may mean it is the latest that counts, and no
// later than now.
func SetLastUsed(a *schema.Account, text string, behind time.Duration, now time.Time) {
	t, err := useTime(strings.TrimSpace(text))
	switch {
	case err != nil || t.at.After(now.Add(useSkew+t.ahead)):
		a.UseUnclear = true
	case t.at.Before(sinceTimes):
	default:
		a.LastUsed = t.at.Add(t.span).Add(behind).UTC()
		if a.LastUsed.After(now) {
			a.LastUsed = now.UTC()
		}
	}
}

// A useLayout is a form of a time, and what it leaves open.
type useLayout struct {
	layout string
	span   time.Duration // how much later than it says it may have been
	ahead  time.Duration // how much earlier
}

var useLayouts = []useLayout{
	{layout: time.RFC3339},
	{layout: "2006-01-02T15:04:05Z0700"},
	{layout: "2006-01-02 15:04:05Z07:00"},
	{layout: "2006-01-02 15:04:05Z07"},
	{layout: "2006-01-02 15:04:05 UTC"}, // other zones' short names are of several
	{layout: "2006-01-02 15:04:05 GMT"},
	{layout: "20060102150405Z0700"},
	{"2006-01-02T15:04:05", zonesBehind, zonesAhead},
	{"2006-01-02 15:04:05", zonesBehind, zonesAhead},
	{time.DateOnly, 24*time.Hour - time.Second + zonesBehind, zonesAhead},
}

// A usedAt is a time that was read, and what its form leaves open.
type usedAt struct {
	at          time.Time
	span, ahead time.Duration
}

// useTime reads a time; one that is never is zero.
func useTime(text string) (usedAt, error) {
	if text == "" || text == "0" || text == "-1" || strings.EqualFold(text, "never") {
		return usedAt{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) != len("20060102150405") {
		at := counted(n)
		if at.Before(sinceTimes) {
			return usedAt{}, fmt.Errorf("%q is counted in a way that is not known", text)
		}
		return usedAt{at: at}, nil
	}
	for _, l := range useLayouts {
		if at, err := time.Parse(l.layout, text); err == nil {
			return usedAt{at, l.span, l.ahead}, nil
		}
	}
	return usedAt{}, fmt.Errorf("%q is no time", text)
}

// The ticks of Windows: how many make a second, and how many there were in 1970.
const (
	ticksPerSecond = 10_000_000
	ticksOf1970    = 116_444_736_000_000_000
)

// counted returns the time that a number is: ticks, milliseconds or seconds, told apart by
// how many they are.
func counted(n int64) time.Time {
	switch {
	case n >= 10_000_000_000_000_000:
		n -= ticksOf1970
		return time.Unix(n/ticksPerSecond, n%ticksPerSecond*100)
	case n >= 100_000_000_000:
		return time.UnixMilli(n)
	}
	return time.Unix(n, 0)
}
