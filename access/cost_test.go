package access_test

import (
	"context"
	"iter"
	"testing"

	"drawbridge/access"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// A counting engine counts what is asked of it.
type counting struct {
	store.Engine
	reads, writes, commits int
}

func (c *counting) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := c.Engine.Begin(ctx, write)
	return countingTxn{txn, c}, err
}

type countingTxn struct {
	store.Txn
	c *counting
}

func (t countingTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	t.c.reads += len(keys)
	return t.Txn.Get(table, keys...)
}

func (t countingTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	t.c.reads++
	return t.Txn.Scan(table, from, to)
}

func (t countingTxn) Put(table string, key, value []byte) error {
	t.c.writes++
	return t.Txn.Put(table, key, value)
}

func (t countingTxn) Commit() error {
	t.c.commits++
	return t.Txn.Commit()
}

// TestWhatAPushCosts counts what the usual push of one source asks of the engine, and
// what deciding about it does: that sources may be several, stale or hasty costs the
// bridge with one of them next to nothing.
func TestWhatAPushCosts(t *testing.T) {
	e := &counting{Engine: enginetest.Memory(1)}
	w := newWorld(t, e)
	defer w.store.Close()
	measure := func(do func()) (reads, writes, commits int) {
		before := *e
		do()
		return e.reads - before.reads, e.writes - before.writes, e.commits - before.commits
	}
	decide := func() {
		w.journey(access.LaneIdentity, func(item store.Item) (access.Finish, error) { return w.reconcile(item) })
	}
	var id string
	for _, c := range []struct {
		name                   string
		do                     func()
		reads, writes, commits int // at most
	}{
		{"a new one", func() { id = w.admit(person{name: "ada", department: "Engineering"}) }, 15, 15, 1},
		{"deciding about it", decide, 41, 20, 2},
		{"a change", func() { w.admit(person{id: id, name: "ada", department: "Operations"}) }, 10, 10, 1},
	} {
		reads, writes, commits := measure(c.do)
		if reads > c.reads || writes > c.writes || commits != c.commits {
			t.Errorf("%s: %d reads, %d writes, %d commits; want at most %d, %d and %d", c.name, reads, writes, commits, c.reads, c.writes, c.commits)
		}
	}
}
