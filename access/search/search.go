// Package search finds decisions in the log: by who decided, about whom, what, when and
// in which words.
package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// A Query says which decisions are looked for: those that all of what it says is true
// of. What it leaves out does not matter.
type Query struct {
	Subject     string        // an identity's id, or kind/NAME
	By          string        // who decided, as the log names them: token/NAME, identity/ID, source/NAME, bridge, ...
	Verbs       []schema.Verb // any of them
	Role        string        // it is about it, or because of it
	Entitlement string        // connector/id
	Connector   string        // it, or what it has
	Request     string        // id of a request that it belongs to
	Ticket      string        // that a grant was made on, or an exception
	Text        string        // in its reason, or in people's own words, in any case
	Since       time.Time
	Until       time.Time

	Words bool // people's own words may be looked at
}

// mostSearched is how many entries one page of a search looks at.
const mostSearched = 5_000

// Check refuses what nobody may look for.
func (q Query) Check() error {
	if q.Ticket != "" && !q.Words {
		return fmt.Errorf("tickets are in what people said, which is for auditors: %w", schema.ErrForbidden)
	}
	return nil
}

// Page returns up to n decisions, newest first, whose number is less than before, or the
// newest if that is negative; and the number to go on before, or -1 if there are no more.
// A page may be short, or empty, and not be the last.
func (q Query) Page(r store.Reader, before int64, n int) (found []store.Entry, next int64, err error) {
	if err := q.Check(); err != nil {
		return nil, -1, err
	}
	first, end, err := q.bounds(r)
	if err != nil {
		return nil, -1, err
	}
	if before < 0 || before > end {
		before = end
	}
	looked := 0
	for e, err := range q.candidates(r, before) {
		if err != nil {
			return nil, -1, err
		}
		if e.Seq < first {
			return found, -1, nil
		}
		if len(found) == n || looked == mostSearched {
			return found, before, nil
		}
		looked, before = looked+1, e.Seq
		is, err := q.is(r, e)
		if err != nil {
			return nil, -1, err
		}
		if is {
			found = append(found, e)
		}
	}
	return found, -1, nil
}

// bounds returns the numbers between which the times lie.
func (q Query) bounds(r store.Reader) (first, end int64, err error) {
	if end, err = store.LogSize(r); err != nil {
		return 0, 0, err
	}
	if !q.Since.IsZero() {
		if first, err = store.LogSince(r, q.Since); err != nil {
			return 0, 0, err
		}
	}
	if !q.Until.IsZero() {
		const slack = 2 * time.Minute // entries are nearly in the order of their times
		end, err = store.LogSince(r, q.Until.Add(slack))
	}
	return first, end, err
}

// candidates walks the decisions that may be meant, newest first, by the index that
// knows best.
func (q Query) candidates(r store.Reader, before int64) iter.Seq2[store.Entry, error] {
	kind, _, _ := strings.Cut(q.By, "/")
	person := slices.Contains([]string{"token", "local", "identity"}, kind)
	switch {
	case q.Subject != "":
		return pagesOf(before, func(before int64, n int) ([]store.Entry, error) { return store.LogAboutBefore(r, q.Subject, before, n) })
	case person:
		return pagesOf(before, func(before int64, n int) ([]store.Entry, error) { return store.LogBy(r, q.By, before, n) })
	case q.Entitlement != "":
		return traced(r, q.Entitlement, before)
	}
	return pagesOf(before, func(before int64, n int) ([]store.Entry, error) { return store.LogBefore(r, before, n) })
}

// pagesOf walks what is read a part at a time, newest first.
func pagesOf(before int64, read func(before int64, n int) ([]store.Entry, error)) iter.Seq2[store.Entry, error] {
	const part = 500
	return func(yield func(store.Entry, error) bool) {
		for {
			entries, err := read(before, part)
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, e := range entries {
				before = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			if len(entries) < part {
				return
			}
		}
	}
}

// traced walks the decisions about an object, newest first.
func traced(r store.Reader, object string, before int64) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		var numbers []int64
		for trace, err := range store.LogTraces(r, object, "") {
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, n := range trace.Numbers {
				if n < before {
					numbers = append(numbers, n)
				}
			}
		}
		slices.Sort(numbers)
		for _, n := range slices.Backward(numbers) {
			e, err := store.EntryAt(r, n)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// is reports whether a decision is one of those that are looked for.
func (q Query) is(r store.Reader, e store.Entry) (bool, error) {
	d := e.Decision
	about := func(ref string) bool { return d.Object == ref || slices.Contains(d.Because, ref) }
	switch {
	case q.Subject != "" && d.Subject != q.Subject && !slices.Contains(d.Also, q.Subject),
		q.By != "" && d.Actor != q.By && !slices.Contains(store.Deciders(d), q.By),
		len(q.Verbs) > 0 && !slices.Contains(q.Verbs, d.Verb),
		q.Role != "" && !about("role/"+q.Role),
		q.Entitlement != "" && d.Object != q.Entitlement,
		q.Connector != "" && d.Object != q.Connector && !strings.HasPrefix(d.Object, q.Connector+"/") && d.Subject != "connector/"+q.Connector,
		q.Request != "" && !about("role-request/"+q.Request) && !about("request/"+q.Request),
		!q.Since.IsZero() && d.Time.Before(q.Since),
		!q.Until.IsZero() && !d.Time.Before(q.Until):
		return false, nil
	case q.Ticket == "" && q.Text == "":
		return true, nil
	}
	said := strings.Contains(strings.ToLower(d.Reason), strings.ToLower(q.Text))
	if q.Ticket == "" && (said || !q.Words) || d.DetailHash == "" {
		return said && q.Ticket == "", nil
	}
	return q.inWords(r, d, said)
}

// inWords looks into what people said.
func (q Query) inWords(r store.Reader, d schema.Decision, said bool) (bool, error) {
	raw, err := store.Detail(r, d.ID)
	if errors.Is(err, schema.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var kept struct {
		Reason string `json:"reason"`
		Ticket string `json:"ticket"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return false, fmt.Errorf("decision %s: its detail: %w", d.ID, err)
	}
	said = said || strings.Contains(strings.ToLower(kept.Reason), strings.ToLower(q.Text))
	return said && (q.Ticket == "" || strings.EqualFold(kept.Ticket, q.Ticket)), nil
}
