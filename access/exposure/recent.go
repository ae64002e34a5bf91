package exposure

import (
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

// Latest tells of the newest endings. Which of them it reads it learns from an index, so
// that it reads none twice.
func Latest(r store.Reader) (Recent, error) {
	x := Recent{To: r.Now()}
	open, err := x.openOnes(r)
	if err != nil {
		return x, err
	}
	many := x.More // of those that are open: then as few as may be of the others
	for _, span := range []time.Duration{24 * time.Hour, time.Hour, 5 * time.Minute} {
		x.From = x.To.Add(-span)
		n, err := store.WindowReceived.CountBetween(r, mostRecent+1, x.From, x.end())
		if err != nil {
			return x, err
		}
		if x.More = many || n > mostRecent; !x.More {
			break
		}
	}
	return x, x.tell(r, open)
}

// end is when the newest endings end: a little later than now, for clocks differ.
func (x *Recent) end() time.Time { return x.To.Add(time.Minute) }

// openOnes are the first mostRecent windows that are open.
func (x *Recent) openOnes(r store.Reader) (open []Window, err error) {
	for a, err := range store.Accounts.By(r, store.AccountOpen) {
		if err != nil {
			return nil, err
		}
		if len(open) == mostRecent {
			x.More = true
			break
		}
		open = append(open, openWindow(a, x.To))
	}
	return open, nil
}

// tell says what came of those that were opened since then.
func (x *Recent) tell(r store.Reader, open []Window) error {
	var took []time.Duration
	for w, err := range store.Windows.Between(r, store.WindowReceived, x.From, x.end()) {
		if err != nil {
			return err
		}
		if len(took) == mostRecent {
			break
		}
		v := windowOf(w)
		x.judge(v)
		took = append(took, duration(v.Seconds))
	}
	for _, v := range open {
		if !v.Change.Received.Before(x.From) {
			x.judge(v)
			x.Open, x.Oldest = x.Open+1, max(x.Oldest, v.Seconds)
		}
	}
	x.spread(took)
	return nil
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
