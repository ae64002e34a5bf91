package store

import "iter"

// LogAboutBetween is LogAbout from a number on, and before another. It reads no other
// entries, and looks through no tail that is beyond them.
func LogAboutBetween(r Reader, subject string, from, to int64) iter.Seq2[Entry, error] {
	t := r.transaction()
	return func(yield func(Entry, error) bool) {
		indexed, err := t.indexed()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		prefix := makeKey(subject)
		for row, err := range t.rows(tableAbout, append(makeKey(subject), seqKey(max(0, from))...), append(makeKey(subject), seqKey(max(0, to))...)) {
			var e Entry
			if err == nil {
				e, err = t.entry(row.Key[len(prefix):])
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		if indexed >= to {
			return
		}
		for e, err := range t.tailAbout(subject, max(indexed, from), seqKey(to)) {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
