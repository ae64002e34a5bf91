package exposure

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

const (
	mostWorst  = 20     // windows that a report shows
	mostGroups = 10_000 // people, and connectors and triggers, that a report tells apart
)

// A tally is what windows come to: together, by what they are counted by, and which of
// them lasted longest. Tallies of some and of others can be joined.
type tally struct {
	by     string
	total  *outcomes
	groups map[string]*outcomes
	worst  []Window // the longest first, and without whose they are where nobody asked
}

func newTally(by string) *tally {
	return &tally{by: by, total: &outcomes{}, groups: map[string]*outcomes{}}
}

func (t *tally) addAll(windows iter.Seq2[Window, error]) error {
	for v, err := range windows {
		if err != nil {
			return err
		}
		t.total.add(v)
		for _, name := range v.groups(t.by) {
			t.group(name).add(v)
		}
		t.keepWorst(v)
	}
	return nil
}

// join adds what other windows come to, which stays as it is.
func (t *tally) join(o *tally) {
	t.total.join(o.total)
	for name, g := range o.groups {
		t.group(name).join(g)
	}
	for _, v := range o.worst {
		t.keepWorst(v)
	}
}

// group is what those of a name come to.
func (t *tally) group(name string) *outcomes {
	if t.groups[name] == nil {
		if len(t.groups) >= mostGroups {
			name = "(others)"
		}
		t.groups[name] = cmp.Or(t.groups[name], &outcomes{})
	}
	return t.groups[name]
}

// groups are the names under which a window is counted.
func (v Window) groups(by string) []string {
	switch by {
	case ByPerson:
		return []string{cmp.Or(v.UserName, v.Identity)}
	case ByTrigger:
		if len(v.Change.Triggers) == 0 {
			return []string{"(none)"}
		}
		return v.Change.Triggers
	}
	return []string{v.Connector}
}

// keepWorst keeps the windows that lasted longest. Where nothing was left to tell,
// nothing lasted.
func (t *tally) keepWorst(v Window) {
	full := len(t.worst) == mostWorst
	if v.Basis == Moot || full && longest(t.worst[mostWorst-1], v) < 0 {
		return
	}
	if full {
		t.worst = t.worst[:mostWorst-1]
	}
	at, _ := slices.BinarySearchFunc(t.worst, v, longest)
	t.worst = slices.Insert(t.worst, at, v)
}

// longest orders windows, the one that lasted longest first.
func longest(a, b Window) int {
	return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), strings.Compare(a.ID, b.ID), strings.Compare(a.Identity, b.Identity))
}

// Outcomes are windows, counted.
type outcomes struct {
	Line
	told, source, open spread
	stages             map[string]*spread
}

func (t *outcomes) add(v Window) {
	t.Windows++
	if v.Change.Left {
		t.Left++
	}
	*t.on(v.Basis)++
	*t.became(v.Objective)++
	if v.SinceSource == nil {
		t.UnknownSource++
	}
	switch v.Basis {
	case StillOpen:
		t.open.add(duration(v.Seconds))
		return
	case Moot:
		return
	case ReadBack, Acknowledged:
	}
	t.told.add(duration(v.Seconds))
	if v.SinceSource != nil {
		t.source.add(duration(*v.SinceSource))
	}
	t.stage(v.Change)
}

// on is the count of those whose end rests on a basis.
func (t *outcomes) on(b Basis) *int {
	switch b {
	case ReadBack:
		return &t.Verified
	case Acknowledged:
		return &t.Acknowledged
	case Moot:
		return &t.Moot
	case StillOpen:
	}
	return &t.Open
}

// became is the count of those whose objective became what it did.
func (t *outcomes) became(o Objective) *int {
	switch o {
	case NoObjective:
		return &t.NoObjective
	case Met:
		return &t.Met
	case Unverified:
		return &t.Unverified
	case MissedIt:
		return &t.Missed
	case Void:
		return &t.Void
	case Awaited:
	}
	return &t.Awaited
}

// stage adds how long each stage took by itself, as far as both its ends are known.
func (t *outcomes) stage(c schema.Change) {
	was := c.Occurred
	for _, s := range []struct {
		name string
		at   time.Time
	}{{"received", c.Received}, {"decided", c.Decided}, {"sent", c.Sent}, {"acknowledged", c.Acknowledged}, {"verified", c.Verified}} {
		if !was.IsZero() && !s.at.IsZero() {
			t.stageOf(s.name).add(s.at.Sub(was))
		}
		was = s.at
	}
}

func (t *outcomes) line(name string) Line {
	line := t.Line
	line.Name, line.Told, line.Source, line.OpenSince = name, t.told.took(), t.source.took(), t.open.took()
	line.Stages = map[string]Took{}
	for stage, s := range t.stages {
		line.Stages[stage] = s.took()
	}
	return line
}

// join adds what others come to.
func (t *outcomes) join(o *outcomes) {
	t.Windows, t.Left, t.UnknownSource = t.Windows+o.Windows, t.Left+o.Left, t.UnknownSource+o.UnknownSource
	for _, b := range []Basis{ReadBack, Acknowledged, Moot, StillOpen} {
		*t.on(b) += *o.on(b)
	}
	for _, b := range []Objective{NoObjective, Met, Unverified, MissedIt, Awaited, Void} {
		*t.became(b) += *o.became(b)
	}
	t.told.join(o.told)
	t.source.join(o.source)
	t.open.join(o.open)
	for name, s := range o.stages {
		t.stageOf(name).join(*s)
	}
}

// stageOf is how long one stage took.
func (t *outcomes) stageOf(name string) *spread {
	if t.stages == nil {
		t.stages = map[string]*spread{}
	}
	if t.stages[name] == nil {
		t.stages[name] = &spread{}
	}
	return t.stages[name]
}
