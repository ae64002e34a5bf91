// Package store is what the bridge knows: collections of records with declared
// indexes, lanes of work, and the decision log, in one transaction.
//
// A Store stands on an Engine as database/sql stands on its driver. What is the
// same on every engine is written once, here: commits shared by many callers,
// retries, keys, indexes, lanes, the Merkle tree. The whole data model is on one
// page, in tables.go.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"drawbridge/schema"
)

// A Store keeps what the bridge knows. It is safe for concurrent use.
type Store struct {
	engine Engine
	rand   io.Reader
	writer *writer // nil where the engine takes several writers at once

	hintsMu sync.Mutex
	hints   map[Lane]chan struct{}
	stats   stats
}

// An Option changes how a store is opened.
type Option func(*Store)

// WithRand sets where ids and salts take their randomness from, instead of
// crypto/rand.
func WithRand(r io.Reader) Option { return func(s *Store) { s.rand = r } }

// Open returns a store on an engine, which it closes in the end. Leases that a
// dead process left behind on an engine that only this process has are given
// back.
func Open(e Engine, opts ...Option) (*Store, error) {
	s := &Store{engine: e, rand: rand.Reader, hints: map[Lane]chan struct{}{}}
	for _, o := range opts {
		o(s)
	}
	if e.Writers() == 1 {
		s.writer = newWriter(s)
	}
	//nolint:forbidigo // opening is all or nothing: there is no caller who could lose interest half way
	err := s.Update(context.Background(), func(tx Tx) error { return prepare(tx.transaction()) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), s.Close())
	}
	return s, nil
}

// A Reader reads the store as of one moment. It is used by one goroutine, until
// the function it was given to returns.
type Reader interface {
	// Now is the moment; everything decided in the transaction is decided as of then.
	Now() time.Time
	transaction() *transaction
}

// A Tx reads and writes. Either all of it happens, or none.
//
//nolint:interfacebloat // sealed, and one thing: what may be done in one transaction
type Tx interface {
	Reader
	// NewID returns a UUIDv7: ids made later sort later.
	NewID() string
	// Wake makes an item due at a time, or sooner if it is due sooner already. A
	// leased item stays with its worker and is due again afterwards.
	Wake(lane Lane, id string, at time.Time) error
	// WakeUrgent makes an item due now and before all that are not urgent. It
	// stays urgent until it is done.
	WakeUrgent(lane Lane, id string) error
	// Lease takes up to n items that are due, urgent ones first. They come back if
	// they are not settled before the lease ends.
	Lease(lane Lane, n int, ttl time.Duration) ([]Item, error)
	// Done settles a leased item: due next, or no longer if next is zero. One that
	// was woken meanwhile is due then, if that is sooner. A lease that ended
	// meanwhile is ErrLeaseLost.
	Done(item Item, next time.Time) error
	// Retry settles a leased item whose work failed.
	Retry(item Item, at time.Time) error
	// Rewoken reports whether a leased item was woken meanwhile, so that its work
	// is out of date.
	Rewoken(item Item) (bool, error)
	// Record writes a decision to the log. It sets the id and the time where they
	// are empty and returns the decision as recorded.
	Record(d schema.Decision) (schema.Decision, error)
}

// transaction is the one implementation of Reader and Tx.
type transaction struct {
	store *Store
	txn   Txn
	now   time.Time

	write  bool
	undo   []undo            // how to take back what was written, newest last
	leaves []leaf            // decisions recorded, to be numbered at the commit
	woken  map[Lane]struct{} // lanes to hint about after the commit
}

func (t *transaction) Now() time.Time            { return t.now }
func (t *transaction) transaction() *transaction { return t }

func (t *transaction) NewID() string {
	id, err := uuid.NewV7FromReader(t.store.rand)
	if err != nil { // the source of randomness failed: take the operating system's
		id = uuid.Must(uuid.NewV7())
	}
	return id.String()
}

// undo takes back one write.
type undo struct {
	table    string
	key, old []byte
	existed  bool
}

func (t *transaction) get(table string, key []byte) ([]byte, error) {
	values, err := t.txn.Get(table, key)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

func (t *transaction) put(table string, key, value []byte) error {
	if err := t.remember(table, key); err != nil {
		return err
	}
	return t.txn.Put(table, key, value)
}

func (t *transaction) delete(table string, key []byte) error {
	if err := t.remember(table, key); err != nil {
		return err
	}
	return t.txn.Delete(table, key)
}

// remember keeps what a key holds before it is written, so that this function's
// writes can be taken back without those of others that share its commit.
func (t *transaction) remember(table string, key []byte) error {
	old, err := t.get(table, key)
	if err != nil {
		return err
	}
	t.undo = append(t.undo, undo{table, key, append([]byte(nil), old...), old != nil})
	return nil
}

func (t *transaction) takeBack() error {
	for _, u := range slices.Backward(t.undo) {
		var err error
		if u.existed {
			err = t.txn.Put(u.table, u.key, u.old)
		} else {
			err = t.txn.Delete(u.table, u.key)
		}
		if err != nil {
			return err
		}
	}
	t.undo, t.leaves, t.woken = nil, nil, nil
	return nil
}

// View runs fn on a snapshot. It does no I/O besides: a long View keeps a bolt
// file from growing, and then everyone waits.
func (s *Store) View(ctx context.Context, fn func(Reader) error) error {
	txn, err := s.engine.Begin(ctx, false)
	if err != nil {
		return err
	}
	defer func() { _ = txn.Rollback() }() // of a snapshot: nothing to lose
	return fn(&transaction{store: s, txn: txn, now: time.Now()})
}

// Update runs fn in a transaction and returns when it is durable. fn may run
// more than once and shares its commit with others, so it uses its Tx and
// nothing else; if it fails or panics, nothing of it stays and the others go on.
func (s *Store) Update(ctx context.Context, fn func(Tx) error) error {
	if s.writer != nil {
		return s.writer.update(ctx, fn)
	}
	return s.updateAlone(ctx, fn)
}

// Close waits for the Updates that were accepted and closes the engine. Later
// ones fail with ErrUnavailable.
func (s *Store) Close() error {
	if s.writer != nil {
		s.writer.close()
	}
	return s.engine.Close()
}

// Backup writes a consistent snapshot while the store is used.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	b, ok := s.engine.(Backuper)
	if !ok {
		return fmt.Errorf("this engine has its own way of backup: %w", schema.ErrInvalid)
	}
	return b.Backup(ctx, w)
}

// Woken returns a channel that says, after the commit, that something in the
// lane may have become due sooner. It is a hint: one for any number of wakes.
func (s *Store) Woken(lane Lane) <-chan struct{} { return s.hint(lane) }

func (s *Store) hint(lane Lane) chan struct{} {
	s.hintsMu.Lock()
	defer s.hintsMu.Unlock()
	c, ok := s.hints[lane]
	if !ok {
		c = make(chan struct{}, 1)
		s.hints[lane] = c
	}
	return c
}

func (s *Store) tell(lanes map[Lane]struct{}) {
	for lane := range lanes {
		select {
		case s.hint(lane) <- struct{}{}:
		default:
		}
	}
}

// Stats counts what the store did since it was opened.
type Stats struct {
	Commits int64 // transactions made durable
	Updates int64 // functions that were in them
	Failed  int64 // functions that were taken back
}

type stats struct{ commits, updates, failed atomic.Int64 }

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	return Stats{s.stats.commits.Load(), s.stats.updates.Load(), s.stats.failed.Load()}
}

type backgroundKey struct{}

// Background marks Updates made with the context as ones that give way to all
// others: bulk work, sweeps, rollouts.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}
