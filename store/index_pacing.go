package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// The log is indexed in turns: what the next entries are found by is worked out in a
// snapshot, where it keeps nobody waiting, put in the order of the index's keys, and
// written in one commit. As each row has a place of its own, that commit is as slow as
// it has rows; so turns are short while others have something to write that somebody
// waits for, and long, which makes less work in all, while nobody has.
const (
	shortTurn, longTurn  = 10 * time.Millisecond, 80 * time.Millisecond
	fewestRows, mostRows = 128, 8192
	firstRows            = 1024 // of the first turn
	quietFor             = time.Second
)

// paced is how many rows the next turn has, after one of so many took so long.
func paced(rows int, took, wanted time.Duration) int {
	next := float64(rows) * min(2, float64(wanted)/float64(max(took, 1)))
	return max(fewestRows, min(int(next), mostRows))
}

// An awaited remembers when somebody last waited for a commit.
type awaited struct{ at atomic.Int64 }

func (a *awaited) now() { a.at.Store(time.Now().UnixNano()) }

// patience is how long a commit may take that nobody waits for.
func (a *awaited) patience() time.Duration {
	if time.Now().UnixNano()-a.at.Load() > int64(quietFor) {
		return longTurn
	}
	return shortTurn
}

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

// indexBy brings an index to where the log was when it began.
func (s *Store) indexBy(ctx context.Context, x *logIndex) error {
	goal, rows := int64(-1), firstRows
	for {
		var next turn
		err := s.View(ctx, func(r Reader) (err error) {
			next, err = x.plan(r.transaction(), rows)
			return err
		})
		if goal < 0 {
			goal = next.end
		}
		if err != nil || next.to == next.from {
			return err
		}
		var began time.Time
		err = s.Update(ctx, func(tx Tx) error {
			began = time.Now() // it is the last in its commit, which follows
			return x.write(tx.transaction(), next)
		})
		if err != nil || next.to >= goal {
			return err
		}
		rows = paced(len(next.keys), time.Since(began), s.awaited.patience())
	}
}
