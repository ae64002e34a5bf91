package console

import (
	"time"

	"drawbridge/access/exposure"
)

// endings say how long access lived on after what ended it, of the newest endings.
type endings struct{ exposure.Recent }

// A bar is how many took so long. It is drawn where X is, as high as Height of 100.
type bar struct {
	Under  string
	Count  int
	Height int
	X      int
}

// exposed looks at the newest endings.
func (v *visit) exposed() (x endings, err error) {
	err = v.get(v.ctx, "/exposure/latest", &x.Recent)
	return x, err
}

// Since says of how long they are.
func (x endings) Since() string { return span(x.To.Sub(x.From)) }

// Oldest is how long the oldest that is open has been so; half of those that closed took
// no longer than Median, 95 of 100 no longer than Most.
func (x endings) Oldest() time.Duration  { return seconds(x.Recent.Oldest) }
func (x endings) Median() time.Duration  { return seconds(x.Took.Half) }
func (x endings) Most() time.Duration    { return seconds(x.Took.Nineteenth) }
func (x endings) Slowest() time.Duration { return seconds(x.Took.Most) }

// Bars draw how long they took.
func (x endings) Bars() []bar {
	tallest := 1
	for _, w := range x.Within {
		tallest = max(tallest, w.Count)
	}
	var bars []bar
	for i, w := range x.Within {
		under := "longer"
		if w.Seconds > 0 {
			under = span(seconds(w.Seconds))
		}
		bars = append(bars, bar{Under: under, Count: w.Count, Height: w.Count * 100 / tallest, X: i * 80})
	}
	return bars
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
