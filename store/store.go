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
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"drawbridge/schema"
)

// A Store keeps what the bridge knows. It is safe for concurrent use.
type Store struct {
	turns  sync.Map // of bundles, by lane and urgency: how many were leased few at a time
	engine Engine
	rand   io.Reader
	keys   *keyring    // of people; may be nil
	owes   atomic.Bool // keys were to be destroyed, and could not be
	log    *slog.Logger
	stats  stats
	writer interface { // how Updates come to their commits
		update(ctx context.Context, fn func(Tx) error) error
		close()
	}

	life     context.Context // of what the store does by itself, until it is closed
	end      context.CancelFunc
	chores   sync.WaitGroup // what it does by itself
	indexing atomic.Bool    // the log's tail is being indexed
	awaited  awaited

	hintsMu sync.Mutex
	hints   map[Lane]chan struct{}
}

// An Option changes how a store is opened.
type Option func(*Store)

// WithRand sets where ids and salts take their randomness from, instead of
// crypto/rand. It need not be safe for concurrent use.
func WithRand(r io.Reader) Option { return func(s *Store) { s.rand = &lockedReader{r: r} } }

// WithLog sets where the store says what an operator may want to know, such as
// leases that it gave back. Without it, nothing is said.
func WithLog(log *slog.Logger) Option { return func(s *Store) { s.log = log } }

// lockedReader lets goroutines take turns at a reader.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

// Open returns a store on an engine, which it closes in the end, also when it
// fails. On an engine that only this process has, leases that a dead process
// left behind are given back. A store as it should be is opened without a write,
// so that one that can only be read can be opened too.
func Open(e Engine, opts ...Option) (*Store, error) {
	s := &Store{engine: e, rand: rand.Reader, log: slog.New(slog.DiscardHandler), hints: map[Lane]chan struct{}{}}
	for _, o := range opts {
		o(s)
	}
	//nolint:forbidigo // it is nobody's: what the store does by itself is for all who use it
	s.life, s.end = context.WithCancel(context.Background())
	switch e.Writers() {
	case 0:
		s.writer = nobody{}
	case 1:
		s.writer = newQueue(s)
	default:
		s.writer = newCrowd(s)
	}
	//nolint:forbidigo // opening is all or nothing: there is no caller who could lose interest half way
	if err := s.prepare(context.Background(), migrations()); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), s.Close())
	}
	if err := s.openKeys(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), s.Close())
	}
	if behind, err := s.mattersBehind(s.life); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), s.Close())
	} else if behind && e.Writers() > 0 {
		s.indexLog()
	}
	return s, nil
}

// View runs fn on a snapshot, which ends when fn returns. fn does no I/O besides
// and waits for nothing: a long View keeps an engine from using space again.
func (s *Store) View(ctx context.Context, fn func(Reader) error) error {
	txn, err := s.engine.Begin(ctx, false)
	if err != nil {
		return err
	}
	t := newTransaction(s, txn, ctx)
	defer func() {
		t.end()
		_ = txn.Rollback() // of a snapshot: nothing to lose
	}()
	return fn(t)
}

// Update runs fn in a transaction and returns when it is durable. fn may run
// more than once and shares its commit with others, so it uses its Tx and
// nothing else, and starts no Update of its own, which would wait for itself. If
// it fails or panics, nothing of it stays and the others go on. A context that
// is done before fn starts keeps it from running; afterwards it changes nothing.
// Where nothing was written, nothing is committed.
// After Close, Update is ErrUnavailable.
func (s *Store) Update(ctx context.Context, fn func(Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var destroys []uint64
	err := s.writer.update(ctx, func(tx Tx) error {
		err := fn(tx)
		destroys = tx.transaction().destroys
		return err
	})
	if err == nil && len(destroys) > 0 {
		if err := s.destroy(destroys); err != nil { // what was decided stays decided
			s.log.ErrorContext(ctx, "the keys of people who were forgotten are still there; it is tried again when the next is forgotten, or the bridge starts", "error", err)
		}
	}
	return err
}

// errTried ends a transaction that was only to be tried.
var errTried = errors.New("only tried")

// Try is Update of which nothing stays: it says how fn would fare.
func (s *Store) Try(ctx context.Context, fn func(Tx) error) error {
	err := s.Update(ctx, func(tx Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// Close finishes the Updates that were accepted and closes the engine.
func (s *Store) Close() error {
	s.end()
	s.writer.close()
	s.chores.Wait()
	err := s.engine.Close()
	if s.keys != nil {
		err = errors.Join(err, s.keys.Close())
	}
	return err
}

// Backup writes a consistent snapshot while the store is used. An engine that
// has a way of its own is ErrInvalid.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	b, ok := s.engine.(Backuper)
	if !ok {
		return fmt.Errorf("this engine is backed up by its own means: %w", schema.ErrInvalid)
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

type (
	backgroundKey struct{}
	unhurriedKey  struct{}
)

// Background marks Updates made with the context as ones that give way to all
// others: bulk work, sweeps, rollouts.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// Unhurried marks Updates made with the context as ones that nobody waits for:
// those that somebody does go first. They are held up less than the background.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, true)
}

func isUnhurried(ctx context.Context) bool { return ctx.Value(unhurriedKey{}) != nil }

func inBackground(ctx context.Context) bool { return ctx.Value(backgroundKey{}) != nil }

func errClosed() error { return fmt.Errorf("the store is closed: %w", schema.ErrUnavailable) }

// now is the moment of a transaction: in UTC and without the monotonic clock, as
// it will be read back.
func now() time.Time { return time.Now().UTC().Round(0) }

// nobody is the writer of a store that can only be read.
type nobody struct{}

func (nobody) update(context.Context, func(Tx) error) error {
	return fmt.Errorf("the store was opened for reading only: %w", schema.ErrForbidden)
}

func (nobody) close() {}
