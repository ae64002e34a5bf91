package store

import (
	"bytes"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
)

// decisions hashes the log again and compares it with its tree, its indexes, its
// details and its checkpoints.
func (c *checking) decisions() error {
	var size, about, details, matters int64
	indexed, err := c.indexed()
	if err != nil {
		return err
	}
	seen, err := metaNumber(c.txn, metaMattersSeen)
	if err != nil {
		return err
	}
	pruned, err := metaNumber(c.txn, metaPruned)
	if err != nil {
		return err
	}
	for row, err := range c.rows(tableLog, nil, nil) {
		if err != nil {
			return err
		}
		e, err := readEntry(row)
		for ; err == nil && size < min(e.Seq, pruned); size++ {
			err = c.hashed(size)
		}
		if err != nil || e.Seq != size {
			c.fault(tableLog, row.Key, "entry %d should be here", size)
			return nil // nothing that comes after it can be told
		}
		n, err := c.entry(e)
		if err == nil && size < indexed {
			about += 1 + int64(len(e.Decision.Also))
			err = c.about(e)
		}
		if err == nil && size < seen {
			matters += int64(len(mattersOf(e.Decision)))
			err = c.matters(e)
		}
		if err != nil {
			return err
		}
		details += n
		size++
	}
	for ; size < pruned; size++ {
		if err := c.hashed(size); err != nil {
			return err
		}
	}
	c.report.Decisions = size
	kept, err := logSize(c.txn)
	if err != nil {
		return err
	}
	if kept != size {
		c.fault(tableMeta, []byte(metaLogSize), "says %d, and there are %d", kept, size)
	}
	if indexed > size {
		c.fault(tableMeta, []byte(metaIndexed), "says %d, and there are %d", indexed, size)
	}
	return errors.Join(c.latest(), c.details(details), c.aside(size, about, matters), c.checkpoints())
}

// hashed compares what the tree has of an entry that was pruned with itself.
func (c *checking) hashed(seq int64) error {
	hash, err := c.leafHash(seq)
	if errors.Is(err, audit.ErrTampered) {
		c.fault(tableHashes, seqKey(seq), "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	hashes, err := tlog.StoredHashesForRecordHash(seq, hash, &growing{txn: c.txn})
	if err != nil {
		c.fault(tableHashes, seqKey(seq), "%v", err)
		return nil
	}
	return c.hashes(seq, hashes)
}

// hashes compares the hashes that an entry completes with those that are kept.
func (c *checking) hashes(seq int64, hashes []tlog.Hash) error {
	first := tlog.StoredHashIndex(0, seq)
	for i, h := range hashes {
		if err := c.holds(tableHashes, seqKey(first+int64(i)), h[:], "is not the hash of what is in the log"); err != nil {
			return err
		}
	}
	return nil
}

// entry compares one entry with what is kept about it, and counts its details.
func (c *checking) entry(e Entry) (details int64, err error) {
	hashes, err := tlog.StoredHashes(e.Seq, e.Leaf, &growing{txn: c.txn})
	if err != nil {
		c.fault(tableHashes, seqKey(e.Seq), "%v", err)
		return 0, nil
	}
	if err := c.hashes(e.Seq, hashes); err != nil {
		return 0, err
	}
	d := e.Decision
	if !hasLatest(d.Object) {
		return c.detail(d.ID, d.DetailHash)
	}
	newest, err := c.get(tableLatest, makeKey(d.Subject, d.Object))
	if err != nil {
		return 0, err
	}
	if n, ok := keySeq(newest); !ok || n < e.Seq {
		c.fault(tableLatest, makeKey(d.Subject, d.Object), "entry %d is newer", e.Seq)
	}
	return c.detail(d.ID, d.DetailHash)
}

// about looks for an indexed entry under all whom it is about.
func (c *checking) about(e Entry) error {
	for _, subject := range append([]string{e.Decision.Subject}, e.Decision.Also...) {
		about := append(makeKey(subject), seqKey(e.Seq)...)
		if err := c.holds(tableAbout, about, []byte{}, "is missing"); err != nil {
			return err
		}
	}
	return nil
}

// matters looks for an indexed entry under all that it is found by.
func (c *checking) matters(e Entry) error {
	for _, key := range mattersOf(e.Decision) {
		if err := c.holds(tableMatters, append(key, seqKey(e.Seq)...), []byte{}, "is missing"); err != nil {
			return err
		}
	}
	return nil
}

// detail compares a decision's detail, if it is not forgotten, with its hash.
func (c *checking) detail(id, hash string) (details int64, err error) {
	kept, err := c.get(tableDetails, []byte(id))
	if err != nil || kept == nil {
		return 0, err
	}
	salt, body, err := c.transaction.detail(id)
	switch {
	case errors.Is(err, errSealed): // nobody can tell without the keys
	case errors.Is(err, audit.ErrTampered):
		c.fault(tableDetails, []byte(id), "is not what was sealed")
	case err != nil:
		return 0, err
	case salt == nil && !sealed(kept), salt != nil && audit.HashDetail(salt, body) != hash:
		c.fault(tableDetails, []byte(id), "is not what the decision hashed")
	}
	return 1, nil
}

// latest looks for rows of pairs that no entry is about.
func (c *checking) latest() error {
	for row, err := range c.rows(tableLatest, nil, nil) {
		if err != nil {
			return err
		}
		e, err := c.transaction.entry(row.Value)
		if err != nil || !bytes.Equal(makeKey(e.Decision.Subject, e.Decision.Object), row.Key) {
			c.fault(tableLatest, row.Key, "points to an entry about something else")
		}
	}
	return nil
}

// details looks for details that belong to no decision, neither in the log nor
// in the outbox.
func (c *checking) details(found int64) error {
	for row, err := range c.rows(tableOutbox, nil, nil) {
		if err != nil {
			return err
		}
		d, err := audit.Decode(row.Value)
		if err != nil {
			c.fault(tableOutbox, row.Key, "%v", err)
			continue
		}
		n, err := c.detail(d.ID, d.DetailHash)
		if err != nil {
			return err
		}
		found += n
	}
	n, err := c.size(tableDetails)
	if err == nil && n != found {
		c.fault(tableDetails, nil, "%d of %d belong to no decision", n-found, n)
	}
	return err
}

// aside looks for rows of the log's tables that no entry made.
func (c *checking) aside(size, about, matters int64) error {
	for table, want := range map[string]int64{tableAbout: about, tableMatters: matters, tableHashes: tlog.StoredHashCount(size)} {
		n, err := c.size(table)
		if err != nil {
			return err
		}
		if n != want {
			c.fault(table, nil, "%d rows, and there should be %d", n, want)
		}
	}
	return nil
}

// checkpoints compares every signed head with the tree.
func (c *checking) checkpoints() error {
	size, err := logSize(c.txn)
	if err != nil {
		return err
	}
	for row, err := range c.rows(tableCheckpoints, nil, nil) {
		if err != nil {
			return err
		}
		signed, err := audit.Read(row.Value)
		if err != nil || !bytes.Equal(seqKey(signed.Size), row.Key) || signed.Size > size {
			c.fault(tableCheckpoints, row.Key, "is not a checkpoint of this log")
			continue
		}
		root, err := tlog.TreeHash(signed.Size, &growing{txn: c.txn})
		if err != nil || root != signed.Root {
			c.fault(tableCheckpoints, row.Key, "the first %d entries are not those that were signed", signed.Size)
		}
	}
	return nil
}
