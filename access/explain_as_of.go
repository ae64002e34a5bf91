package access

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What was so at a time is told from the log, in which nothing is ever changed: also of
// who is gone since, and of entitlements that no catalogue has any more.

// A PastLine is a line of desired state as it was at a time.
type PastLine struct {
	schema.Assignment
	UserName string    `json:"userName,omitempty"`
	Seq      int64     `json:"seq"`             // of the decision that made it so
	Decision string    `json:"decision"`        // likewise, its id
	Reason   string    `json:"reason"`          // why it began, or became as it is
	Agreed   time.Time `json:"agreed,omitzero"` // when its target agreed to it; zero if it had not by then
}

// A past gathers what decisions come to, one after the other.
type past struct {
	at    time.Time
	lines map[string]PastLine // by connector/entitlement
}

// hear takes one decision about an identity; those after the time are passed over.
func (p *past) hear(e store.Entry) {
	d := e.Decision
	if d.Time.After(p.at) {
		return
	}
	switch d.Verb { //nolint:exhaustive // the others change no line
	case schema.Assigned:
		connector, entitlement, _ := strings.Cut(d.Object, "/")
		line := PastLine{
			Assignment: schema.Assignment{Identity: d.Subject, Connector: connector, Entitlement: entitlement, Because: d.Because, Mode: d.Mode, Since: d.Time},
			Seq:        e.Seq, Decision: d.ID, Reason: d.Reason,
		}
		if was, held := p.lines[d.Object]; held { // in another mode, or for other reasons
			line.Since = was.Since
			if was.Mode == line.Mode {
				line.Agreed = was.Agreed
			}
		}
		p.lines[d.Object] = line
	case schema.Unassigned:
		delete(p.lines, d.Object)
	case schema.Provisioned, schema.Verified:
		for ref, line := range p.lines {
			if line.Agreed.IsZero() && slices.Contains(d.Because, line.Decision) {
				line.Agreed = d.Time
				p.lines[ref] = line
			}
		}
	}
}

// HeldAt returns the lines of an identity, by its id, as they were at a time, by
// connector and entitlement.
func HeldAt(r store.Reader, identity string, at time.Time) ([]PastLine, error) {
	if err := remembered(r, at); err != nil {
		return nil, err
	}
	p := past{at: at, lines: map[string]PastLine{}}
	for e, err := range store.LogAbout(r, identity) {
		if err != nil {
			return nil, err
		}
		p.hear(e)
	}
	lines := make([]PastLine, 0, len(p.lines))
	for _, line := range p.lines {
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b PastLine) int { return cmp.Compare(a.Ref(), b.Ref()) })
	return lines, nil
}

// HoldersAt walks who had an entitlement (connector/id) at a time, by identity, from
// behind one on. It reads what was decided about that entitlement, and of nobody else.
func HoldersAt(r store.Reader, ref string, at time.Time, behind string) iter.Seq2[PastLine, error] {
	return func(yield func(PastLine, error) bool) {
		if err := remembered(r, at); err != nil {
			yield(PastLine{}, err)
			return
		}
		for trace, err := range store.LogTraces(r, ref, behind) {
			line, held, err := lineAt(r, trace, err, ref, at)
			if err == nil && !held {
				continue
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// lineAt returns the line that a trace of decisions comes to at a time.
func lineAt(r store.Reader, trace store.Trace, err error, ref string, at time.Time) (line PastLine, held bool, _ error) {
	p := past{at: at, lines: map[string]PastLine{}}
	for i := 0; err == nil && i < len(trace.Numbers); i++ {
		var e store.Entry
		if e, err = store.EntryAt(r, trace.Numbers[i]); err == nil {
			p.hear(e)
		}
	}
	line, held = p.lines[ref]
	return line, held, err
}

// NameAt returns what somebody was called last, who may be gone; their id where nobody
// knows.
func NameAt(r store.Reader, identity string) (string, error) {
	id, err := store.Identities.Get(r, identity)
	if errors.Is(err, schema.ErrNotFound) || err == nil && id.UserName == "" {
		return identity, nil
	}
	return id.UserName, err
}

// ExplainAt answers why an identity had, or did not have, an entitlement at a time: from
// the decisions until then. What confers what is as the catalogue has it now.
func ExplainAt(r store.Reader, book *policy.Book, identity, ref string, at time.Time) (Explanation, error) {
	id, err := FindIdentity(r, identity)
	if err != nil {
		return Explanation{}, err
	}
	connector, _, ok := strings.Cut(ref, "/")
	if !ok {
		return Explanation{}, fmt.Errorf("%q: an entitlement is named connector/entitlement: %w", ref, schema.ErrInvalid)
	}
	e := Explanation{Identity: id.ID, UserName: id.UserName, Entitlement: ref, At: at, Roles: []RoleStanding{}, Decisions: []Reason{}, until: at}
	if err := remembered(r, at); err != nil {
		return e, err
	}
	if err := e.history(r, connector); err != nil {
		return e, err
	}
	for _, d := range e.Decisions {
		e.Policy = d.Policy
	}
	line, held, err := e.lineAt(r, book)
	if err != nil {
		return e, err
	}
	if held {
		e.Line = &line.Assignment
	}
	e.Standing = e.stood(line, held)
	e.Answer = e.past(line)
	return e, nil
}

// lineAt finds the line that the entitlement was held by, or one that confers it.
func (e *Explanation) lineAt(r store.Reader, book *policy.Book) (line PastLine, held bool, err error) {
	lines, err := HeldAt(r, e.Identity, e.At)
	if err != nil {
		return line, false, err
	}
	for _, l := range lines {
		switch {
		case l.Ref() == e.Entitlement:
			e.Through = ""
			return l, true, nil
		case !held && book.Confers(l.Ref(), e.Entitlement):
			line, held, e.Through = l, true, l.Ref()
		}
	}
	return line, held, nil
}

// stood sums up how it stood.
func (e *Explanation) stood(line PastLine, held bool) Standing {
	switch i := e.end(); {
	case held && line.Mode != schema.Enforce && line.Agreed.IsZero():
		return Watched
	case held && line.Agreed.IsZero():
		return Due
	case held:
		return Holds
	case i < 0:
		return Never
	case !e.had():
		return Missed
	case !slices.ContainsFunc(e.Decisions[i:], func(d Reason) bool { return slices.Contains(d.Because, e.Decisions[i].ID) }):
		return Ending
	}
	return Lost
}

// past says it in one sentence.
func (e *Explanation) past(line PastLine) string {
	who, what, then := e.UserName, e.Entitlement, "On "+day(e.At)+" "
	switch e.Standing {
	case Holds:
		return then + fmt.Sprintf("%s had %s%s since %s (%s); its target agreed on %s.", who, what, e.through(), day(line.Since), line.Reason, day(line.Agreed))
	case Due:
		return then + fmt.Sprintf("%s was to have %s since %s (%s), and its target had yet to agree.", who, what, day(line.Since), line.Reason)
	case Watched:
		return then + fmt.Sprintf("%s would have had %s since %s (%s), but its mode was %s, so nothing was written.", who, what, day(line.Since), line.Reason, line.Mode)
	case Ending:
		return then + fmt.Sprintf("%s was losing %s: it ended %s, and its target had yet to agree.", who, what, e.ended())
	case Lost:
		return then + fmt.Sprintf("%s had lost %s: it ended %s%s.", who, what, e.ended(), e.told())
	case Missed:
		return then + fmt.Sprintf("%s did not have %s: it was to, and that ended %s.", who, what, e.ended())
	case Unmanaged, Never:
	}
	return then + fmt.Sprintf("%s did not have %s: nobody had decided that they should.", who, what)
}

// remembered returns nil where the log reaches back to a time, so that it can tell.
func remembered(r store.Reader, at time.Time) error {
	if at.After(r.Now()) {
		return fmt.Errorf("%s is yet to come: %w", day(at), schema.ErrInvalid)
	}
	h, err := store.LogHorizon(r)
	if err == nil && at.Before(h.Time) {
		err = fmt.Errorf("how things were on %s can not be told: the log goes back to %s: %w", day(at), day(h.Time), schema.ErrPruned)
	}
	return err
}
