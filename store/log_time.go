package store

import (
	"fmt"
	"sort"
	"time"

	"github.com/google/uuid"

	"drawbridge/schema"
)

// untimely is by how much entries of the log may be out of the order of their times:
// whoever began later may be numbered sooner.
const untimely = time.Minute

// LogSince returns the number from which on all entries are that were decided at a time
// or later. A few from a little before may be among them. It reads as many entries as
// the log's length has digits in base two.
func LogSince(r Reader, at time.Time) (int64, error) {
	size, err := LogSize(r)
	if err != nil {
		return 0, err
	}
	t := r.transaction()
	at = at.Add(-untimely)
	i := sort.Search(int(size), func(i int) bool {
		if err != nil {
			return true
		}
		var e Entry
		var ok bool
		if e, ok, err = t.nextEntry(int64(i)); err != nil || !ok {
			return true
		}
		return !e.Decision.Time.Before(at)
	})
	return int64(i), err
}

// nextEntry returns the first entry from a number on that was not pruned.
func (t *transaction) nextEntry(seq int64) (e Entry, ok bool, err error) {
	for row, err := range t.txn.Scan(tableLog, seqKey(seq), nil) {
		if err != nil {
			return e, false, err
		}
		e, err = readEntry(row)
		return e, err == nil, err
	}
	return e, false, nil
}

// FindEntry returns the entry with a decision's id, by when the id was made.
func FindEntry(r Reader, id string) (Entry, error) {
	nothing := fmt.Errorf("decision %s: %w", id, schema.ErrNotFound)
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 7 {
		return Entry{}, nothing
	}
	seconds, nanoseconds := parsed.Time().UnixTime()
	made := time.Unix(seconds, nanoseconds)
	h, err := LogHorizon(r)
	if err != nil {
		return Entry{}, err
	}
	if made.Before(h.Time) {
		nothing = fmt.Errorf("decision %s: it is older than what the log still has in full: %w", id, schema.ErrPruned)
	}
	from, err := LogSince(r, made)
	if err != nil {
		return Entry{}, err
	}
	for e, err := range Log(r, from) {
		switch {
		case err != nil:
			return e, err
		case e.Decision.ID == id:
			return e, nil
		case e.Decision.Time.After(made.Add(2 * untimely)):
			return Entry{}, nothing
		}
	}
	return Entry{}, nothing
}

// EntryAt returns the entry of a number.
func EntryAt(r Reader, seq int64) (Entry, error) {
	size, err := LogSize(r)
	if err != nil {
		return Entry{}, err
	}
	if seq < 0 || seq >= size {
		return Entry{}, fmt.Errorf("entry %d is not in the log, which has %d: %w", seq, size, schema.ErrNotFound)
	}
	return r.transaction().entry(seqKey(seq))
}
