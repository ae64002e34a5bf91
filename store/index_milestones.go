package store

import (
	"bytes"
	"fmt"
)

// Milestones stand along an index whose entries are skipped by the thousand, some
// hundreds of them apart. Each says how many entries there are since the one
// before it, so that to find the n-th, milestones are read and not entries. Behind
// all entries of one first part of the index's values stands the last of its
// milestones.
//
// They are kept where one process writes. Where several do, strangers would meet
// in them, and the entries are walked.
const (
	farthest = 512 // entries between two
	closest  = 64  // the same, but before the last
)

func milestonesOf(index string) string { return index + "/milestones" }

// A milestone counts the entries after a key, from, up to its own and at it.
type milestone struct {
	at, from []byte
	n        int64
	stored   []byte // what its row holds; nil if there is none
}

func readMilestone(table string, row Row) (m milestone, err error) {
	if len(row.Value) < 8 {
		return m, broken(table, row.Key)
	}
	m.n, _ = keySeq(row.Value[:8])
	m.at, m.from, m.stored = bytes.Clone(row.Key), bytes.Clone(row.Value[8:]), bytes.Clone(row.Value)
	return m, nil
}

// keepsMilestones reports whether they are kept on this engine.
func (t *transaction) keepsMilestones() bool { return t.store.engine.Writers() <= 1 }

// mark counts an entry that came to an index or went from it.
func (t *transaction) mark(index, first string, entry []byte, n int64) error {
	if !t.keepsMilestones() {
		return nil
	}
	prefix := makeKey(first)
	last := after(prefix)
	m, ok, err := t.milestone(index, entry, last)
	if err != nil {
		return err
	}
	if !ok {
		m = milestone{at: last, from: prefix}
	}
	m.n += n
	if m.n < closest && !bytes.Equal(m.at, last) {
		if m, err = t.merged(index, m, last); err != nil {
			return err
		}
	}
	if m.n > farthest {
		return t.split(index, m)
	}
	return t.putMilestone(index, m)
}

// milestone returns the first at a key or after it, but not after the last.
func (t *transaction) milestone(index string, key, last []byte) (m milestone, ok bool, err error) {
	table := milestonesOf(index)
	for row, err := range t.txn.Scan(table, key, append(bytes.Clone(last), 0)) {
		if err != nil {
			return m, false, err
		}
		m, err = readMilestone(table, row)
		return m, err == nil, err
	}
	return m, false, nil
}

// merged takes a milestone away, and returns the next, which counts its entries.
func (t *transaction) merged(index string, m milestone, last []byte) (milestone, error) {
	next, ok, err := t.milestone(index, append(bytes.Clone(m.at), 0), last)
	if err == nil && !ok {
		err = broken(milestonesOf(index), m.at)
	}
	if err != nil {
		return m, err
	}
	next.from, next.n = m.from, next.n+m.n
	return next, t.remove(milestonesOf(index), m.at, m.stored)
}

// split puts another milestone half way to one that has become too far.
func (t *transaction) split(index string, m milestone) error {
	half := milestone{from: m.from}
	for row, err := range t.txn.Scan(index, m.begin(), m.at) {
		if err != nil {
			return err
		}
		if half.n++; half.n == m.n/2 {
			half.at = bytes.Clone(row.Key)
			break
		}
	}
	if half.at == nil {
		return fmt.Errorf("%w (%d entries, and not %d)", broken(milestonesOf(index), m.at), half.n, m.n)
	}
	m.from, m.n = half.at, m.n-half.n
	if err := t.putMilestone(index, half); err != nil {
		return err
	}
	return t.putMilestone(index, m)
}

// begin is the key that a walk over its entries begins at.
func (m milestone) begin() []byte { return append(bytes.Clone(m.from), 0) }

func (t *transaction) putMilestone(index string, m milestone) error {
	return t.replace(milestonesOf(index), m.at, m.stored, append(seqKey(m.n), m.from...))
}

// toward returns where a walk begins that is to pass over the first n entries of a
// first part, and how many of those it still has to pass over.
func (t *transaction) toward(index, first string, n int) (begin []byte, rest int, err error) {
	prefix := makeKey(first)
	begin, rest = prefix, n
	table := milestonesOf(index)
	for row, err := range t.txn.Scan(table, prefix, append(after(prefix), 0)) {
		if err != nil {
			return nil, 0, err
		}
		m, err := readMilestone(table, row)
		if err != nil {
			return nil, 0, err
		}
		if begin = m.begin(); m.n > int64(rest) {
			return begin, rest, nil
		}
		if rest -= int(m.n); rest == 0 || bytes.Equal(m.at, after(prefix)) {
			return append(m.at, 0), rest, nil
		}
	}
	return begin, rest, nil
}

// setMilestones puts milestones along an index that has none.
func (t *transaction) setMilestones(index string) error {
	if !t.keepsMilestones() {
		return nil
	}
	var m milestone
	var prefix []byte
	for row, err := range t.rows(index, nil, nil) {
		if err != nil {
			return err
		}
		if prefix == nil || !bytes.HasPrefix(row.Key, prefix) {
			if err := t.setLast(index, m, prefix); err != nil {
				return err
			}
			parts, ok := splitKey(row.Key)
			if !ok {
				return broken(index, row.Key)
			}
			prefix = makeKey(parts[0])
			m = milestone{from: prefix}
		}
		if m.n++; m.n == farthest/2 {
			m.at = bytes.Clone(row.Key)
			if err := t.putMilestone(index, m); err != nil {
				return err
			}
			m = milestone{from: m.at}
		}
	}
	return t.setLast(index, m, prefix)
}

func (t *transaction) setLast(index string, m milestone, prefix []byte) error {
	if prefix == nil {
		return nil
	}
	m.at = after(prefix)
	return t.putMilestone(index, m)
}
