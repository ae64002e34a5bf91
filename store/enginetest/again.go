package enginetest

import (
	"context"
	"sync/atomic"

	"drawbridge/store"
)

// Again returns an engine that asks for every other transaction to be run again
// when it is to be committed, so that a function that does more than use its Tx
// is found on the day it is written.
func Again(e store.Engine) store.Engine { return &again{Engine: e} }

type again struct {
	store.Engine
	commits atomic.Int64
}

func (a *again) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := a.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return &againTxn{Txn: txn, engine: a}, nil
}

type againTxn struct {
	store.Txn
	engine *again
}

func (t *againTxn) Commit() error {
	if t.engine.commits.Add(1)%2 == 1 {
		if err := t.Rollback(); err != nil {
			return err
		}
		return store.ErrRetry
	}
	return t.Txn.Commit()
}

// Several returns an engine that says it takes several writers, so that the
// paths for such engines are tried on one that does not.
func Several(e store.Engine) store.Engine { return several{e} }

type several struct{ store.Engine }

func (several) Writers() int { return 4 }
