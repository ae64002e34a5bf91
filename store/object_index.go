package store

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/schema/jsonscan"
)

// A second index of the log answers what is asked of it beside whom entries are about:
// what they are about (an entitlement, a role), and which people decided. It is written
// later too, behind the first, and what it does not know yet is looked through.
const (
	tableMatters    = "log/matters"     // "object", object, subject, sequence number; "by", who, sequence number
	metaMattersSeen = "log.mattersSeen" // how many entries are in it

	matterObject = "object"
	matterBy     = "by"
)

// mattersOf returns the keys under which a decision is found, but for its number.
func mattersOf(d schema.Decision) (keys [][]byte) {
	if indexesObject(d.Object) {
		keys = append(keys, makeKey(matterObject, d.Object, d.Subject))
	}
	for _, who := range Deciders(d) {
		keys = append(keys, makeKey(matterBy, who))
	}
	return keys
}

// indexesObject reports whether decisions are found by their object: an entitlement, a
// role, a trigger, a constraint; but not by a connector alone, or a group.
func indexesObject(object string) bool { return strings.Contains(object, "/") && hasLatest(object) }

// Deciders returns who decided, where that were people, as the log names them: the
// actor, and the identity behind it.
func Deciders(d schema.Decision) (who []string) {
	kind, _, _ := strings.Cut(d.Actor, "/")
	if kind == "token" || kind == "local" || kind == "identity" {
		who = append(who, d.Actor)
		for _, ref := range d.Because {
			if strings.HasPrefix(ref, "identity/") && ref != d.Actor {
				who = append(who, ref)
			}
		}
	}
	return who
}

// mattersIndex is that index, as far as the first has come.
var mattersIndex = logIndex{
	table: tableMatters, meta: metaMattersSeen,
	upTo: (*transaction).indexed,
	keys: func(n *turn, leaf, number []byte) error {
		d, err := readMatters(leaf)
		for _, key := range mattersOf(d) {
			n.keys = append(n.keys, append(key, number...))
		}
		return err
	},
}

// readMatters decodes what mattersOf looks at.
func readMatters(leaf []byte) (d schema.Decision, err error) {
	o := jsonscan.Of(leaf)
	for name := range o.Members() {
		switch string(name) {
		case "actor":
			d.Actor = o.Text()
		case "subject":
			d.Subject = o.Text()
		case "object":
			d.Object = o.Text()
		case "because":
			d.Because = o.Texts()
		default:
			o.Skip()
		}
	}
	if o.Whole() {
		return d, nil
	}
	return audit.Decode(leaf)
}

// unindexed walks the entries that the second index does not know, which mention a text.
func (t *transaction) unindexed(mention string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		seen, err := metaNumber(t.txn, metaMattersSeen)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		written, err := json.Marshal(mention)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for row, err := range t.rows(tableLog, seqKey(seen), nil) {
			if err == nil && !bytes.Contains(row.Value, written) {
				continue
			}
			var e Entry
			if err == nil {
				e, err = readEntry(row)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// A Trace is the numbers of the entries that are about a subject and an object, oldest
// first.
type Trace struct {
	Subject string
	Numbers []int64
}

// LogTraces walks whoever entries about an object (connector/entitlement, role/NAME) are
// about, by subject, from behind one on. The entries are not read.
func LogTraces(r Reader, object, behind string) iter.Seq2[Trace, error] {
	t := r.transaction()
	return func(yield func(Trace, error) bool) {
		tail, err := t.tailTraces(object, behind)
		if err != nil {
			yield(Trace{}, err)
			return
		}
		var trace Trace
		give := func(next string) bool { // what is before next is whole
			for len(tail) > 0 && (next == "" || tail[0].Subject < next) {
				if tail[0].Subject == trace.Subject {
					trace.Numbers = append(trace.Numbers, tail[0].Numbers...)
				} else {
					if trace.Subject != "" && !yield(trace, nil) {
						return false
					}
					trace = tail[0]
				}
				tail = tail[1:]
			}
			if trace.Subject == "" || trace.Subject == next {
				return true
			}
			done := trace
			trace = Trace{}
			return yield(done, nil)
		}
		prefix := makeKey(matterObject, object)
		from := prefix
		if behind != "" {
			from = after(makeKey(matterObject, object, behind))
		}
		for row, err := range t.rows(tableMatters, from, after(prefix)) {
			if err != nil {
				yield(Trace{}, err)
				return
			}
			parts, ok := splitKey(row.Key[:max(0, len(row.Key)-8)])
			if !ok || len(parts) != 3 {
				yield(Trace{}, broken(tableMatters, row.Key))
				return
			}
			number, _ := keySeq(row.Key[len(row.Key)-8:])
			if parts[2] != trace.Subject {
				if !give(parts[2]) {
					return
				}
				trace = Trace{Subject: parts[2]}
			}
			trace.Numbers = append(trace.Numbers, number)
		}
		give("")
	}
}

// tailTraces are the traces of what is not indexed yet, by subject.
func (t *transaction) tailTraces(object, behind string) (tail []Trace, err error) {
	at := map[string]int{}
	for e, err := range t.unindexed(object) {
		if err != nil {
			return nil, err
		}
		d := e.Decision
		if d.Object != object || d.Subject <= behind {
			continue
		}
		i, ok := at[d.Subject]
		if !ok {
			i = len(tail)
			at[d.Subject] = i
			tail = append(tail, Trace{Subject: d.Subject})
		}
		tail[i].Numbers = append(tail[i].Numbers, e.Seq)
	}
	slices.SortFunc(tail, func(a, b Trace) int { return strings.Compare(a.Subject, b.Subject) })
	return tail, nil
}

// LogBy returns up to n entries that somebody decided (token/NAME, local/NAME,
// identity/ID) and whose number is less, newest first.
func LogBy(r Reader, who string, before int64, n int) ([]Entry, error) {
	t := r.transaction()
	newest := ring{most: n}
	from := makeKey(matterBy, who)
	for row, err := range t.rows(tableMatters, from, append(slices.Clip(from), seqKey(max(0, before))...)) {
		if err != nil {
			return nil, err
		}
		newest.add(bytes.Clone(row.Key[len(from):]))
	}
	for e, err := range t.unindexed(who) {
		if err != nil {
			return nil, err
		}
		if e.Seq < before && slices.Contains(Deciders(e.Decision), who) {
			newest.add(seqKey(e.Seq))
		}
	}
	return t.read(newest)
}

// read returns the entries of a ring, newest first.
func (t *transaction) read(newest ring) ([]Entry, error) {
	entries := make([]Entry, 0, len(newest.numbers))
	for number := range newest.backward() {
		e, err := t.entry(number)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// LogBehind reports whether the log is longer than what is known of it by index, by more
// than is looked through quickly.
func LogBehind(r Reader) (bool, error) {
	size, err := LogSize(r)
	if err != nil {
		return false, err
	}
	seen, err := metaNumber(r.transaction().txn, metaMattersSeen)
	return size-seen >= 2*longTail, err
}

// mattersBehind is LogBehind, of a store that was just opened.
func (s *Store) mattersBehind(ctx context.Context) (behind bool, err error) {
	err = s.View(ctx, func(r Reader) error {
		behind, err = LogBehind(r)
		return err
	})
	return behind, err
}
