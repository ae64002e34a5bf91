package exposure

import (
	"iter"
	"slices"
	"time"

	"drawbridge/store"
)

// Recent is how long access outlived what ended it, of the newest endings: of a day, or
// of less where so many ended, so that it costs as little however many there are.
type Recent struct {
	From   time.Time `json:"from"` // of windows that were opened from then on
	To     time.Time `json:"to"`
	Closed int       `json:"closed"`
	Open   int       `json:"open"`
	More   bool      `json:"more"` // there are more of either than were looked at

	Oldest float64 `json:"oldest"` // seconds, of those that are open, so far
	Missed int     `json:"missed"` // that took longer than was wanted, those that are open among them

	Took   Shares   `json:"took"` // of those that closed
	Within []Within `json:"within" nullable:"false"`
}

// Shares are how many seconds how many of them took at most.
type Shares struct {
	Half       float64 `json:"p50"`
	Nineteenth float64 `json:"p95"` // nineteen in twenty
	Most       float64 `json:"max"`
}

// Within is how many took less than so long, and no less than those before.
type Within struct {
	Seconds float64 `json:"seconds"` // 0: however long
	Count   int     `json:"count"`
}

// mostRecent is how many windows are looked at, of those that closed and of those that
// are open.
const mostRecent = 2000

// Latest tells of the newest endings.
func Latest(r store.Reader) (x Recent, err error) {
	for _, span := range []time.Duration{24 * time.Hour, time.Hour, 5 * time.Minute} {
		if x, err = recent(r, r.Now().Add(-span)); err != nil || !x.More {
			break
		}
	}
	return x, err
}

func recent(r store.Reader, from time.Time) (Recent, error) {
	x := Recent{From: from, To: r.Now()}
	var took []time.Duration
	for w, err := range some(store.Windows.Between(r, store.WindowReceived, from, x.To.Add(time.Minute)), &x.More) {
		if err != nil {
			return x, err
		}
		v := windowOf(w)
		x.judge(v)
		took = append(took, duration(v.Seconds))
	}
	for a, err := range some(store.Accounts.By(r, store.AccountOpen), &x.More) {
		if err != nil {
			return x, err
		}
		if v := openWindow(a, x.To); !a.Due.Received.Before(from) {
			x.judge(v)
			x.Open, x.Oldest = x.Open+1, max(x.Oldest, v.Seconds)
		}
	}
	x.spread(took)
	return x, nil
}

// some walks the first mostRecent, and says whether there are more.
func some[R any](all iter.Seq2[R, error], more *bool) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		n := 0
		for one, err := range all {
			if n++; n > mostRecent {
				*more = true
				return
			}
			if !yield(one, err) {
				return
			}
		}
	}
}

func (x *Recent) judge(v Window) {
	if v.Objective == MissedIt {
		x.Missed++
	}
}

// spread says how long they took.
func (x *Recent) spread(took []time.Duration) {
	slices.Sort(took)
	if x.Closed = len(took); x.Closed > 0 {
		last := x.Closed - 1
		x.Took = Shares{took[last/2].Seconds(), took[last*95/100].Seconds(), took[last].Seconds()}
	}
	x.Within = []Within{}
	at := 0
	for _, under := range []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, 0} {
		w := Within{Seconds: under.Seconds()}
		for ; at < len(took) && (under == 0 || took[at] < under); at++ {
			w.Count++
		}
		x.Within = append(x.Within, w)
	}
}
