package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// The log is indexed in turns: what the next entries are found by is worked out in a
// snapshot, where it keeps nobody waiting, put in the order of the index's keys, and
// written in one commit, at a Pace.
const fewestRows, firstRows, mostRows = 128, 1024, 8192

// A logIndex finds entries of the log by something.
type logIndex struct {
	table string
	meta  string                                      // how many entries are in it
	keys  func(n *turn, leaf, number []byte) error    // adds what an entry is found by
	upTo  func(t *transaction) (end int64, err error) // how many of the log's entries may be in it
}

// A turn is the rows that some entries make in an index.
type turn struct {
	from, to int64 // numbers of the entries
	end      int64 // of what was there to index
	keys     [][]byte
	room     slab // for them
}

// add adds a key of some parts, with the number of an entry behind them.
func (n *turn) add(number []byte, parts ...[]byte) {
	size := len(number)
	for _, part := range parts {
		size += len(part) + 2
	}
	key := n.room.take(size)
	for _, part := range parts {
		if bytes.IndexByte(part, escape) >= 0 {
			key = appendPart(key, string(part))
		} else {
			key = append(append(key, part...), escape, terminator)
		}
	}
	n.keys = append(n.keys, append(key, number...))
}

// plan works out the next turn, of about so many rows.
func (x *logIndex) plan(t *transaction, rows int) (n turn, err error) {
	if n.from, err = metaNumber(t.txn, x.meta); err != nil {
		return n, err
	}
	n.to, n.keys = n.from, make([][]byte, 0, rows)
	if n.end, err = x.upTo(t); err != nil || n.from >= n.end {
		return n, err
	}
	for row, err := range t.rows(tableLog, seqKey(n.from), seqKey(min(n.end, n.from+2*mostRows))) {
		if err != nil {
			return n, err
		}
		seq, ok := keySeq(row.Key)
		if !ok {
			return n, broken(tableLog, row.Key)
		}
		if err := x.keys(&n, row.Value, row.Key); err != nil {
			return n, fmt.Errorf("log entry %d: %w", seq, err)
		}
		if n.to = seq + 1; len(n.keys) >= rows {
			break
		}
	}
	slices.SortFunc(n.keys, bytes.Compare)
	return n, nil
}

// write writes the rows of a turn, unless another process did meanwhile.
func (x *logIndex) write(t *transaction, n turn) error {
	at, err := metaNumber(t.txn, x.meta)
	if err != nil || at != n.from {
		return err
	}
	for _, key := range n.keys {
		if err := t.replace(x.table, key, nil, nil); err != nil {
			return err
		}
	}
	return t.put(tableMeta, []byte(x.meta), seqKey(n.to))
}

// indexBy brings an index to where the log was when it began, whoever else is at it: of a
// turn that another took, only what is stored says how far it went.
func (s *Store) indexBy(ctx context.Context, x *logIndex) error {
	goal, pace := int64(-1), s.Pace(fewestRows, firstRows, mostRows)
	for {
		var next turn
		err := s.View(ctx, func(r Reader) (err error) {
			next, err = x.plan(r.transaction(), pace.Rows())
			return err
		})
		if goal < 0 {
			goal = next.end
		}
		if err != nil || next.from >= goal || next.to == next.from {
			return err
		}
		if err := pace.Update(ctx, len(next.keys), func(tx Tx) error { return x.write(tx.transaction(), next) }); err != nil {
			return err
		}
	}
}
