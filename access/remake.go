package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/audit"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A decision that is in the log is made again from what it was made from: the policy of
// then, and its basis. Rules that are pure come to the same. (Not to be confused with
// Replay, which tells a target again.)

// A Sameness says whether a decision, made again, comes to the same.
type Sameness string

// The samenesses.
const (
	Same    Sameness = "same"
	Differs Sameness = "differs"
	Unasked Sameness = "unasked" // rules did not make it: it tells of what happened, or of what a person chose to do
	Unknown Sameness = "unknown" // what it takes is not there any more, or never was
)

// An Again is what came of making one decision again.
type Again struct {
	Seq     int64       `json:"seq"`
	ID      string      `json:"id"`
	Time    time.Time   `json:"time"`
	Verb    schema.Verb `json:"verb"`
	Subject string      `json:"subject"`
	Object  string      `json:"object,omitempty"`

	Sameness Sameness `json:"sameness"`
	Why      string   `json:"why,omitempty"` // what differs, or why it was not made again
}

// A Remaker makes decisions again. It keeps the books of the policies that it needed last;
// it is for one goroutine.
type Remaker struct {
	reader store.Reader
	books  map[string]*policy.Book
	loaded []string // digests of those that it read itself, the oldest first
	last   struct { // what the look before was made from
		first string
		basis basis
		why   string
	}
}

// NewRemaker returns one that knows some policies already.
func NewRemaker(known ...*policy.Book) *Remaker {
	m := &Remaker{books: map[string]*policy.Book{}}
	for _, book := range known {
		m.books[book.Digest()] = book
	}
	return m
}

// Again makes one decision again. It errs where the store does: that a decision can not
// be made again is an answer.
func (m *Remaker) Again(r store.Reader, e store.Entry) (Again, error) {
	d := e.Decision
	m.reader = r
	a := Again{Seq: e.Seq, ID: d.ID, Time: d.Time, Verb: d.Verb, Subject: d.Subject, Object: d.Object}
	if d.Inputs == "" {
		var err error
		if a.Sameness, a.Why, err = m.recorded(e); err == nil && a.Sameness == "" {
			a.Sameness, a.Why = Unasked, unasked(d)
		}
		return a, err
	}
	b, why, err := m.basis(e)
	if err != nil {
		return a, err
	}
	var book *policy.Book
	if why == "" {
		if book, err = m.book(d.Policy); err != nil {
			return a, err
		}
		if book == nil {
			why = noPolicy(d)
		}
	}
	if why != "" {
		a.Sameness, a.Why = Unknown, why
		return a, nil
	}
	l := b.look(book, d.Subject)
	if a.Sameness, a.Why = match(d, l.outcomes()); a.Why == nothingAbout {
		a.Why += l.verdicts(d)
	}
	return a, nil
}

// All makes the decisions again from a number on, and before another.
func (m *Remaker) All(r store.Reader, from, end int64, each func(Again) error) error {
	for e, err := range store.Log(r, from) {
		if err != nil {
			return err
		}
		if e.Seq >= end {
			return nil
		}
		a, err := m.Again(r, e)
		if err != nil {
			return err
		}
		if err := each(a); err != nil {
			return err
		}
	}
	return nil
}

// basis reads what a decision was made from, or says why it can not be had. What stands
// beside the log is what it was when it was hashed, or it is nothing.
func (m *Remaker) basis(e store.Entry) (b basis, why string, err error) {
	if l := m.last; l.first == e.Decision.Inputs {
		return l.basis, l.why, nil
	}
	if b, why, err = m.readBasis(e); err == nil {
		m.last.first, m.last.basis, m.last.why = e.Decision.Inputs, b, why
	}
	return b, why, err
}

func (m *Remaker) readBasis(e store.Entry) (b basis, why string, err error) {
	d := e.Decision
	h, err := store.LogHorizon(m.reader)
	if err != nil {
		return b, "", err
	}
	first, err := m.first(e)
	if errors.Is(err, audit.ErrTampered) && e.Seq < h.Before {
		return b, "what it was made from was pruned", nil
	}
	if err != nil {
		return b, "", err
	}
	raw, err := store.HashedDetail(m.reader, first)
	switch {
	case schema.IsNotFound(err) && e.Seq < h.Plain:
		return b, "what it was made from was pruned, or forgotten", nil
	case schema.IsNotFound(err):
		return b, "what it was made from was forgotten", nil
	case errors.Is(err, audit.ErrTampered):
		return b, "what it was made from is not what was hashed: it was changed since", nil
	case err != nil:
		return b, "", err
	}
	var kept struct {
		Inputs *basis `json:"inputs"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return b, "", fmt.Errorf("decision %s: what it was made from: %w", d.ID, err)
	}
	if kept.Inputs == nil {
		return b, "what it was made from is not kept", nil
	}
	return *kept.Inputs, "", nil
}

// first returns the decision beside which it is kept what an entry was made from: the
// entry's own, or one of the same subject a little before it.
func (m *Remaker) first(e store.Entry) (schema.Decision, error) {
	if e.Decision.Inputs == e.Decision.ID {
		return e.Decision, nil
	}
	const page = 50
	for before := e.Seq; ; {
		entries, err := store.LogAboutBefore(m.reader, e.Decision.Subject, before, page)
		if err != nil {
			return schema.Decision{}, err
		}
		for _, earlier := range entries {
			if before = earlier.Seq; earlier.Decision.ID == e.Decision.Inputs {
				return earlier.Decision, nil
			}
		}
		if len(entries) < page {
			return schema.Decision{}, fmt.Errorf("decision %s names %s, which is not in the log: %w", e.Decision.ID, e.Decision.Inputs, audit.ErrTampered)
		}
	}
}

// book returns the policy of a digest, nil where it can not be had.
func (m *Remaker) book(digest string) (*policy.Book, error) {
	if book, ok := m.books[digest]; ok {
		return book, nil
	}
	book, err := formerBook(m.reader, digest)
	if err != nil {
		return nil, err
	}
	m.books[digest], m.loaded = book, append(m.loaded, digest)
	if len(m.loaded) > mostBooks {
		delete(m.books, m.loaded[0])
		m.loaded = slices.Delete(m.loaded, 0, 1)
	}
	return book, nil
}

// mostBooks is how many policies are kept at once: a log goes through them one after the
// other.
const mostBooks = 4

// A Span is which decisions to make again: one, by its id or its number, or those from a
// number or a time on.
type Span struct {
	ID       string
	From, To int64 // numbers in the log; To is the last, or -1 for all there are
	Since    time.Time
}

// Bounds returns the numbers that a span begins at and ends before.
func (s Span) Bounds(r store.Reader) (from, end int64, err error) {
	if end, err = store.LogSize(r); err != nil {
		return 0, 0, err
	}
	if s.ID != "" {
		e, err := store.FindEntry(r, s.ID)
		return e.Seq, e.Seq + 1, err
	}
	if from = max(0, s.From); s.From == s.To && from >= end {
		return 0, 0, fmt.Errorf("decision %d is not in the log, which has %d: %w", from, end, schema.ErrNotFound)
	}
	if s.To >= 0 {
		end = min(end, s.To+1)
	}
	if !s.Since.IsZero() {
		at, err := store.LogSince(r, s.Since)
		if err != nil {
			return 0, 0, err
		}
		from = max(from, at)
	}
	return from, end, nil
}

// outcomes are the decisions that a look comes to, in no order.
func (l *look) outcomes() (all []schema.Decision) {
	id, digest := l.facts.Identity.ID, l.book.Digest()
	note := func(n notice) { all = append(all, n.decision(id, digest)) }
	for _, end := range l.endings() {
		all = append(all, end.decision(digest))
	}
	for _, n := range l.notices() {
		note(n)
	}
	c := comparison{book: l.book, facts: l.facts, held: l.held, access: l.access, now: l.now, proposals: l.open}
	d := c.difference().restrained(l.stays)
	l.lines = d.lines
	for _, line := range d.begun {
		all = append(all, l.line(schema.Assigned, line))
	}
	for _, k := range d.kept {
		note(keptOf(k))
	}
	for _, line := range d.back {
		note(backOf(line, l.stays[line.Ref()]))
	}
	for _, line := range d.ended {
		if slices.Contains(l.lasts, line.Ref()) {
			l.lines = append(l.lines, line)
			note(lastOf(line))
			continue
		}
		all = append(all, l.line(schema.Unassigned, line))
	}
	for _, p := range l.withdrawn(l.called(d)) {
		if p.State == schema.ProposalOpen {
			all = append(all, l.withdrawal(p))
		}
	}
	return all
}

// restrained keeps the lines that a brake kept, or kept back.
func (d difference) restrained(stays map[string]string) difference {
	for _, ref := range slices.Sorted(maps.Keys(stays)) {
		is := func(line schema.Assignment) bool { return line.Ref() == ref }
		if i := slices.IndexFunc(d.begun, is); i >= 0 {
			d.back = append(d.back, d.begun[i])
			d.begun, d.lines = slices.Delete(d.begun, i, i+1), slices.DeleteFunc(d.lines, is)
			continue
		}
		i := slices.IndexFunc(d.ended, is)
		if i < 0 {
			continue
		}
		line := d.ended[i]
		d.ended = slices.Delete(d.ended, i, i+1)
		d.lines = append(d.lines, line)
		d.kept = append(d.kept, keptLine{line: line, why: stays[ref], braked: true})
	}
	return d
}

// match looks for a decision among those that were made now.
func match(d schema.Decision, outcomes []schema.Decision) (Sameness, string) {
	var about []string
	for _, o := range outcomes {
		if o.Object != d.Object {
			continue
		}
		if o.Verb != d.Verb {
			about = append(about, fmt.Sprintf("%s (%s)", o.Verb, o.Reason))
			continue
		}
		switch {
		case o.Reason != d.Reason:
			about = append(about, fmt.Sprintf("%s, because %s", o.Verb, o.Reason))
		case !slices.Equal(o.Because, d.Because):
			about = append(about, fmt.Sprintf("%s, by %s", o.Verb, strings.Join(o.Because, ", ")))
		case o.Mode != d.Mode:
			about = append(about, fmt.Sprintf("%s, in mode %s", o.Verb, o.Mode))
		case o.Actor != d.Actor:
			about = append(about, fmt.Sprintf("%s, by %s", o.Verb, o.Actor))
		default:
			return Same, ""
		}
	}
	if len(about) == 0 {
		return Differs, nothingAbout
	}
	return Differs, "the rules come to: " + strings.Join(about, "; ")
}

const nothingAbout = "the rules decide nothing about it"

// verdicts says what the rules say of the roles that a decision names.
func (l *look) verdicts(d schema.Decision) (words string) {
	for _, ref := range append(slices.Clone(d.Because), d.Object) {
		role, isRole := strings.CutPrefix(ref, "role/")
		if v, known := l.verdict(role); isRole && known {
			words += fmt.Sprintf("; role %s is %s (%s)", role, v.Outcome, v.Reason)
		}
	}
	return words
}
