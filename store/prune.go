package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

// Entries that grew too old are pruned: their bodies go, with what is kept beside them and
// what they are found by, and their hashes stay, so that the tree is what it was and every
// head that was ever signed still fits. Before the horizon only those entries are left that
// were in force there: what was so after it can be told as before.
const (
	metaPruned     = "log.pruned"     // entries before it were pruned, but for those in force
	metaPrunedTime = "log.prunedTime" // what was so before it, in nanoseconds, can not be told any more
	metaPlain      = "log.plain"      // entries before it have no details any more
)

// A Horizon is how far back the log goes.
type Horizon struct {
	Before int64     // entries before it were pruned, but for those in force
	Time   time.Time // what was so before it can not be told; zero if nothing was pruned
	Plain  int64     // entries before it have no details
}

// LogHorizon returns how far back the log goes.
func LogHorizon(r Reader) (h Horizon, err error) {
	t := r.transaction()
	if h.Before, err = metaNumber(t.txn, metaPruned); err != nil {
		return h, err
	}
	if h.Plain, err = metaNumber(t.txn, metaPlain); err != nil {
		return h, err
	}
	at, err := metaNumber(t.txn, metaPrunedTime)
	if at != 0 {
		h.Time = time.Unix(0, at).UTC()
	}
	return h, err
}

// A Pruning says which entries of the log are too old.
type Pruning struct {
	Before int64     // the first that is not
	Time   time.Time // whatever was decided later is not among them
	Most   int       // how many entries one turn looks at

	// InForce says which of the entries about one subject, oldest first, still count at
	// the end of the last: those stay.
	InForce func(about []Entry) []bool
}

// A Turn is what one turn of a pruning came to.
type Turn struct {
	Looked, Pruned int
	More           bool
}

// Prune takes one turn at pruning. Nothing is pruned that no checkpoint signed, or that is
// not indexed yet.
func Prune(tx Tx, p Pruning) (turn Turn, err error) {
	t := tx.transaction()
	from, to, err := t.prunable(metaPruned, p.Before)
	if err != nil || from >= to {
		return turn, err
	}
	if err := t.raiseTime(p.Time); err != nil {
		return turn, err
	}
	entries, err := t.entries(from, to, p.Most)
	if err != nil {
		return turn, err
	}
	turn.Looked, turn.More = len(entries), len(entries) == p.Most
	if turn.More {
		to = entries[len(entries)-1].Seq + 1
	}
	for _, about := range bySubject(entries) {
		n, err := t.pruneSubject(about, p.InForce)
		if err != nil {
			return turn, err
		}
		turn.Pruned += n
	}
	return turn, t.put(tableMeta, []byte(metaPruned), seqKey(to))
}

// PruneDetails takes the details of entries before a number, up to so many entries in a
// turn. The entries stay.
func PruneDetails(tx Tx, before int64, most int) (turn Turn, err error) {
	t := tx.transaction()
	from, to, err := t.prunable(metaPlain, before)
	if err != nil || from >= to {
		return turn, err
	}
	entries, err := t.entries(from, to, most)
	if err != nil {
		return turn, err
	}
	turn.Looked, turn.More = len(entries), len(entries) == most
	if turn.More {
		to = entries[len(entries)-1].Seq + 1
	}
	for _, e := range entries {
		if e.Decision.DetailHash == "" {
			continue
		}
		kept, err := t.get(tableDetails, []byte(e.Decision.ID))
		if err != nil {
			return turn, err
		}
		if kept == nil {
			continue
		}
		if err := t.remove(tableDetails, []byte(e.Decision.ID), kept); err != nil {
			return turn, err
		}
		turn.Pruned++
	}
	return turn, t.put(tableMeta, []byte(metaPlain), seqKey(to))
}

// prunable returns from which number on, and before which, entries may be pruned now.
func (t *transaction) prunable(done string, before int64) (from, to int64, err error) {
	if from, err = metaNumber(t.txn, done); err != nil {
		return 0, 0, err
	}
	signed, _, err := signedAndSize(t)
	if err != nil {
		return 0, 0, err
	}
	indexed, err := t.indexed()
	if err != nil {
		return 0, 0, err
	}
	seen, err := metaNumber(t.txn, metaMattersSeen)
	return from, min(before, signed, indexed, seen), err
}

// raiseTime notes until when the log can not tell any more how things were.
func (t *transaction) raiseTime(at time.Time) error {
	was, err := metaNumber(t.txn, metaPrunedTime)
	if err != nil || at.UnixNano() <= was {
		return err
	}
	return t.put(tableMeta, []byte(metaPrunedTime), seqKey(at.UnixNano()))
}

// entries returns up to so many entries from a number on and before another.
func (t *transaction) entries(from, to int64, most int) ([]Entry, error) {
	rows, err := t.page(tableLog, seqKey(from), seqKey(to), most)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(rows))
	for _, row := range rows {
		e, err := readEntry(row)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// bySubject sorts entries by whom they are about, each still in order.
func bySubject(entries []Entry) (groups [][]Entry) {
	at := map[string]int{}
	for _, e := range entries {
		i, ok := at[e.Decision.Subject]
		if !ok {
			i = len(groups)
			at[e.Decision.Subject], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// pruneSubject prunes what is not in force of some entries about one subject, and of
// those about it that were in force before them.
func (t *transaction) pruneSubject(fresh []Entry, inForce func([]Entry) []bool) (pruned int, err error) {
	subject := fresh[0].Decision.Subject
	var about []Entry
	prefix := makeKey(subject)
	for row, err := range t.rows(tableAbout, prefix, append(makeKey(subject), seqKey(fresh[0].Seq)...)) {
		if err != nil {
			return 0, err
		}
		e, err := t.entry(row.Key[len(prefix):])
		if err != nil {
			return 0, err
		}
		if e.Decision.Subject == subject {
			about = append(about, e)
		}
	}
	about = append(about, fresh...)
	stays := inForce(about)
	newest := map[string]int64{} // of what stays, by object
	for i, e := range about {
		if stays[i] {
			newest[e.Decision.Object] = e.Seq
		}
	}
	for i, e := range about {
		if stays[i] {
			continue
		}
		if err := errors.Join(t.pruneEntry(e), t.pruneLatest(e, newest)); err != nil {
			return pruned, err
		}
		pruned++
	}
	return pruned, nil
}

// pruneEntry takes an entry's body, its detail, and what it is found by.
func (t *transaction) pruneEntry(e Entry) error {
	number := seqKey(e.Seq)
	if err := t.remove(tableLog, number, e.Leaf); err != nil {
		return err
	}
	if e.Decision.DetailHash != "" {
		if err := t.delete(tableDetails, []byte(e.Decision.ID)); err != nil {
			return err
		}
	}
	for _, subject := range append([]string{e.Decision.Subject}, e.Decision.Also...) {
		if err := t.delete(tableAbout, append(makeKey(subject), number...)); err != nil {
			return err
		}
	}
	for _, key := range mattersOf(e.Decision) {
		if err := t.delete(tableMatters, append(key, number...)); err != nil {
			return err
		}
	}
	return nil
}

// pruneLatest has the newest entry about a subject and an object be one that stays.
func (t *transaction) pruneLatest(e Entry, newest map[string]int64) error {
	if !hasLatest(e.Decision.Object) {
		return nil
	}
	key := makeKey(e.Decision.Subject, e.Decision.Object)
	kept, err := t.get(tableLatest, key)
	if err != nil || !bytes.Equal(kept, seqKey(e.Seq)) {
		return err
	}
	if number, ok := newest[e.Decision.Object]; ok {
		return t.put(tableLatest, key, seqKey(number))
	}
	return t.remove(tableLatest, key, kept)
}

// pruned is the error of an entry that is not there: it was pruned, or the log is broken.
func (t *transaction) pruned(number []byte) error {
	before, err := metaNumber(t.txn, metaPruned)
	if err != nil {
		return err
	}
	seq, ok := keySeq(number)
	if !ok || seq >= before {
		return broken(tableLog, number)
	}
	return fmt.Errorf("entry %d of the log: only its hash is left: %w", seq, schema.ErrPruned)
}

// leafHash is the hash of an entry, which is kept whatever becomes of its body.
func (t *transaction) leafHash(seq int64) (tlog.Hash, error) {
	hashes, err := (&growing{txn: t.txn}).ReadHashes([]int64{tlog.StoredHashIndex(0, seq)})
	if err != nil {
		return tlog.Hash{}, err
	}
	return hashes[0], nil
}

// Leaves walks what there is of the entries in order, for verification and export. They
// are borrowed until the next one.
func Leaves(r Reader) iter.Seq2[audit.Leaf, error] { return LeavesFrom(r, 0) }

// LeavesFrom is Leaves from a number on.
func LeavesFrom(r Reader, seq int64) iter.Seq2[audit.Leaf, error] {
	t, next := r.transaction(), max(0, seq)
	return func(yield func(audit.Leaf, error) bool) {
		before, err := metaNumber(t.txn, metaPruned)
		if err != nil {
			yield(audit.Leaf{}, err)
			return
		}
		gap := func(end int64) bool { // yields the hashes of what was pruned before a number
			for ; next < min(end, before); next++ {
				hash, err := t.leafHash(next)
				if !yield(audit.Leaf{Hash: hash}, err) || err != nil {
					return false
				}
			}
			return true
		}
		for row, err := range t.rows(tableLog, seqKey(next), nil) {
			if err != nil {
				yield(audit.Leaf{}, err)
				return
			}
			if number, ok := keySeq(row.Key); !ok || !gap(number) || !yield(audit.Leaf{Body: row.Value}, nil) {
				return
			}
			next++
		}
		gap(before)
	}
}
