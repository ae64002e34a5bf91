package console

import (
	"encoding/json"
	"slices"
	"time"

	"drawbridge/schema"
)

// exposure says how long access outlived the change that ended it, of the newest such
// changes.
type exposure struct {
	Bars                  []bar
	Count                 int
	Median, Most, Slowest time.Duration // of 50 in 100, 95 in 100, and all
}

// A bar is how many changes took so long.
type bar struct {
	Under  string
	Count  int
	Height int // of 100
	X      int
}

// steps are the bounds of the bars.
var steps = []struct {
	under time.Duration
	name  string
}{
	{100 * time.Millisecond, "under 100 ms"}, {time.Second, "under 1 s"}, {10 * time.Second, "under 10 s"},
	{time.Minute, "under 1 min"}, {10 * time.Minute, "under 10 min"}, {1 << 62, "longer"},
}

// exposureOf reads what decisions say of changes that ended access.
func exposureOf(entries []entryView) exposure {
	var took []time.Duration
	for _, e := range entries {
		var words struct {
			Change schema.Change `json:"change"`
		}
		if len(e.Words) == 0 || json.Unmarshal(e.Words, &words) != nil || !words.Change.Ends {
			continue
		}
		until := words.Change.Verified
		if until.IsZero() {
			until = words.Change.Acknowledged
		}
		if d := until.Sub(words.Change.Received); !until.IsZero() && !words.Change.Received.IsZero() && d >= 0 {
			took = append(took, d)
		}
	}
	return chart(took)
}

func chart(took []time.Duration) exposure {
	x := exposure{Count: len(took)}
	if len(took) == 0 {
		return x
	}
	slices.Sort(took)
	x.Median, x.Most, x.Slowest = took[(len(took)-1)/2], took[(len(took)-1)*95/100], took[len(took)-1]
	for i, s := range steps {
		x.Bars = append(x.Bars, bar{Under: s.name, X: i * 80})
	}
	for _, d := range took {
		x.Bars[slices.IndexFunc(steps, func(s struct {
			under time.Duration
			name  string
		}) bool {
			return d < s.under
		})].Count++
	}
	tallest := slices.MaxFunc(x.Bars, func(a, b bar) int { return a.Count - b.Count }).Count
	for i := range x.Bars {
		x.Bars[i].Height = x.Bars[i].Count * 100 / tallest
	}
	return x
}
