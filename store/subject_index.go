package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"drawbridge/audit"
	"drawbridge/schema/jsonscan"
)

// An index knows whom each entry of the log is about. It is written some time after
// the log, many entries at once and in the order of its keys: of a thousand members
// who leave a group each has a place of its own in it, and to look those up was half
// of what the whole change cost. The entries that it does not know yet, the log's
// tail, are looked through.
const (
	tableAbout  = "log/about"   // subject, sequence number; of each whom it is also about, too
	metaIndexed = "log.indexed" // how many entries are in it

	longTail    = 1024 // entries; one that is as long is indexed
	looksAtTail = 256  // entries; after as many, one looks how long it is
)

// LogAbout walks the entries that are about a subject, also those about others
// too, oldest first.
func LogAbout(r Reader, subject string) iter.Seq2[Entry, error] {
	t := r.transaction()
	return func(yield func(Entry, error) bool) {
		indexed, err := t.indexed()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		from := makeKey(subject)
		for row, err := range t.rows(tableAbout, from, after(from)) {
			var e Entry
			if err == nil {
				e, err = t.entry(row.Key[len(from):])
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		for e, err := range t.tailAbout(subject, indexed, nil) {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// LogAboutBefore returns up to n entries that are about a subject and whose number
// is less, newest first. It walks the subject's numbers, and decodes none but those
// it returns and those of the tail.
func LogAboutBefore(r Reader, subject string, before int64, n int) ([]Entry, error) {
	t := r.transaction()
	indexed, err := t.indexed()
	if err != nil {
		return nil, err
	}
	end := seqKey(max(0, before))
	newest := ring{most: n}
	from := makeKey(subject)
	for row, err := range t.rows(tableAbout, from, append(slices.Clip(from), end...)) {
		if err != nil {
			return nil, err
		}
		newest.add(bytes.Clone(row.Key[len(from):]))
	}
	for e, err := range t.tailAbout(subject, indexed, end) {
		if err != nil {
			return nil, err
		}
		newest.add(seqKey(e.Seq))
	}
	entries := make([]Entry, 0, len(newest.numbers))
	for number := range newest.backward() {
		e, err := t.entry(number)
		if err != nil {
			return nil, fmt.Errorf("log about %s: %w", subject, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// A ring keeps the last few numbers of entries.
type ring struct {
	most, seen int
	numbers    [][]byte
}

func (r *ring) add(number []byte) {
	if r.seen < r.most {
		r.numbers = append(r.numbers, number)
	} else if r.most > 0 {
		r.numbers[r.seen%r.most] = number
	}
	r.seen++
}

func (r *ring) backward() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range len(r.numbers) {
			if !yield(r.numbers[(r.seen-1-i)%r.most]) {
				return
			}
		}
	}
}

// indexed returns how many entries the index knows.
func (t *transaction) indexed() (int64, error) { return metaNumber(t.txn, metaIndexed) }

// tailAbout walks the entries about a subject that the index does not know. Those in
// which its name does not occur, as it is written there, are not decoded.
func (t *transaction) tailAbout(subject string, indexed int64, end []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		name, err := json.Marshal(subject)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for row, err := range t.rows(tableLog, seqKey(indexed), end) {
			if err == nil && !bytes.Contains(row.Value, name) {
				continue
			}
			var e Entry
			if err == nil {
				e, err = readEntry(row)
			}
			if err == nil && e.Decision.Subject != subject && !slices.Contains(e.Decision.Also, subject) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// aboutIndex is that index.
var aboutIndex = logIndex{
	table: tableAbout, meta: metaIndexed,
	upTo: func(t *transaction) (int64, error) { return logSize(t.txn) },
	keys: addSubjects,
}

// addSubjects adds a key for each whom a leaf is about, and decodes nothing else of it.
func addSubjects(n *turn, leaf, number []byte) error {
	o, before := jsonscan.Of(leaf), len(n.keys)
	for name := range o.Members() {
		switch string(name) {
		case "subject":
			n.add(number, o.Bytes())
		case "also":
			for range o.Elements() {
				n.add(number, o.Bytes())
			}
		default:
			o.Skip()
		}
	}
	if o.Whole() {
		return nil
	}
	n.keys = n.keys[:before]
	d, err := audit.Decode(leaf)
	for _, subject := range append(d.Also, d.Subject) {
		n.add(number, []byte(subject))
	}
	return err
}

// indexLog has the log's tail indexed, now that it is long. Everyone else's Updates go
// first.
func (s *Store) indexLog() {
	if !s.indexing.CompareAndSwap(false, true) {
		return
	}
	s.chores.Go(func() {
		ctx := Background(s.life)
		for again := true; again; {
			err := s.indexOnce(ctx)
			s.indexing.Store(false)
			if ctx.Err() != nil {
				return
			}
			if err == nil { // who recorded something just now left it to this
				again, err = s.mattersBehind(ctx)
				again = again && s.indexing.CompareAndSwap(false, true)
			}
			if err != nil {
				s.log.ErrorContext(ctx, "what decisions are about can not be indexed", "error", err)
				return
			}
		}
	})
}

// indexOnce brings both indexes to where the log was a moment ago.
func (s *Store) indexOnce(ctx context.Context) error {
	if err := s.indexBy(ctx, &aboutIndex); err != nil {
		return err
	}
	return s.indexBy(ctx, &mattersIndex)
}

// indexedSoFar leads to a layout in which the index may be behind the log: it is not.
func indexedSoFar(t *transaction) error {
	size, err := logSize(t.txn)
	if err != nil {
		return err
	}
	return t.put(tableMeta, []byte(metaIndexed), seqKey(size))
}

// IndexLog brings what is known of the log by index to its end.
func (s *Store) IndexLog(ctx context.Context) error { return s.indexOnce(Background(ctx)) }
