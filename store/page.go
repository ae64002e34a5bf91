package store

import (
	"fmt"
	"iter"
	"slices"
)

// This file is for those who read a long list a page at a time: each walk begins
// behind the last thing of the page before.

// ByFrom walks the records that an index, not a unique one, has under exactly
// this value and that come after the key, in key order. No key is before all.
func (c *Collection[R]) ByFrom(r Reader, x *Index[R], value []string, key ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	to := after(from)
	if len(key) > 0 && key[0] != "" {
		from = append(append(from, makeKey(key...)...), 0)
	}
	return c.follow(r.transaction(), x, from, to)
}

// LeavesFrom is Leaves from a number on.
func LeavesFrom(r Reader, seq int64) iter.Seq2[[]byte, error] {
	return valuesFrom(r, tableLog, max(0, seq))
}

// CheckpointsFrom is Checkpoints, from the first that signs at least so many
// entries.
func CheckpointsFrom(r Reader, size int64) iter.Seq2[[]byte, error] {
	return valuesFrom(r, tableCheckpoints, max(0, size))
}

func valuesFrom(r Reader, table string, n int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for row, err := range r.transaction().rows(table, seqKey(n), nil) {
			if !yield(row.Value, err) || err != nil {
				return
			}
		}
	}
}

// LogAboutBefore returns up to n entries whose Subject it is and whose number is
// less, newest first. It walks the subject's numbers, and decodes none but those
// it returns.
func LogAboutBefore(r Reader, subject string, before int64, n int) ([]Entry, error) {
	t := r.transaction()
	from := makeKey(subject)
	newest := make([][]byte, 0, n) // a ring: the last n so far
	seen := 0
	for row, err := range t.rows(tableAbout, from, append(slices.Clip(from), seqKey(max(0, before))...)) {
		if err != nil {
			return nil, err
		}
		number := append([]byte(nil), row.Key[len(from):]...)
		if seen < n {
			newest = append(newest, number)
		} else {
			newest[seen%n] = number
		}
		seen++
	}
	entries := make([]Entry, 0, len(newest))
	for i := range len(newest) {
		e, err := t.entry(newest[(seen-1-i)%n])
		if err != nil {
			return nil, fmt.Errorf("log about %s: %w", subject, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
