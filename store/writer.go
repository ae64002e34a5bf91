package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// What bounds a commit, so that nobody waits long for a crowd: how many Updates
// share it, and for how long one may still join; one that nobody waits for, for
// less long where those who share its commit are waiting.
const (
	maxShared           = 512
	maxJoining          = 20 * time.Millisecond
	maxUnhurriedJoining = 5 * time.Millisecond
)

// A queue is the writer of a store whose engine takes one writer. While one
// commit is under way the next Updates gather, and share the one after it; it
// never waits for more to come, so that a lone Update is as quick as can be.
type queue struct {
	store *Store
	done  chan struct{} // closed when the last Update was settled

	mu          sync.Mutex
	more        sync.Cond  // what waits, or closed, changed
	interactive []*request // oldest first
	unhurried   []*request // the same; one of them at least joins each commit
	background  []*request // the same; one of them joins each commit
	closed      bool

	awaited *awaited

	undo []undo // room for what one function writes, used again for the next
	slab slab   // and for what one commit does
}

// A request is one Update on its way to its commit.
type request struct {
	fn   func(Tx) error
	ctx  context.Context
	done chan struct{} // closed when it is settled; then the rest may be read

	err      error
	panicked any
	exited   bool // fn ended its goroutine, as t.FailNow does
}

func newQueue(s *Store) *queue {
	q := &queue{store: s, awaited: &s.awaited, done: make(chan struct{})}
	q.more.L = &q.mu
	go q.run()
	return q
}

func (q *queue) update(ctx context.Context, fn func(Tx) error) error {
	r := &request{fn: fn, ctx: ctx, done: make(chan struct{})}
	if !q.add(r) {
		return errClosed()
	}
	<-r.done
	switch { // what befell fn befalls its caller
	case r.panicked != nil:
		panic(r.panicked)
	case r.exited:
		runtime.Goexit()
	}
	return r.err
}

func (q *queue) add(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	switch {
	case inBackground(r.ctx):
		q.background = append(q.background, r)
	case isUnhurried(r.ctx):
		q.unhurried = append(q.unhurried, r)
	default:
		q.interactive = append(q.interactive, r)
	}
	q.more.Signal()
	return true
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	<-q.done
}

// wait returns when there is an Update to run, or false when there never will be.
func (q *queue) wait() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.interactive)+len(q.unhurried)+len(q.background) == 0 {
		if q.closed {
			return false
		}
		q.more.Wait()
	}
	return true
}

// next takes the next Update that may join the batch, nil if there is none.
func (q *queue) next(b *batch) *request {
	if b.last {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	from := &q.interactive
	switch {
	case len(q.interactive) > 0 && !b.full(maxJoining):
		if !b.awaited {
			b.awaited = true
			q.awaited.now()
		}
	case len(q.unhurried) > 0 && (!b.patient || !b.full(b.patience())):
		from, b.patient = &q.unhurried, true
	case len(q.background) > 0:
		from, b.last = &q.background, true // it gave way to all others; whoever comes now goes first next time
	default:
		return nil
	}
	r := (*from)[0]
	(*from)[0] = nil
	*from = (*from)[1:]
	return r
}

// putBack lets Updates that were taken go first again.
func (q *queue) putBack(requests []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.interactive = slices.Concat(requests, q.interactive)
}

func (q *queue) run() {
	var b *batch
	defer func() {
		if b == nil {
			close(q.done)
			return
		}
		// A function ended this goroutine. Its caller's ends likewise; the others of
		// its commit start over in a new one.
		q.putBack(b.abandoned())
		go q.run()
	}()
	for q.wait() {
		b = &batch{store: q.store, began: time.Now(), undo: &q.undo, slab: &q.slab}
		b.requests = append(b.requests, q.next(b))
		for errors.Is(b.run(q.next), ErrRetry) {
			q.store.stats.retried.Add(1)
		}
		b.settle()
		b = nil
	}
}

// A batch is the Updates that share one commit.
type batch struct {
	store    *Store
	requests []*request
	began    time.Time
	undo     *[]undo
	slab     *slab
	awaited  bool  // one that somebody waits for joined
	patient  bool  // one of the unhurried joined
	last     bool  // one of the background joined: nobody else does
	err      error // of the transaction, and so of all

	good  int  // functions that returned no error
	wrote bool // one of those wrote something
	log   []leaf
	tail  int64 // of the log, which is not indexed
	woken map[Lane]struct{}
}

// full reports whether it is time to commit, whoever else waits, for those who may
// join for so long. One that nobody has joined yet is not, however long ago it
// began: the machine may be busy.
func (b *batch) full(joining time.Duration) bool {
	return len(b.requests) > 0 && (len(b.requests) >= maxShared || time.Since(b.began) > joining)
}

// patience is for how long those that nobody waits for may join.
func (b *batch) patience() time.Duration {
	if b.awaited {
		return maxUnhurriedJoining
	}
	return maxJoining
}

// run runs the functions one after the other in one transaction, and those that
// next still brings, and makes them durable together. Its error is one that all
// of them share; after ErrRetry it is called again.
func (b *batch) run(next func(*batch) *request) (err error) {
	defer func() { b.err = err }()
	s := b.store
	//nolint:forbidigo // the commit belongs to many callers; each one's own context is looked at below
	txn, err := s.engine.Begin(context.Background(), true)
	if err != nil {
		return err
	}
	defer func() { _ = txn.Rollback() }() // after a commit it does nothing
	b.slab.emptied()
	b.good, b.wrote, b.log, b.tail, b.woken = 0, false, nil, 0, map[Lane]struct{}{}
	for i := 0; ; i++ {
		if i == len(b.requests) {
			r := next(b)
			if r == nil {
				break
			}
			b.requests = append(b.requests, r)
		}
		if err := b.try(b.requests[i], txn); err != nil {
			return err
		}
	}
	if !b.wrote {
		return nil // there is nothing to make durable
	}
	if b.tail, err = appendLog(txn, b.log); err != nil {
		return err
	}
	start := time.Now()
	if err := txn.Commit(); err != nil {
		return err
	}
	s.stats.committed(b.good, time.Since(start))
	return nil
}

// try runs one function. What it wrote is taken back if it fails; an error is
// one of the transaction.
func (b *batch) try(r *request, txn Txn) error {
	r.err, r.panicked, r.exited = r.ctx.Err(), nil, false
	if r.err != nil {
		return nil
	}
	t := newTransaction(b.store, txn, r.ctx)
	t.write, t.undo, t.slab = true, *b.undo, b.slab
	defer func() {
		*b.undo = emptied(t.undo)
		t.end()
	}()
	r.call(t)
	if r.err != nil || r.panicked != nil {
		b.store.stats.failed.Add(1)
		return t.takeBack()
	}
	b.good++
	b.wrote = b.wrote || t.wrote()
	b.log = append(append(b.log, t.sequenced...), t.recorded...)
	for lane := range t.woken {
		b.woken[lane] = struct{}{}
	}
	return nil
}

// emptied is the room that a function's writes took, for those of the next, unless
// they were very many.
func emptied(room []undo) []undo {
	const most = 1 << 14
	if cap(room) > most {
		return nil
	}
	clear(room)
	return room[:0]
}

// call runs the function, whichever way it ends.
func (r *request) call(t *transaction) {
	returned := false
	defer func() {
		r.panicked = recover()
		r.exited = !returned && r.panicked == nil
	}()
	if r.err = r.fn(t); r.err == nil {
		r.err = t.writeCounts()
	}
	returned = true
}

// settle tells everyone how it went, and the lanes' workers that there is work.
func (b *batch) settle() {
	for _, r := range b.requests {
		if b.err != nil && r.err == nil && r.panicked == nil {
			r.err = b.err
		}
	}
	if b.err == nil {
		b.store.tell(b.woken)
	}
	if b.err == nil && b.tail >= longTail {
		b.store.indexLog()
	}
	for _, r := range b.requests {
		close(r.done)
	}
}

// abandoned settles the request whose function ended the goroutine, and returns
// the others.
func (b *batch) abandoned() []*request {
	return slices.DeleteFunc(b.requests, func(r *request) bool {
		if r.exited {
			close(r.done)
		}
		return r.exited
	})
}
