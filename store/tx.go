package store

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"drawbridge/schema"
)

// A Reader reads the store as of one moment. It is used by one goroutine, until
// the function it was given to returns.
type Reader interface {
	// Now is the moment, in UTC; everything decided in the transaction is decided
	// as of then.
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
	// leased item stays with its worker and is due again afterwards. The zero time
	// is ErrInvalid: what is never due is not woken.
	Wake(lane Lane, id string, at time.Time) error
	// WakeUrgent makes an item due now and before all that are not urgent. It
	// stays urgent through Retry, until it is done.
	WakeUrgent(lane Lane, id string) error
	// WakeAll is Wake of very many at once, for one thing. It costs little until they
	// are leased, which those are before them that were woken one by one.
	WakeAll(lane Lane, ids []string, at time.Time) error
	// WakeAllUrgent is WakeUrgent of very many at once: they go before all that are
	// not urgent.
	WakeAllUrgent(lane Lane, ids []string) error
	// Lease takes up to n items that are due, urgent ones first, then by when they
	// were due. They come back if they are not settled before the lease ends.
	Lease(lane Lane, n int, ttl time.Duration) ([]Item, error)
	// LeaseUrgent is Lease of the urgent ones alone.
	LeaseUrgent(lane Lane, n int, ttl time.Duration) ([]Item, error)
	// Renew has a lease end so long from now, for work that goes on. ErrLeaseLost if
	// the item is no longer the caller's.
	Renew(item Item, ttl time.Duration) error
	// Done settles a leased item: due next, or no longer if next is zero. One that
	// was woken meanwhile is due then, if that is sooner. The next attempt is the
	// first again. ErrLeaseLost if the item is no longer the caller's.
	Done(item Item, next time.Time) error
	// Retry settles a leased item whose work failed: due at a time, or sooner if it
	// was woken meanwhile. Attempts go on being counted, unless a change came
	// first. ErrLeaseLost if the item is no longer the caller's.
	Retry(item Item, at time.Time) error
	// Postpone settles a leased item whose work could not begin: due at a time, or
	// sooner if it was woken meanwhile. It was no attempt. ErrLeaseLost if the item is
	// no longer the caller's.
	Postpone(item Item, at time.Time) error
	// Rewoken reports whether a leased item was woken meanwhile, so that its work
	// is out of date. ErrLeaseLost if the item is no longer the caller's.
	Rewoken(item Item) (bool, error)
	// Record writes a decision to the log. It sets the id and the time where they
	// are empty and returns the decision as recorded. The log has it after the
	// commit; where several processes write, after the sequencer ran.
	Record(d schema.Decision) (schema.Decision, error)
}

// transaction is the one implementation of Reader and Tx: one function's part in
// a transaction of the engine.
type transaction struct {
	store *Store
	txn   Txn
	ctx   context.Context
	now   time.Time

	write     bool
	slab      *slab             // for what is written; may be nil
	looked    []byte            // the key that was looked up last
	asked     [1][]byte         // the same, as the engine is asked for it
	undo      []undo            // how to take back what was written, newest last
	changed   []change          // room for those of indexes
	recorded  []leaf            // decisions made here, to be logged at the commit
	sequenced []leaf            // decisions taken from the outbox, likewise
	woken     map[Lane]struct{} // lanes to hint about after the commit
	counted   map[counter]int64 // what is still to be added to counts
	destroys  []uint64          // keys of people, when it is durable
}

func newTransaction(s *Store, txn Txn, ctx context.Context) *transaction { //nolint:revive // the context is what it holds, not what it is called with
	return &transaction{store: s, txn: txn, ctx: ctx, now: now()}
}

func (t *transaction) Now() time.Time            { return t.now }
func (t *transaction) transaction() *transaction { return t }

// end keeps a Reader that outlived its function from reading what is no longer
// there, or from writing into a stranger's commit.
func (t *transaction) end() { t.txn, t.undo = ended{}, nil }

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
	t.asked[0] = key
	values, err := t.txn.Get(table, t.asked[:]...)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// lookup is the key of something that is read at once: the next one takes its place.
func (t *transaction) lookup(parts ...string) []byte {
	t.looked = appendKey(t.looked[:0], parts)
	return t.looked
}

func (t *transaction) put(table string, key, value []byte) error {
	old, err := t.get(table, key)
	if err != nil {
		return err
	}
	return t.replace(table, key, old, value)
}

// replace is put where it is known what the key holds: nil is nothing.
func (t *transaction) replace(table string, key, old, value []byte) error {
	t.undo = append(t.undo, undo{table, key, t.slab.clone(old), old != nil})
	return t.txn.Put(table, key, value)
}

func (t *transaction) delete(table string, key []byte) error {
	old, err := t.get(table, key)
	if err != nil || old == nil {
		return err
	}
	return t.remove(table, key, old)
}

// remove is delete where it is known what the key holds.
func (t *transaction) remove(table string, key, old []byte) error {
	t.undo = append(t.undo, undo{table, key, t.slab.clone(old), true})
	return t.txn.Delete(table, key)
}

// wrote reports whether a function that succeeded left something to commit.
func (t *transaction) wrote() bool {
	return len(t.undo) > 0 || len(t.recorded) > 0 || len(t.sequenced) > 0
}

// takeBack undoes what was written, newest first, so that of a function that
// failed nothing stays in a commit that others share.
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
	t.recorded, t.sequenced, t.woken, t.counted = nil, nil, nil, nil
	return nil
}

// rows scans a table, until the caller has enough or its context is done.
func (t *transaction) rows(table string, from, to []byte) iter.Seq2[Row, error] {
	if t.write {
		return t.ahead(table, from, to)
	}
	return func(yield func(Row, error) bool) {
		n := 0
		for row, err := range t.txn.Scan(table, from, to) {
			if n++; n%256 == 0 && err == nil {
				err = t.ctx.Err()
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// ahead scans a table within a transaction that writes. It reads rows ahead, a
// few at first, so that the walker may write to the table meanwhile; what it
// writes there may or may not come up later in the walk.
func (t *transaction) ahead(table string, from, to []byte) iter.Seq2[Row, error] {
	const least, most = 8, 512
	return func(yield func(Row, error) bool) {
		for size := least; ; size = min(2*size, most) {
			page, err := t.page(table, from, to, size)
			if err == nil {
				err = t.ctx.Err()
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
			from = append(bytes.Clone(page[size-1].Key), 0)
		}
	}
}

func (t *transaction) page(table string, from, to []byte, size int) ([]Row, error) {
	var page []Row // mostly there is nothing
	for row, err := range t.txn.Scan(table, from, to) {
		if err != nil {
			return nil, err
		}
		page = append(page, Row{bytes.Clone(row.Key), bytes.Clone(row.Value)})
		if len(page) == size {
			break
		}
	}
	return page, nil
}

// ended is what is left of a transaction whose function returned.
type ended struct{}

var errEnded = errors.New("the transaction has ended: a Reader and a Tx are good until their function returns")

func (ended) Get(string, ...[]byte) ([][]byte, error)          { return nil, errEnded }
func (ended) Claim(string, []byte, []byte, int) ([]Row, error) { return nil, errEnded }
func (ended) Put(string, []byte, []byte) error                 { return errEnded }
func (ended) Delete(string, []byte) error                      { return errEnded }
func (ended) Commit() error                                    { return errEnded }
func (ended) Rollback() error                                  { return errEnded }
func (ended) Scan(string, []byte, []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { yield(Row{}, errEnded) }
}
