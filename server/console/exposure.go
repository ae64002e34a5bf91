package console

import (
	"slices"
	"time"

	"drawbridge/access/exposure"
)

// endings say how long access lived on after what ended it, of the newest endings.
type endings struct {
	Since   string // in words
	Bars    []bar
	Count   int // windows that closed
	Open    int
	Oldest  time.Duration // of those that are open, so far
	Missed  int           // that took longer than the policy wants
	Median  time.Duration // half of them took no longer
	Most    time.Duration // 95 of 100 took no longer
	Slowest time.Duration
}

// A bar is how many took so long. It is drawn where X is, as high as Height of 100.
type bar struct {
	Under  string
	Count  int
	Height int
	X      int
}

// steps are the bounds of the bars.
var steps = []struct {
	under time.Duration
	name  string
}{
	{100 * time.Millisecond, "0.1 s"}, {time.Second, "1 s"}, {10 * time.Second, "10 s"},
	{time.Minute, "1 min"}, {10 * time.Minute, "10 min"}, {1 << 62, "longer"},
}

// spans are those that are looked at, until one has no more windows than are shown.
var spans = []struct {
	long time.Duration
	name string
}{{24 * time.Hour, "24 hours"}, {time.Hour, "hour"}, {5 * time.Minute, "5 minutes"}}

// mostWindows is how many windows are looked at.
const mostWindows = "500"

// exposed looks at the windows of the last day; of less, where there are many.
func (v *visit) exposed() (x endings, err error) {
	for _, span := range spans {
		x = endings{Since: span.name}
		from, to := v.now.Add(-span.long).Format(time.RFC3339Nano), v.now.Add(time.Minute).Format(time.RFC3339Nano)
		cursor, closed := "", list[exposure.Window]{}
		var took []time.Duration
		for range 2 { // those that closed, and then those that are open
			closed = list[exposure.Window]{}
			if err := v.get(v.ctx, "/exposure/windows", &closed, "from", from, "to", to, "limit", mostWindows, "cursor", cursor); err != nil {
				return x, err
			}
			took = append(took, x.take(closed.Items)...)
			if cursor = closed.Next; cursor == "" {
				break
			}
		}
		x.chart(took)
		if cursor == "" {
			break
		}
	}
	return x, nil
}

// take counts windows, and returns how long those took that closed.
func (x *endings) take(windows []exposure.Window) (took []time.Duration) {
	for _, w := range windows {
		lasted := seconds(w.Seconds)
		if w.Objective == exposure.MissedIt {
			x.Missed++
		}
		if w.ID != "" {
			took = append(took, lasted)
			continue
		}
		x.Open++
		x.Oldest = max(x.Oldest, lasted)
	}
	return took
}

// chart draws how long they took.
func (x *endings) chart(took []time.Duration) {
	if x.Count = len(took); x.Count == 0 {
		return
	}
	slices.Sort(took)
	x.Median, x.Most, x.Slowest = took[(len(took)-1)/2], took[(len(took)-1)*95/100], took[len(took)-1]
	at, tallest := 0, 0
	for i, s := range steps {
		b := bar{Under: s.name, X: i * 80}
		for ; at < len(took) && took[at] < s.under; at++ {
			b.Count++
		}
		tallest = max(tallest, b.Count)
		x.Bars = append(x.Bars, b)
	}
	for i := range x.Bars {
		x.Bars[i].Height = x.Bars[i].Count * 100 / tallest
	}
}

// exposurePage is how long access outlived what ended it, of some days.
type exposurePage struct {
	exposure.Report
	Days  string // how many
	Chart endings
}

// An exposureLine is a line of the report with what its numbers come to in words.
type exposureLine struct {
	exposure.Line
	Half, Most time.Duration
}

// Lines are those of the report, the longest first.
func (p exposurePage) Lines() (lines []exposureLine) {
	for _, l := range append([]exposure.Line{p.Total}, p.Groups[:min(len(p.Groups), mostGroups)]...) {
		if l.Name == "" {
			l.Name = "all"
		}
		lines = append(lines, exposureLine{l, seconds(l.Told.Half), seconds(l.Told.Most)})
	}
	return lines
}

// Lasted is how long a window was open, or is.
func (p exposurePage) Lasted(w exposure.Window) time.Duration { return seconds(w.Seconds) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Bounds of the page: groups that it shows, and days that are looked at.
const mostGroups = 200

var periods = map[string]int{"1": 1, "7": 7, "30": 30, "90": 90, "366": 366}

func showExposure(v *visit) (any, error) {
	p := exposurePage{Days: v.q("days")}
	days, ok := periods[p.Days]
	if !ok {
		p.Days, days = "7", 7
	}
	by := v.q("by")
	if by == "" {
		by = "connector"
	}
	from, to := v.now.AddDate(0, 0, -days), v.now.Add(time.Minute)
	if err := v.get(v.ctx, "/exposure", &p.Report, "from", from.Format(time.RFC3339), "to", to.Format(time.RFC3339), "by", by); err != nil {
		return nil, err
	}
	var err error
	p.Chart, err = v.exposed()
	return p, err
}
