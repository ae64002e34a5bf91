package connectors

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
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
	Disables int            `json:"disables"` // of these, disabled
	Ends     int            `json:"ends"`     // accounts from which access is taken
	Joins    int            `json:"joins"`    // accounts that are there already and are given something
	Members  map[string]int `json:"members"`  // memberships to be changed, by entitlement
	Revoked  map[string]int `json:"revoked"`  // of these, taken from accounts that go on
	Left     map[string]int `json:"left"`     // of these, taken from accounts that are disabled as well
}

// Add counts the steps of one account.
func (t *Tally) Add(steps []Step) {
	for _, m := range []*map[string]int{&t.Members, &t.Revoked, &t.Left} {
		if *m == nil {
			*m = map[string]int{}
		}
	}
	if len(steps) > 0 {
		t.Accounts++
	}
	if does(steps, Grant) && !does(steps, Create) {
		t.Joins++
	}
	taken := t.Revoked
	if does(steps, Disable) {
		taken = t.Left
	}
	if slices.ContainsFunc(steps, Step.Ends) {
		t.Ends++
	}
	for _, step := range steps {
		switch step.Verb {
		case Create:
			t.Creates++
		case Update:
			t.Updates++
		case Enable:
			t.Switches++
		case Disable:
			t.Switches++
			t.Disables++
		case Grant, Revoke: // counted by entitlement
		}
		for _, e := range step.Entitlements {
			t.Members[e]++
			if step.Verb == Revoke {
				taken[e]++
			}
		}
	}
}

func does(steps []Step, verb Verb) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Verb == verb })
}

// A Forecast says how many calls a tally takes at a target, and how long they take
// at least, by the limits of its profile.
type Forecast struct {
	Writes int           `json:"writes"`
	Reads  int           `json:"reads"`
	Takes  time.Duration `json:"takes"`           // 0: no limit is known
	Limit  string        `json:"limit,omitempty"` // what makes it take so long

	// ForGood are accounts that are disabled where they cannot be had back.
	ForGood int `json:"forGood,omitempty"`
}

// Forecast works a tally out: what calls it takes at a target with the profile, whose
// connector has the costs, read back as verify says.
func (p Profile) Forecast(t Tally, costs Costs, verify string) Forecast {
	calls := costs.Tally(t, verify)
	f := Forecast{Reads: calls.by(http.MethodGet)}
	if p.Irreversible {
		f.ForGood = t.Disables
	}
	for _, n := range calls {
		f.Writes += n
	}
	f.Writes -= f.Reads
	f.limit(f.Writes+f.Reads, p.Rate.PerSecond, p.Rate.PerHour, "")
	for _, method := range slices.Sorted(maps.Keys(p.Rate.Methods)) {
		m := p.Rate.Methods[method]
		f.limit(calls.by(method), m.PerSecond, m.PerHour, " "+method)
	}
	for _, r := range p.Rate.Calls {
		n := 0
		for call, k := range calls {
			if r.Of(call) {
				n += k
			}
		}
		f.limit(n, r.PerSecond, r.PerHour, " "+strings.TrimSpace(r.Method+" "+r.Path))
	}
	for e, n := range t.Members {
		f.limit(n-t.Revoked[e]-t.Left[e], 0, p.Groups.PerHour, " members of one group")
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
		text += "; no rate limit is known"
	} else {
		text += ", " + span(f.Takes) + " at " + f.Limit
	}
	if f.ForGood > 0 {
		text += fmt.Sprintf("; accounts that end there for good: %s", thousands(f.ForGood))
	}
	return text
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
