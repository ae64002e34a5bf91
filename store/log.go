package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

// The decision log. A decision is recorded in the transaction it explains. Where
// one process alone has the store, the commit numbers it and hashes it into the
// tree; elsewhere it waits in the outbox for the sequencer, because numbering
// would make every writer contend for one row. Nothing updates or deletes an
// entry.
const (
	tableLog         = "log"             // sequence number to leaf, byte for byte as hashed
	tableHashes      = "log/hashes"      // tlog.StoredHashIndex to hash
	tableAbout       = "log/about"       // subject, object, number: who asks for a subject's history
	tableOutbox      = "log/outbox"      // id of a decision to its leaf, where it waits
	tableDetails     = "log/details"     // id of a decision to its salted detail, which may be forgotten
	tableCheckpoints = "log/checkpoints" // size to signed note

	metaLogSize = "log.size"
)

// A leaf is a decision on its way into the log.
type leaf struct {
	id, subject, object string
	bytes               []byte
}

// detail is what may be forgotten of a decision.
type detail struct {
	Salt []byte          `json:"salt"`
	Body json.RawMessage `json:"body"`
}

func (t *transaction) Record(d schema.Decision) (schema.Decision, error) {
	if d.ID == "" {
		d.ID = t.NewID()
	}
	if d.Time.IsZero() {
		d.Time = t.now
	}
	if len(d.Detail) > 0 {
		salt := make([]byte, 16)
		if _, err := io.ReadFull(t.store.rand, salt); err != nil {
			return d, fmt.Errorf("salt: %w", err)
		}
		d.DetailHash = audit.HashDetail(salt, d.Detail)
		value, err := json.Marshal(detail{salt, d.Detail})
		if err != nil {
			return d, fmt.Errorf("detail of a decision: %w", err)
		}
		if err := t.put(tableDetails, []byte(d.ID), value); err != nil {
			return d, err
		}
	}
	encoded, err := audit.Encode(d)
	if err != nil {
		return d, err
	}
	t.leaves = append(t.leaves, leaf{d.ID, d.Subject, d.Object, encoded})
	return d, nil
}

// appendOutbox leaves the decisions of one transaction for the sequencer.
func appendOutbox(t *transaction) error {
	for _, l := range t.leaves {
		if err := t.txn.Put(tableOutbox, []byte(l.id), l.bytes); err != nil {
			return err
		}
	}
	return nil
}

// appendLog numbers leaves and hashes them into the tree.
func appendLog(txn Txn, leaves []leaf) error {
	if len(leaves) == 0 {
		return nil
	}
	size, err := logSize(txn)
	if err != nil {
		return err
	}
	fresh := map[int64]tlog.Hash{} // hashes of this batch, which later ones are made of
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		return readHashes(txn, fresh, indexes)
	})
	for _, l := range leaves {
		hashes, err := tlog.StoredHashes(size, l.bytes, reader)
		if err != nil {
			return fmt.Errorf("decision log: %w", err)
		}
		first := tlog.StoredHashIndex(0, size)
		for i, h := range hashes {
			fresh[first+int64(i)] = h
			if err := txn.Put(tableHashes, seqKey(first+int64(i)), h[:]); err != nil {
				return err
			}
		}
		if err := txn.Put(tableLog, seqKey(size), l.bytes); err != nil {
			return err
		}
		about := append(makeKey(l.subject, l.object), seqKey(size)...)
		if err := txn.Put(tableAbout, about, nil); err != nil {
			return err
		}
		size++
	}
	return txn.Put(tableMeta, []byte(metaLogSize), seqKey(size))
}

func logSize(txn Txn) (int64, error) {
	values, err := txn.Get(tableMeta, []byte(metaLogSize))
	if err != nil || values[0] == nil {
		return 0, err
	}
	if len(values[0]) != 8 {
		return 0, errors.New("decision log: stored size is not a number")
	}
	return keySeq(values[0]), nil
}

func readHashes(txn Txn, fresh map[int64]tlog.Hash, indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := fresh[index]; ok {
			hashes[i] = h
			continue
		}
		values, err := txn.Get(tableHashes, seqKey(index))
		if err != nil {
			return nil, err
		}
		if len(values[0]) != tlog.HashSize {
			return nil, fmt.Errorf("decision log: hash %d is missing: %w", index, audit.ErrTampered)
		}
		hashes[i] = tlog.Hash(values[0])
	}
	return hashes, nil
}

// Sequence moves up to a thousand waiting decisions into the log and returns how
// many it moved. It writes nothing if none wait.
func (s *Store) Sequence(ctx context.Context) (moved int, err error) {
	const most = 1000
	waiting := false
	err = s.View(ctx, func(r Reader) error {
		for _, err := range r.transaction().txn.Scan(tableOutbox, nil, nil) {
			waiting = err == nil
			return err
		}
		return nil
	})
	if err != nil || !waiting {
		return 0, err
	}
	err = s.Update(ctx, func(tx Tx) error {
		t := tx.transaction()
		moved = 0
		var leaves []leaf
		for row, err := range t.rows(tableOutbox, nil, nil) {
			if err != nil {
				return err
			}
			d, err := audit.Decode(row.Value)
			if err != nil {
				return fmt.Errorf("outbox %s: %w", row.Key, err)
			}
			leaves = append(leaves, leaf{d.ID, d.Subject, d.Object, row.Value})
			if len(leaves) == most {
				break
			}
		}
		for _, l := range leaves {
			if err := t.delete(tableOutbox, []byte(l.id)); err != nil {
				return err
			}
		}
		moved = len(leaves)
		return appendLog(t.txn, leaves)
	})
	return moved, err
}

// An Entry is one decision in the log, with its number and its exact bytes.
type Entry struct {
	Seq      int64
	Leaf     []byte
	Decision schema.Decision
}

// LogSize returns how many entries the log has.
func LogSize(r Reader) (int64, error) { return logSize(r.transaction().txn) }

// Log walks the entries in order, from a number on.
func Log(r Reader, from int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for row, err := range r.transaction().rows(tableLog, seqKey(from), nil) {
			var e Entry
			if err == nil {
				e, err = decodeEntry(keySeq(row.Key), row.Value)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Leaves walks the exact bytes of the first n entries, without decoding them.
func Leaves(r Reader, n int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for row, err := range r.transaction().rows(tableLog, seqKey(0), seqKey(n)) {
			if !yield(row.Value, err) || err != nil {
				return
			}
		}
	}
}

func decodeEntry(seq int64, leaf []byte) (Entry, error) {
	e := Entry{Seq: seq, Leaf: append([]byte(nil), leaf...)}
	var err error
	if e.Decision, err = audit.Decode(e.Leaf); err != nil {
		err = fmt.Errorf("log entry %d: %w", seq, err)
	}
	return e, err
}

// LogAbout walks the entries whose subject it is; of one object if it is given,
// else of all, object by object. Within an object the oldest comes first.
func LogAbout(r Reader, subject string, object ...string) iter.Seq2[Entry, error] {
	t := r.transaction()
	from := makeKey(append([]string{subject}, object...)...)
	return func(yield func(Entry, error) bool) {
		for row, err := range t.rows(tableAbout, from, after(from)) {
			var e Entry
			if err == nil {
				e, err = t.entry(keySeq(row.Key[len(row.Key)-8:]))
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (t *transaction) entry(seq int64) (Entry, error) {
	leaf, err := t.get(tableLog, seqKey(seq))
	if err != nil {
		return Entry{}, err
	}
	if leaf == nil {
		return Entry{}, fmt.Errorf("log entry %d: %w", seq, schema.ErrNotFound)
	}
	return decodeEntry(seq, leaf)
}

// LogTail returns the newest n entries, oldest first.
func LogTail(r Reader, n int) ([]Entry, error) {
	size, err := LogSize(r)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for e, err := range Log(r, max(0, size-int64(n))) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Detail returns what else is known of a decision, or ErrNotFound if there is
// nothing, or nothing any more.
func Detail(r Reader, decision string) (json.RawMessage, error) {
	value, err := r.transaction().get(tableDetails, []byte(decision))
	if err != nil {
		return nil, err
	}
	var d detail
	if value == nil {
		return nil, fmt.Errorf("detail of decision %s: %w", decision, schema.ErrNotFound)
	}
	if err := json.Unmarshal(value, &d); err != nil {
		return nil, fmt.Errorf("detail of decision %s: %w", decision, err)
	}
	return d.Body, nil
}

// Forget deletes a decision's detail with its salt. The log stays verifiable.
func Forget(tx Tx, decision string) error {
	return tx.transaction().delete(tableDetails, []byte(decision))
}

// Hashes reads the tree's stored hashes, for proofs.
func Hashes(r Reader) tlog.HashReader {
	txn := r.transaction().txn
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return readHashes(txn, nil, indexes) })
}

// Checkpoint returns the newest signed head of the log, or ErrNotFound.
func Checkpoint(r Reader) ([]byte, error) {
	t := r.transaction()
	size, err := t.get(tableMeta, []byte(metaSigned))
	if err != nil {
		return nil, err
	}
	if size == nil {
		return nil, fmt.Errorf("checkpoint: nothing was signed yet: %w", schema.ErrNotFound)
	}
	signed, err := t.get(tableCheckpoints, size)
	return append([]byte(nil), signed...), err
}

// SignCheckpoint signs the log's head if it grew since the last time.
func (s *Store) SignCheckpoint(ctx context.Context, signer note.Signer, origin string) (signed bool, err error) {
	var c audit.Checkpoint
	err = s.View(ctx, func(r Reader) (err error) {
		t := r.transaction()
		if c.Size, err = LogSize(r); err != nil {
			return err
		}
		last, err := t.get(tableMeta, []byte(metaSigned))
		if err != nil || c.Size == 0 || last != nil && keySeq(last) == c.Size {
			c.Size = 0
			return err
		}
		c.Root, err = tlog.TreeHash(c.Size, Hashes(r))
		return err
	})
	if err != nil || c.Size == 0 {
		return false, err
	}
	c.Origin = origin
	text, err := c.Sign(signer)
	if err != nil {
		return false, err
	}
	err = s.Update(ctx, func(tx Tx) error {
		t := tx.transaction()
		if last, err := t.get(tableMeta, []byte(metaSigned)); err != nil || last != nil && keySeq(last) >= c.Size {
			return err
		}
		if err := t.put(tableCheckpoints, seqKey(c.Size), text); err != nil {
			return err
		}
		return t.put(tableMeta, []byte(metaSigned), seqKey(c.Size))
	})
	return err == nil, err
}
