package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"drawbridge/schema"
	"drawbridge/store"
)

// Memory returns an engine that keeps the contract in memory, with several
// writers at once that do get in each other's way. What it has is lost with it:
// it is for tests of what is different where several write.
func Memory(writers int) store.Engine {
	return &memory{writers: writers, tables: map[string]version{}, written: map[cell]int64{}, claimed: map[cell]*memoryTxn{}}
}

// A memory keeps each table as a sorted slice, which is never changed: a commit
// makes new ones of those it wrote to, and a snapshot is the old ones.
type memory struct {
	writers int

	mu      sync.Mutex
	closed  bool
	commits int64
	tables  map[string]version
	written map[cell]int64      // the commit that wrote a key last
	claimed map[cell]*memoryTxn // the open transaction that claimed a row
}

type version []store.Row

type cell struct{ table, key string }

func (m *memory) Writers() int { return m.writers }

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *memory) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("the store is closed: %w", schema.ErrUnavailable)
	}
	return &memoryTxn{engine: m, write: write, at: m.commits, tables: maps.Clone(m.tables), changes: map[string]changed{}}, nil
}

// A memoryTxn is a snapshot and what was written on it.
type memoryTxn struct {
	engine  *memory
	write   bool
	ended   bool
	at      int64 // how many commits the snapshot has
	tables  map[string]version
	changes map[string]changed // by table
}

func (t *memoryTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if value, changed := t.changes[table][string(key)]; changed {
			values[i] = value
			continue
		}
		if at, found := t.tables[table].find(key); found {
			values[i] = t.tables[table][at].Value
		}
	}
	return values, nil
}

func (v version) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(v, key, func(r store.Row, key []byte) int { return bytes.Compare(r.Key, key) })
}

func (t *memoryTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		rows := t.tables[table]
		first, _ := rows.find(from)
		for row := range rows[first:].with(t.changes[table].between(from, to)) {
			if to != nil && bytes.Compare(row.Key, to) >= 0 || !yield(row, nil) {
				return
			}
		}
	}
}

// A changed says what was written to a table, by key; nil is deleted.
type changed map[string][]byte

// between returns what was written from one key to before another, if there is one, as rows
// in order.
func (c changed) between(from, to []byte) version {
	var rows version
	for key, value := range c {
		if key >= string(from) && (to == nil || key < string(to)) {
			rows = append(rows, store.Row{Key: []byte(key), Value: value})
		}
	}
	slices.SortFunc(rows, func(a, b store.Row) int { return bytes.Compare(a.Key, b.Key) })
	return rows
}

// with walks the version as some changes leave it.
func (v version) with(changes version) iter.Seq[store.Row] {
	return func(yield func(store.Row) bool) {
		for _, change := range changes {
			at, replaced := v.find(change.Key)
			for _, row := range v[:at] {
				if !yield(row) {
					return
				}
			}
			if v = v[at:]; replaced {
				v = v[1:]
			}
			if change.Value != nil && !yield(change) {
				return
			}
		}
		for _, row := range v {
			if !yield(row) {
				return
			}
		}
	}
}

func (t *memoryTxn) Claim(table string, from, to []byte, n int) ([]store.Row, error) {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	var rows []store.Row
	for row, err := range t.Scan(table, from, to) {
		if err != nil {
			return nil, err
		}
		if len(rows) >= n {
			break
		}
		c := cell{table, string(row.Key)}
		if by := t.engine.claimed[c]; by != nil && by != t {
			continue
		}
		t.engine.claimed[c] = t
		rows = append(rows, row)
	}
	return rows, nil
}

func (t *memoryTxn) Put(table string, key, value []byte) error {
	return t.change(table, key, append([]byte{}, value...))
}

func (t *memoryTxn) Delete(table string, key []byte) error { return t.change(table, key, nil) }

func (t *memoryTxn) change(table string, key, value []byte) error {
	if !t.write || t.ended {
		return fmt.Errorf("the transaction does not write: %w", schema.ErrForbidden)
	}
	if t.changes[table] == nil {
		t.changes[table] = changed{}
	}
	t.changes[table][string(key)] = value
	return nil
}

func (t *memoryTxn) Commit() error {
	m := t.engine
	m.mu.Lock()
	defer m.mu.Unlock()
	t.end()
	for table, changes := range t.changes {
		for key := range changes {
			if m.written[cell{table, key}] > t.at {
				return store.ErrRetry
			}
		}
	}
	m.commits++
	for table, changes := range t.changes {
		was := m.tables[table]
		m.tables[table] = slices.AppendSeq(make(version, 0, len(was)+len(changes)), was.with(changes.between(nil, nil)))
		for key := range changes {
			m.written[cell{table, key}] = m.commits
		}
	}
	return nil
}

func (t *memoryTxn) Rollback() error {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	t.end()
	return nil
}

// end gives back what the transaction claimed.
func (t *memoryTxn) end() {
	t.ended = true
	maps.DeleteFunc(t.engine.claimed, func(_ cell, by *memoryTxn) bool { return by == t })
}
