package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

// An Entry is one decision in the log, with its number and its exact bytes.
type Entry struct {
	Seq      int64 // from 0
	Leaf     []byte
	Decision schema.Decision // without its Detail, which Detail returns
}

// LogSize returns how many entries the log has.
func LogSize(r Reader) (int64, error) { return logSize(r.transaction().txn) }

// Log walks the entries in order, from a number on. Of those that were pruned there is
// nothing to walk.
func Log(r Reader, from int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for row, err := range r.transaction().rows(tableLog, seqKey(max(0, from)), nil) {
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

// LogBefore returns up to n entries whose number is less, newest first.
func LogBefore(r Reader, before int64, n int) ([]Entry, error) {
	t := r.transaction()
	size, err := logSize(t.txn)
	if err != nil {
		return nil, err
	}
	before = min(before, size)
	for back := int64(n); ; back *= 4 { // the engine walks forward only, and much may be pruned
		newest := ring{most: n}
		for row, err := range t.rows(tableLog, seqKey(max(0, before-back)), seqKey(max(0, before))) {
			if err != nil {
				return nil, err
			}
			newest.add(bytes.Clone(row.Key))
		}
		if newest.seen >= n || back >= before {
			return t.read(newest)
		}
	}
}

func readEntry(row Row) (Entry, error) {
	seq, ok := keySeq(row.Key)
	if !ok {
		return Entry{}, broken(tableLog, row.Key)
	}
	e := Entry{Seq: seq, Leaf: append([]byte(nil), row.Value...)}
	var err error
	if e.Decision, err = audit.Decode(e.Leaf); err != nil {
		err = fmt.Errorf("log entry %d: %w", seq, err)
	}
	return e, err
}

// LogLatest returns the newest entry about a subject and an object, which may be
// empty and is not a group, or ErrNotFound. It reads two rows.
func LogLatest(r Reader, subject, object string) (Entry, error) {
	t := r.transaction()
	number, err := t.get(tableLatest, makeKey(subject, object))
	if err != nil {
		return Entry{}, err
	}
	if number == nil {
		return Entry{}, fmt.Errorf("no decision about %s and %q: %w", subject, object, schema.ErrNotFound)
	}
	return t.entry(number)
}

// entry returns the entry with a number, as it is written in keys.
func (t *transaction) entry(number []byte) (Entry, error) {
	leaf, err := t.get(tableLog, number)
	if err != nil {
		return Entry{}, err
	}
	if leaf == nil {
		return Entry{}, t.pruned(number)
	}
	return readEntry(Row{number, leaf})
}

// Detail returns what else is known of a decision, or ErrNotFound if there is
// nothing, or nothing any more.
func Detail(r Reader, decisionID string) (json.RawMessage, error) {
	salt, body, err := r.transaction().detail(decisionID)
	if err != nil {
		return nil, err
	}
	if salt == nil {
		return nil, fmt.Errorf("detail of decision %s: %w", decisionID, schema.ErrNotFound)
	}
	return append(json.RawMessage(nil), body...), nil
}

// HashedDetail is Detail, where it is what the decision's hash says; of anything else
// audit.ErrTampered.
func HashedDetail(r Reader, d schema.Decision) (json.RawMessage, error) {
	salt, body, err := r.transaction().detail(d.ID)
	if err != nil {
		return nil, err
	}
	if salt == nil {
		return nil, fmt.Errorf("detail of decision %s: %w", d.ID, schema.ErrNotFound)
	}
	if audit.HashDetail(salt, body) != d.DetailHash {
		return nil, fmt.Errorf("detail of decision %s: %w", d.ID, audit.ErrTampered)
	}
	return append(json.RawMessage(nil), body...), nil
}

// Forget deletes a decision's detail with its salt. The log stays verifiable,
// and from the hash in it nothing can be learned. What is not there is no error.
func Forget(tx Tx, decisionID string) error {
	return tx.transaction().delete(tableDetails, []byte(decisionID))
}

// Checkpoints walks the signed heads of the log, oldest first. They are borrowed
// until the next one.
func Checkpoints(r Reader) iter.Seq2[[]byte, error] { return CheckpointsFrom(r, 0) }

// CheckpointsFrom is Checkpoints, from the first that signs at least so many
// entries.
func CheckpointsFrom(r Reader, size int64) iter.Seq2[[]byte, error] {
	return values(r, tableCheckpoints, size)
}

func values(r Reader, table string, from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for row, err := range r.transaction().rows(table, seqKey(max(0, from)), nil) {
			if !yield(row.Value, err) || err != nil {
				return
			}
		}
	}
}

// Prove proves that an entry is in the log as its newest checkpoint signed it.
// What is not signed yet is ErrNotFound.
func Prove(r Reader, seq int64) (audit.Inclusion, error) {
	signed, err := Checkpoint(r)
	if err != nil {
		return audit.Inclusion{}, err
	}
	t := r.transaction()
	leaf, err := t.get(tableLog, seqKey(max(0, seq)))
	if err != nil {
		return audit.Inclusion{}, err
	}
	if c, err := audit.Read(signed); err != nil || leaf == nil && seq >= 0 && seq < c.Size {
		return audit.Inclusion{}, errors.Join(err, t.pruned(seqKey(seq)))
	}
	return audit.ProveInclusion(signed, seq, leaf, Hashes(r))
}

// Hashes reads the tree's stored hashes, for proofs.
func Hashes(r Reader) tlog.HashReader { return &growing{txn: r.transaction().txn} }
