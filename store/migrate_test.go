package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// TestOpenBeforeDeviations opens a store of a layout in which exceptions were found by
// constraint, and grants that rest on one not at all: whoever counts who is excepted from
// a rule counts them as well, and nothing is left of the index that was. R-EXC-6.
func TestOpenBeforeDeviations(t *testing.T) {
	for _, layout := range []byte{4, 5} {
		path := filepath.Join(t.TempDir(), "test.db")
		s := openPath(t, path)
		excepted(t, s)
		former := map[string][]byte{"exceptions/constraint": []byte("duties\x00\x01e1"), "reminders/due": []byte("2026\x00\x01m")}
		older(t, s, path, layout, func(txn store.Txn) (err error) {
			for _, table := range []string{"grants/excepted", "exceptions/rule", "reviewItems/identity"} {
				keys := keysIn(t, txn, table)
				if len(keys) == 0 {
					t.Fatalf("there is nothing in %s to take away", table)
				}
				for _, key := range keys {
					err = errors.Join(err, txn.Delete(table, key))
				}
			}
			for table, key := range former {
				err = errors.Join(err, txn.Put(table, key, nil))
			}
			return errors.Join(err, txn.Put("raw", []byte("ada\x00\x01"), []byte(`{"resource":"ada","body":{"hat":1}}`)))
		})
		s = openPath(t, path)
		checkStore(t, s)
		view(t, s, func(r store.Reader) error {
			if c, err := store.RawCopies.Get(r, "ada", "before"); err != nil || string(c.Body) != `{"hat":1}` {
				t.Errorf("layout %d: of what was sent there is %+v, %v", layout, c, err)
			}
			if n := countBy(t, r, store.Exceptions, store.ExceptionRule, schema.Exception{Constraint: "duties"}.Rule()); n != 2 {
				t.Errorf("layout %d: %d exceptions from the rule are found, want 2", layout, n)
			}
			if n := countBy(t, r, store.Grants, store.GrantExcepted, "editor"); n != 1 {
				t.Errorf("layout %d: %d grants that rest on an exception are found, want 1", layout, n)
			}
			return nil
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		e, err := bolt.Open(path, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		txn, err := e.Begin(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		for table := range former {
			if keys := keysIn(t, txn, table); len(keys) > 0 {
				t.Errorf("layout %d: %d rows of %s are left", layout, len(keys), table)
			}
		}
		err = txn.Rollback()
		if err := errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// excepted writes exceptions, a grant that rests on one, and a review item that was decided.
func excepted(t *testing.T, s *store.Store) {
	t.Helper()
	later := time.Now().Add(time.Hour)
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			store.Exceptions.Put(tx, schema.Exception{ID: "e1", Identity: "ada", Constraint: "duties", State: schema.ExceptionApproved, Expires: later}),
			store.Exceptions.Put(tx, schema.Exception{ID: "e2", Identity: "bob", Constraint: "duties", State: schema.ExceptionApproved, Expires: later}),
			store.Grants.Put(tx, schema.Grant{ID: "g1", Identity: "ada", Role: "editor", Until: later, Excepted: []string{"exception/e1"}}),
			store.Grants.Put(tx, schema.Grant{ID: "g2", Identity: "bob", Role: "editor", Until: later}),
			store.ReviewItems.Put(tx, schema.ReviewItem{Review: "r", Identity: "ada", Holding: "role/editor", State: schema.ItemKept}),
		)
	})
}

func countBy[R any](t *testing.T, r store.Reader, c *store.Collection[R], x *store.Index[R], value string) (n int) {
	t.Helper()
	for _, err := range c.By(r, x, value) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestManyCopiesAreLaidInTurns opens a store with more raw copies, of before there were
// several of a resource, than one transaction is to hold, and is cut off in between: what
// is done is not done again, and the layout is the new one when all of it is.
func TestManyCopiesAreLaidInTurns(t *testing.T) {
	const copies = 2500
	path := filepath.Join(t.TempDir(), "test.db")
	older(t, openPath(t, path), path, 8, func(txn store.Txn) (err error) {
		for i := range copies {
			id := fmt.Sprintf("p%04d", i)
			err = errors.Join(err, txn.Put("raw", []byte(id+"\x00\x01"), []byte(`{"resource":"`+id+`","body":{"hat":1}}`)))
		}
		return err
	})

	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var most int
	_, err = store.Open(&rationed{Engine: e, writes: 2, most: &most})
	if !errors.Is(err, errRation) {
		t.Fatalf("it was not cut off: %v", err)
	}
	_ = e.Close()
	if e, err = bolt.Open(path, bolt.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(&rationed{Engine: e, writes: 100, most: &most})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	view(t, s, func(r store.Reader) error {
		for c, err := range store.RawCopies.All(r) {
			if n++; err != nil || c.Digest != "before" || string(c.Body) != `{"hat":1}` {
				t.Errorf("%+v, %v", c, err)
			}
		}
		return nil
	})
	if n != copies {
		t.Errorf("there are %d copies, want %d", n, copies)
	}
	if most > 4000 {
		t.Errorf("a transaction wrote %d rows", most)
	}
	checkStore(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

var errRation = errors.New("it was cut off")

// A rationed engine refuses to begin more than some writes, and says how many rows the
// largest of them wrote.
type rationed struct {
	store.Engine
	writes int
	most   *int
}

func (e *rationed) Begin(ctx context.Context, write bool) (store.Txn, error) {
	if !write {
		return e.Engine.Begin(ctx, false)
	}
	if e.writes--; e.writes < 0 {
		return nil, errRation
	}
	txn, err := e.Engine.Begin(ctx, true)
	return &rationedTxn{Txn: txn, most: e.most}, err
}

type rationedTxn struct {
	store.Txn
	puts int
	most *int
}

func (t *rationedTxn) Put(table string, key, value []byte) error {
	t.puts++
	*t.most = max(*t.most, t.puts)
	return t.Txn.Put(table, key, value)
}

// TestOpenBeforeAgreed opens a store of a layout in which requests were not found by who
// agreed to them: those of somebody who leaves are found all the same. R-POL-3.
func TestOpenBeforeAgreed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openPath(t, path)
	agreed := []schema.Approval{{By: "identity/boss"}, {By: "identity/gone", Void: "left"}}
	update(t, s, func(tx store.Tx) error {
		return errors.Join(
			store.Requests.Put(tx, schema.Request{ID: "q1", Identity: "ada", Role: "editor", State: schema.RequestOpen, Approvals: agreed}),
			store.Requests.Put(tx, schema.Request{ID: "q2", Identity: "ada", Role: "payer", State: schema.RequestDenied, Approvals: agreed}),
		)
	})
	older(t, s, path, 10, func(txn store.Txn) error {
		keys := keysIn(t, txn, "requests/agreed")
		if len(keys) != 1 {
			t.Fatalf("%d are in the index, want the one approval that stands of the request that is open", len(keys))
		}
		return txn.Delete("requests/agreed", keys[0])
	})
	s = openPath(t, path)
	checkStore(t, s)
	view(t, s, func(r store.Reader) error {
		if n := countBy(t, r, store.Requests, store.RequestAgreed, "identity/boss"); n != 1 {
			t.Errorf("%d requests are found that the boss agreed to, want 1", n)
		}
		return nil
	})
}

// TestUnboundedOfBefore holds that a grant which an older version of the program wrote, without
// an end and without a word on why, is still looked at and ended; and that none comes to be
// one again. R-JIT-1.
func TestUnboundedOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openPath(t, path)
	g := schema.Grant{ID: "g", Identity: "ada", Role: "editor", Permanent: "editors stay"}
	update(t, s, func(tx store.Tx) error { return store.Grants.Put(tx, g) })
	older(t, s, path, 11, func(txn store.Txn) (err error) {
		for _, key := range keysIn(t, txn, "grants") {
			err = errors.Join(err, txn.Put("grants", key, []byte(`{"id":"g","identity":"ada","role":"editor","from":"0001-01-01T00:00:00Z","by":"","reason":""}`)))
		}
		return err
	})
	s = openPath(t, path)
	g.Permanent, g.Reviewed = "", time.Unix(1, 0).UTC()
	update(t, s, func(tx store.Tx) error { return store.Grants.Put(tx, g) })
	g.Ended = time.Unix(2, 0).UTC()
	update(t, s, func(tx store.Tx) error { return store.Grants.Put(tx, g) })
	g.Ended = time.Time{}
	for _, id := range []string{"g", "other"} {
		g.ID = id
		if err := s.Update(t.Context(), func(tx store.Tx) error { return store.Grants.Put(tx, g) }); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("grant %s that has no end, and does not say why: %v, want it refused", id, err)
		}
	}
	checkStore(t, s)
}

// older closes a store, and has its file be of an older layout, after what is written there
// past the store.
func older(t *testing.T, s *store.Store, path string, layout byte, write func(store.Txn) error) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(write(txn), txn.Put("meta", []byte("layout"), []byte{0, 0, 0, 0, 0, 0, 0, layout}), txn.Commit(), e.Close())
	if err != nil {
		t.Fatal(err)
	}
}
