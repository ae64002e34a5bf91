package access_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestARolloutGivesWay has a policy correlate everybody anew on an engine that takes its time
// to read: others who write wait for a part of that, and not for most of it.
func TestARolloutGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slow{Engine: enginetest.Memory(1)}
		w := newWorld(t, e)
		defer func() { _ = w.store.Close() }()
		w.rules.Use(severally(t))
		w.twoSourcesTellOf(200)
		w.publish(w.rules.Book())
		e.read = 100 * time.Microsecond
		began := time.Now()
		w.rollout()
		if took := time.Since(began); e.longest > took/3 {
			t.Errorf("of the %v that it took, others waited for %v", took, e.longest)
		}
	})
}

// A slow is an engine of which every read takes a while, and which notes for how long one
// transaction kept all others from writing.
type slow struct {
	store.Engine
	read, longest time.Duration
}

func (s *slow) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := s.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return &slowTxn{Txn: txn, engine: s, began: time.Now()}, nil
}

type slowTxn struct {
	store.Txn
	engine *slow
	began  time.Time
}

func (t *slowTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	time.Sleep(t.engine.read) //nolint:forbidigo // of the bubble's own time
	return t.Txn.Get(table, keys...)
}

func (t *slowTxn) Commit() error {
	if t.engine.read > 0 {
		t.engine.longest = max(t.engine.longest, time.Since(t.began))
	}
	return t.Txn.Commit()
}
