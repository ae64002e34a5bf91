// Package exposure tells how long access lived on after what ended it: of each window
// that is open or closed, and of all of a time together. It reads what package access
// measured, and changes nothing.
package exposure

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Basis says on what it rests that access ended.
type Basis string

// The bases, from most to least.
const (
	ReadBack     Basis = "verified"     // the target was read back, and gives it no more
	Acknowledged Basis = "acknowledged" // the target, or a person, said so, and nothing was read back
	Moot         Basis = "moot"         // nothing was left to tell: given back meanwhile, or gone already
	StillOpen    Basis = "open"         // it has not ended yet, as far as is known
)

// A Window is one window, closed or open, as people read it.
type Window struct {
	ID          string        `json:"id,omitempty"` // empty of one that is open
	Identity    string        `json:"identity"`
	UserName    string        `json:"userName"`
	Connector   string        `json:"connector"`
	Basis       Basis         `json:"basis"`
	Seconds     float64       `json:"seconds"`               // from when the bridge was told; of an open one, so far
	SinceSource *float64      `json:"sinceSource,omitempty"` // likewise, from the source's own time; none where that is unknown
	Objective   Objective     `json:"objective"`
	Change      schema.Change `json:"change"`
	Problem     string        `json:"problem,omitempty"` // of an open one: why its target has yet to agree
}

// An Objective says what became of the time within which access was to end.
type Objective string

// What becomes of an objective. Access that ended in time, and was not read back, has
// not met it: nobody knows.
const (
	NoObjective Objective = "none"       // nothing said how fast
	Met         Objective = "met"        // read back in time
	Unverified  Objective = "unverified" // acknowledged in time, and not read back
	MissedIt    Objective = "missed"     // ended after it, or open past it
	Awaited     Objective = "awaited"    // open, and its time has not passed
	Void        Objective = "void"       // nothing was left to tell in time
)

// windowOf is a window that closed, without whose it is.
func windowOf(w schema.Window) Window {
	v := Window{ID: w.ID, Identity: w.Identity, Connector: w.Connector, Change: w.Change, Basis: Acknowledged, Objective: NoObjective}
	end := w.Change.End()
	switch {
	case w.Moot:
		v.Basis, end = Moot, w.Closed
	case !w.Change.Verified.IsZero():
		v.Basis = ReadBack
	}
	v.lasts(end)
	switch {
	case w.Change.Objective.IsZero():
	case access.Late(w) > 0:
		v.Objective = MissedIt
	case v.Basis == ReadBack:
		v.Objective = Met
	case v.Basis == Moot:
		v.Objective = Void
	default:
		v.Objective = Unverified
	}
	return v
}

// openWindow is the open window of an account.
func openWindow(a schema.Account, now time.Time) Window {
	v := Window{
		Identity: a.Identity, Connector: a.Connector, Change: a.Due, Basis: StillOpen, Objective: Awaited, Problem: a.Problem,
	}
	v.lasts(now)
	switch {
	case a.Due.Objective.IsZero():
		v.Objective = NoObjective
	case now.After(a.Due.Objective):
		v.Objective = MissedIt
	}
	return v
}

func (v *Window) lasts(end time.Time) {
	v.Seconds = seconds(max(0, end.Sub(v.Change.Received)))
	if !v.Change.Occurred.IsZero() {
		since := seconds(max(0, end.Sub(v.Change.Occurred)))
		v.SinceSource = &since
	}
}

// View returns a window that closed, with whose it is.
func View(r store.Reader, w schema.Window) (Window, error) { return windowOf(w).named(r) }

// ViewOpen returns the open window of an account, with whose it is.
func ViewOpen(r store.Reader, a schema.Account) (Window, error) {
	return openWindow(a, r.Now()).named(r)
}

func (v Window) called(r store.Reader, named bool) (Window, error) {
	if !named {
		return v, nil
	}
	return v.named(r)
}

func (v Window) named(r store.Reader) (Window, error) {
	id, err := store.Identities.Get(r, v.Identity)
	if schema.IsNotFound(err) {
		return v, nil
	}
	v.UserName = id.UserName
	return v, err
}

// Open walks the windows that are open at the connectors, at each the one that
// was opened first first.
func Open(r store.Reader) iter.Seq2[Window, error] { return openWindows(r, true) }

func openWindows(r store.Reader, named bool) iter.Seq2[Window, error] {
	return func(yield func(Window, error) bool) {
		for a, err := range store.Accounts.By(r, store.AccountOpen) {
			var v Window
			if err == nil {
				v, err = openWindow(a, r.Now()).called(r, named)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Windows walks the windows that were opened in a period: those that closed, in that
// order, and then those that are open still.
func Windows(r store.Reader, from, to time.Time) iter.Seq2[Window, error] {
	return windows(r, from, to, true)
}

// windows is Windows; whose they are is looked up where that is asked for.
func windows(r store.Reader, from, to time.Time, named bool) iter.Seq2[Window, error] {
	return func(yield func(Window, error) bool) {
		for _, some := range []iter.Seq2[Window, error]{closedWindows(r, from, to, named), openSince(r, from, to, named)} {
			for v, err := range some {
				if !yield(v, err) || err != nil {
					return
				}
			}
		}
	}
}

// closedWindows walks those that were opened in a period and closed.
func closedWindows(r store.Reader, from, to time.Time, named bool) iter.Seq2[Window, error] {
	return func(yield func(Window, error) bool) {
		for w, err := range store.Windows.Between(r, store.WindowReceived, from, to) {
			var v Window
			if err == nil {
				v, err = windowOf(w).called(r, named)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// openSince walks those that were opened in a period and are open still.
func openSince(r store.Reader, from, to time.Time, named bool) iter.Seq2[Window, error] {
	return func(yield func(Window, error) bool) {
		for v, err := range openWindows(r, named) {
			if err == nil && (v.Change.Received.Before(from) || !v.Change.Received.Before(to)) {
				continue
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// What an exposure report is by.
const (
	ByConnector = "connector"
	ByTrigger   = "trigger"
	ByPerson    = "person"
)

// A Report says how long access outlived the changes that ended it, of a
// period.
type Report struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Total  Line      `json:"total"`
	Groups []Line    `json:"groups" nullable:"false"` // the one with the longest first
	Worst  []Window  `json:"worst" nullable:"false"`  // the longest first
	Held   int64     `json:"held"`                    // of people who left: whose end a brake holds now, and which has opened no window
}

// A Line counts the windows of one connector, trigger or person, or all.
// Each is in one of Verified, Acknowledged, Moot and Open, and in one of the counts of
// the objective: nothing that is not known is counted as done.
type Line struct {
	Name    string `json:"name"`
	Windows int    `json:"windows"`
	Left    int    `json:"left"` // of people who left

	Verified     int `json:"verified"`
	Acknowledged int `json:"acknowledged"`
	Moot         int `json:"moot"`
	Open         int `json:"open"`

	NoObjective int `json:"noObjective"`
	Met         int `json:"met"`
	Unverified  int `json:"unverified"`
	Missed      int `json:"missed"`
	Awaited     int `json:"awaited"`
	Void        int `json:"void"`

	UnknownSource int `json:"unknownSource"` // of which the source did not say when it happened

	Told      Took            `json:"told"`      // from when the bridge was told, of those that ended
	Source    Took            `json:"source"`    // from the source's own time, of those that ended and of which it is known
	Stages    map[string]Took `json:"stages"`    // each stage by itself: received, decided, sent, acknowledged, verified
	OpenSince Took            `json:"openSince"` // so far, of those that are open
}

// Measure reports on the windows that were opened in a period, by connector,
// trigger or person.
func Measure(r store.Reader, from, to time.Time, by string) (Report, error) {
	return measure(r, from, to, by, func(all *tally) error { return all.addAll(closedWindows(r, from, to, by == ByPerson)) })
}

// measure reports on the windows of a period, of which closed adds those that closed.
func measure(r store.Reader, from, to time.Time, by string, closed func(all *tally) error) (Report, error) {
	report := Report{From: from, To: to, At: r.Now(), By: by, Groups: []Line{}, Worst: []Window{}}
	if !from.Before(to) {
		return report, fmt.Errorf("the period ends at %s and begins at %s: %w", to.Format(time.RFC3339), from.Format(time.RFC3339), schema.ErrInvalid)
	}
	all := newTally(by)
	if err := closed(all); err != nil {
		return report, err
	}
	if err := all.addAll(openSince(r, from, to, by == ByPerson)); err != nil {
		return report, err
	}
	report.Total = all.total.line("all")
	for name, t := range all.groups {
		report.Groups = append(report.Groups, t.line(name))
	}
	slices.SortFunc(report.Groups, func(a, b Line) int {
		return cmp.Or(cmp.Compare(max(b.Told.Most, b.OpenSince.Most), max(a.Told.Most, a.OpenSince.Most)), cmp.Compare(a.Name, b.Name))
	})
	for _, v := range all.worst {
		named, err := v.named(r)
		if err != nil {
			return report, err
		}
		report.Worst = append(report.Worst, named)
	}
	var err error
	report.Held, err = store.WithheldIdentities.Count(r)
	return report, err
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
