package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

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
	tableLog         = "log"             // sequence number: leaf, byte for byte as hashed
	tableHashes      = "log/hashes"      // tlog.StoredHashIndex: hash
	tableLatest      = "log/latest"      // subject, object: sequence number of the newest, but for memberships
	tableOutbox      = "log/outbox"      // decision's id: leaf, where it waits
	tableDetails     = "log/details"     // decision's id: salt and detail, which may be forgotten, and may be sealed (seal.go)
	tableCheckpoints = "log/checkpoints" // size: signed note

	metaLogSize = "log.size"
)

const saltSize = 16

// A leaf is a decision on its way into the log.
type leaf struct {
	id, subject, object string
	bytes               []byte
}

func newLeaf(d schema.Decision, bytes []byte) leaf {
	return leaf{id: d.ID, subject: d.Subject, object: d.Object, bytes: bytes}
}

// hasLatest reports whether it is found by its subject and object: but for
// memberships, which come and go by the thousand, and which nobody asks for so.
func hasLatest(object string) bool { return !strings.HasPrefix(object, "group/") }

func (t *transaction) Record(d schema.Decision) (schema.Decision, error) {
	if d.ID == "" {
		d.ID = t.NewID()
	}
	if d.Time.IsZero() {
		d.Time = t.now
	}
	d.DetailHash = ""
	if len(d.Detail) > 0 {
		hash, err := t.keepDetail(d)
		if err != nil {
			return d, err
		}
		d.DetailHash = hash
	}
	encoded, err := audit.Encode(d)
	if err != nil {
		return d, err
	}
	t.recorded = append(t.recorded, newLeaf(d, encoded))
	return d, nil
}

// keepDetail stores a detail beside the log, byte for byte as it is hashed with
// a salt of its own, and returns the hash. Of a person it is sealed.
func (t *transaction) keepDetail(d schema.Decision) (hash string, err error) {
	id, body := d.ID, d.Detail
	if !json.Valid(body) {
		return "", fmt.Errorf("decision %s: its detail is not JSON: %w", id, schema.ErrInvalid)
	}
	kept := make([]byte, saltSize, saltSize+len(body))
	if _, err := io.ReadFull(t.store.rand, kept); err != nil {
		return "", fmt.Errorf("decision %s: salt: %w", id, err)
	}
	kept = append(kept, body...)
	hash = audit.HashDetail(kept[:saltSize], body)
	if whom := sealedFor(d); t.store.keys != nil && whom != "" {
		if kept, err = t.seal(whom, id, kept); err != nil {
			return "", err
		}
	}
	return hash, t.put(tableDetails, []byte(id), kept)
}

// appendOutbox leaves the decisions of one transaction for the sequencer.
func appendOutbox(txn Txn, leaves []leaf) error {
	for _, l := range leaves {
		if err := txn.Put(tableOutbox, []byte(l.id), l.bytes); err != nil {
			return err
		}
	}
	return nil
}

// appendLog numbers leaves and hashes them into the tree. It is the last thing that is
// done in a transaction. Now and then it looks how long the tail is that is not indexed,
// and returns that.
func appendLog(txn Txn, leaves []leaf) (tail int64, err error) {
	if len(leaves) == 0 {
		return 0, nil
	}
	size, err := logSize(txn)
	if err != nil {
		return 0, err
	}
	before := size
	tree := growing{txn: txn, fresh: map[int64]tlog.Hash{}}
	for _, l := range leaves {
		if err := tree.add(size, l); err != nil {
			return 0, err
		}
		size++
	}
	if err := txn.Put(tableMeta, []byte(metaLogSize), seqKey(size)); err != nil || before/looksAtTail == size/looksAtTail {
		return 0, err
	}
	indexed, err := metaNumber(txn, metaIndexed)
	return size - indexed, err
}

// A growing tree remembers the hashes of this transaction, which later ones are
// made of.
type growing struct {
	txn   Txn
	fresh map[int64]tlog.Hash
}

func (g *growing) add(seq int64, l leaf) error {
	hashes, err := tlog.StoredHashes(seq, l.bytes, g)
	if err != nil {
		return fmt.Errorf("decision log: %w", err)
	}
	first := tlog.StoredHashIndex(0, seq)
	for i, h := range hashes {
		g.fresh[first+int64(i)] = h
		if err := g.txn.Put(tableHashes, seqKey(first+int64(i)), h[:]); err != nil {
			return err
		}
	}
	number := seqKey(seq)
	if err := g.txn.Put(tableLog, number, l.bytes); err != nil {
		return err
	}
	if !hasLatest(l.object) {
		return nil
	}
	return g.txn.Put(tableLatest, makeKey(l.subject, l.object), number)
}

// ReadHashes makes it a tlog.HashReader.
func (g *growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := g.fresh[index]; ok {
			hashes[i] = h
			continue
		}
		values, err := g.txn.Get(tableHashes, seqKey(index))
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

func logSize(txn Txn) (int64, error) { return metaNumber(txn, metaLogSize) }

// metaNumber is one of the numbers about the store itself, zero if it was never
// written.
func metaNumber(txn Txn, name string) (int64, error) {
	values, err := txn.Get(tableMeta, []byte(name))
	if err != nil || values[0] == nil {
		return 0, err
	}
	n, ok := keySeq(values[0])
	if !ok {
		return 0, broken(tableMeta, []byte(name))
	}
	return n, nil
}

// Sequence moves up to a thousand decisions that wait in the outbox into the log
// and returns how many it moved. It writes nothing if none wait, which on an
// engine with one writer is always so.
func (s *Store) Sequence(ctx context.Context) (moved int, err error) {
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
	err = s.Update(ctx, func(tx Tx) (err error) {
		moved, err = tx.transaction().sequence(1000)
		return err
	})
	return moved, err
}

// sequence takes up to n decisions from the outbox. The commit numbers them.
func (t *transaction) sequence(n int) (moved int, err error) {
	waiting, err := t.page(tableOutbox, nil, nil, n)
	if err != nil {
		return 0, err
	}
	for _, row := range waiting {
		d, err := audit.Decode(row.Value)
		if err != nil {
			return 0, fmt.Errorf("outbox %s: %w", row.Key, err)
		}
		if err := t.delete(tableOutbox, row.Key); err != nil {
			return 0, err
		}
		t.sequenced = append(t.sequenced, newLeaf(d, row.Value))
	}
	return len(waiting), nil
}
