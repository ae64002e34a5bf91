package store

import (
	"context"
	"errors"
	"io"
	"iter"
)

// ErrRetry is an engine's word for a conflict between transactions: run the
// transaction again.
var ErrRetry = errors.New("the transaction met another one; run it again")

// An Engine is an ordered, transactional map: what bbolt is, and what a SQL
// database can be asked to be. It knows nothing of identities. Package
// enginetest holds its contract as tests.
//
//   - A transaction sees one snapshot and its own writes. Keys are bytes, ordered
//     as bytes. A nil value and an empty one are the same, and different from none.
//   - Of two transactions that write one key at once only one commits; the other
//     gets ErrRetry, from whichever of its calls finds out. Reading a key promises
//     nothing: to depend on a row, write it.
//   - When Commit returns nil, what was written survives the machine. When it
//     returns an error, nothing of it was written.
//   - Bytes handed out are borrowed until the transaction ends or next writes; bytes
//     handed in to be written are not changed by the caller until it ends, nor used
//     by the engine afterwards.
//   - A table is there once something was written to it; before, it is empty.
type Engine interface {
	// Begin starts a transaction. Every one must be committed or rolled back. A
	// done context begins nothing; a closed engine returns ErrUnavailable.
	Begin(ctx context.Context, write bool) (Txn, error)
	// Writers is how many write transactions are worth having at once. One means
	// that this process alone has what is stored; zero, that nothing can be written.
	Writers() int
	// Close waits for open transactions and lets go of what is stored.
	Close() error
}

// A Txn is one transaction of an Engine. It is used by one goroutine.
type Txn interface {
	// Get returns the value of each key, nil where there is none. The list is good
	// until the next Get.
	Get(table string, keys ...[]byte) ([][]byte, error)
	// Scan walks the keys from (inclusive) to (exclusive; nil is no end) in order.
	// The table is not written to during the walk. A yielded error ends it.
	Scan(table string, from, to []byte) iter.Seq2[Row, error]
	// Claim is Scan of at most n rows, passing over rows that another open
	// transaction has claimed.
	Claim(table string, from, to []byte, n int) ([]Row, error)
	// Put writes a value, whether the key is there or not.
	Put(table string, key, value []byte) error
	// Delete removes a key. One that is not there is no error.
	Delete(table string, key []byte) error
	// Commit makes what was written visible and durable, all of it or nothing.
	Commit() error
	// Rollback ends the transaction without a trace. After Commit it does nothing.
	Rollback() error
}

// A Row is a key and its value.
type Row struct{ Key, Value []byte }

// A Backuper is an engine that can write a snapshot of itself while it is used.
type Backuper interface {
	Backup(ctx context.Context, w io.Writer) error
}

// A Checker is an engine that can look for damage in how it stores things. What
// it stores is the store's to check.
type Checker interface {
	Check(ctx context.Context) error
}
