package connectors

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Tally counts what is to be done at a target.
type Tally struct {
	Accounts int            `json:"accounts"` // of which something is to be done
	Creates  int            `json:"creates"`
	Updates  int            `json:"updates"`
	Switches int            `json:"switches"` // enabled or disabled
	Members  map[string]int `json:"members"`  // memberships to be changed, by entitlement
}

// Add counts the steps of one account.
func (t *Tally) Add(steps []Step) {
	if len(steps) > 0 {
		t.Accounts++
	}
	for _, step := range steps {
		switch step.Verb {
		case Create:
			t.Creates++
		case Update:
			t.Updates++
		case Enable, Disable:
			t.Switches++
		case Grant, Revoke:
			for _, e := range step.Entitlements {
				t.Members[e]++
			}
		}
	}
}

// A Forecast says how many calls a tally takes at a target, and how long they take
// at least, by the limits of its profile.
type Forecast struct {
	Writes int           `json:"writes"`
	Reads  int           `json:"reads"`
	Takes  time.Duration `json:"takes"`           // 0: no limit is known
	Limit  string        `json:"limit,omitempty"` // what makes it take so long
}

// Forecast works a tally out: it counts what the profile's dialect makes of it,
// memberships in batches where it has them.
func (p Profile) Forecast(t Tally) Forecast {
	f := Forecast{Writes: t.Creates + t.Updates + t.Switches}
	methods := map[string]int{"POST": t.Creates}
	change := "PATCH"
	if p.Update == UpdatePut {
		change = "PUT"
		f.Reads += t.Updates + t.Switches // what is written back whole is read before
	}
	methods[change] += t.Updates + t.Switches
	if p.Find == FindFirst {
		f.Reads += t.Creates * len(p.Match)
	}
	batch := 1 // a membership each, where the target's API is its own
	if p.Kind == "" || p.Kind == "scim" {
		batch = max(1, p.Concurrency) // no more wait for one group at a time
		if p.Groups.MaxMembers > 0 {
			batch = min(batch, p.Groups.MaxMembers)
		}
	}
	for _, n := range t.Members {
		calls := (n + batch - 1) / batch
		f.Writes += calls
		methods[cmp.Or(strings.ToUpper(string(p.Groups.Update)), "PATCH")] += calls
	}
	methods["GET"] = f.Reads
	f.limit(f.Writes+f.Reads, p.Rate.PerSecond, p.Rate.PerHour, "")
	for method, n := range methods {
		if m, ok := p.Rate.Methods[method]; ok {
			f.limit(n, m.PerSecond, m.PerHour, " "+method)
		}
	}
	return f
}

// limit makes the forecast take at least as long as a limit lets so many calls take.
func (f *Forecast) limit(calls int, perSecond float64, perHour int, of string) {
	if perSecond > 0 {
		if d := time.Duration(float64(calls) / perSecond * float64(time.Second)); d > f.Takes {
			f.Takes, f.Limit = d, fmt.Sprintf("%g%s a second", perSecond, of)
		}
	}
	if perHour > 0 {
		if d := time.Duration(float64(calls) / float64(perHour) * float64(time.Hour)); d > f.Takes {
			f.Takes, f.Limit = d, fmt.Sprintf("%s%s an hour", thousands(perHour), of)
		}
	}
}

// String is as people say it: 14,200 writes, 14 h 12 min at 1,000 an hour.
func (f Forecast) String() string {
	text := thousands(f.Writes) + " writes"
	if f.Reads > 0 {
		text += ", " + thousands(f.Reads) + " reads"
	}
	if f.Takes == 0 {
		return text + "; no rate limit is known"
	}
	return text + ", " + span(f.Takes) + " at " + f.Limit
}

func span(d time.Duration) string {
	d = d.Round(time.Minute)
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%s h %d min", thousands(int(d/time.Hour)), d%time.Hour/time.Minute)
}

// thousands writes a number with a comma after each three digits.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
