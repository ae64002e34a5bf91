package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"drawbridge/schema"
)

// Single values about the store itself.
const (
	tableMeta  = "meta"
	metaLayout = "layout" // the number of the layout that what is stored is in
)

// A migration brings what is stored from one layout to the next, in one transaction with
// the new layout's number, so that it happened or did not. One that rewrites rows takes
// turns, each in a transaction of its own, which says whether there is more: the number
// comes with the last, and one that was cut off goes on where it was.
type migration func(*transaction) (more bool, err error)

// inATurn is how many rows a migration rewrites in one transaction.
const inATurn = 1000

// atOnce is a migration that takes one turn.
func atOnce(step func(*transaction) error) migration {
	return func(t *transaction) (bool, error) { return false, step(t) }
}

// migrations lead to the layout of this code: the first from layout 1 to 2, and
// so on.
func migrations() []migration {
	return []migration{
		atOnce(layMilestones), atOnce(tellPressing), atOnce(layDueIndexes), atOnce(mayBundle), atOnce(layDeviations),
		atOnce(maySeal), atOnce(mayBeUnique), layCopies, layShared, atOnce(layAgreed),
	}
}

// layMilestones leads from layout 1, whose indexes had no milestones.
func layMilestones(t *transaction) error {
	return errors.Join(t.setMilestones(IdentityUserName.all.name), t.setMilestones(GroupName.all.name))
}

// tellPressing leads from layout 2, which had no place of their own for what was
// leased and urgent, and whose log was indexed to its end.
func tellPressing(t *transaction) error {
	for row, err := range t.rows(tableLanes, nil, nil) {
		if err != nil {
			return err
		}
		item, err := readItem(row)
		if err != nil {
			return err
		}
		s, _ := decodeState(row.Value)
		if !s.leased() || !s.pressing && !s.urgent {
			continue
		}
		was := makeKey(string(item.Lane), classLeased, timePart(s.until), item.ID)
		if err := errors.Join(t.delete(tableReady, was), t.put(tableReady, s.readyKey(nil, item.Lane, item.ID), nil)); err != nil {
			return err
		}
	}
	return indexedSoFar(t)
}

// layDueIndexes leads from layout 3, in which sweeps had no indexes of unused and
// unmanaged access and of exceptions that end, and findings no ids.
func layDueIndexes(t *transaction) error {
	return errors.Join(layIndex(t, Uses, UseLast), layIndex(t, Exceptions, ExceptionEnds), layIndex(t, Accounts, AccountUnmanaged), layIndex(t, Findings, FindingID))
}

// mayBundle leads from layout 4, which had no bundles: what knows that one alone would
// never look at who stands in them.
func mayBundle(*transaction) error { return nil }

// layDeviations leads from layout 5, in which exceptions were found by constraint, grants
// that rest on them not at all, review items only as long as they waited, and reminders by
// when they were due.
func layDeviations(t *transaction) error {
	return errors.Join(layIndex(t, Grants, GrantExcepted), layIndex(t, Exceptions, ExceptionRule), layIndex(t, ReviewItems, ItemIdentity),
		clearTable(t, "exceptions/constraint"), clearTable(t, "reminders/due"))
}

// maySeal leads from layout 6, in which details were not sealed: what knows that one alone
// would take what is sealed for what was said.
func maySeal(*transaction) error { return nil }

// mayBeUnique leads from layout 7, in which nothing of an extension was unique: what knows
// only that one would leave values in the index that nobody has.
func mayBeUnique(*transaction) error { return nil }

// layCopies leads from layout 8, which had one raw copy of a resource, that nothing named.
func layCopies(t *transaction) (more bool, err error) {
	was, more, err := leading(t, tableRaw, inATurn)
	if err != nil {
		return false, err
	}
	for _, row := range was {
		var c schema.RawCopy
		if err := json.Unmarshal(row.Value, &c); err != nil {
			return false, fmt.Errorf("raw copy: %w", err)
		}
		c.Digest = "before"
		if _, err := RawCopies.all.write(t, &c, true); err != nil {
			return false, err
		}
		if err := t.delete(tableRaw, row.Key); err != nil {
			return false, err
		}
	}
	return more, nil
}

// layShared leads from layout 9, in which one record at most was found by a value that is
// to be unique, and not the others that had it before it was to be.
func layShared(t *transaction) (more bool, err error) {
	for table, shared := range map[string]string{"identities/unique": IdentityUnique.all.name, "groups/unique": GroupUnique.all.name} {
		was, left, err := leading(t, table, inATurn)
		if err != nil {
			return false, err
		}
		for _, row := range was {
			holds := binary.BigEndian.AppendUint32(nil, uint32(len(row.Value)))
			if err := errors.Join(t.put(shared, slices.Concat(row.Key, row.Value), holds), t.delete(table, row.Key)); err != nil {
				return false, err
			}
		}
		more = more || left
	}
	return more, nil
}

// layAgreed leads from layout 10, in which requests were not found by who agreed to them.
func layAgreed(t *transaction) error { return layIndex(t, Requests, RequestAgreed) }

// leading returns copies of the first rows of a table, and whether there are more.
func leading(t *transaction, table string, most int) (some []Row, more bool, err error) {
	for row, err := range t.rows(table, nil, nil) {
		if err != nil || len(some) == most {
			return some, true, err
		}
		some = append(some, Row{Key: bytes.Clone(row.Key), Value: bytes.Clone(row.Value)})
	}
	return some, false, nil
}

// tableRaw is where raw copies were.
const tableRaw = "raw"

// clearTable deletes what is left of an index that is no more.
func clearTable(t *transaction, name string) error {
	var keys [][]byte
	for row, err := range t.rows(name, nil, nil) {
		if err != nil {
			return err
		}
		keys = append(keys, bytes.Clone(row.Key))
	}
	for _, key := range keys {
		if err := t.delete(name, key); err != nil {
			return err
		}
	}
	return nil
}

// layIndex writes an index, which keeps no counts, of what is there already.
func layIndex[R any](t *transaction, c *Collection[R], x *Index[R]) error {
	return c.all.lay(t, x.all)
}

func (c *records) lay(t *transaction, x *entries) error {
	for row, err := range t.rows(c.name, nil, nil) {
		if err != nil {
			return err
		}
		rec := c.fresh()
		if err := c.decode(row.Key, row.Value, rec); err != nil {
			return err
		}
		for _, value := range x.of(rec) {
			entry, holds := x.entry(nil, value, row.Key)
			if err := t.put(x.name, entry, holds); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare makes what is stored ready for this code: in its layout, and without
// leases of the dead. If it is, nothing is written.
func (s *Store) prepare(ctx context.Context, steps []migration) error {
	newest := int64(1 + len(steps))
	at, leased, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	if at > newest {
		return fmt.Errorf("it was written by a newer version of Drawbridge (layout %d, and this one knows %d); run that version: %w", at, newest, schema.ErrInvalid)
	}
	writers := s.engine.Writers()
	if writers == 0 {
		if at != newest {
			return fmt.Errorf("it is in layout %d and can only be read; let a bridge that may write open it first: %w", at, schema.ErrInvalid)
		}
		return nil
	}
	if at == 0 { // it is new
		if err := s.advance(ctx, 0, newest, nil); err != nil {
			return err
		}
	}
	for ; at > 0 && at < newest; at++ {
		if err := s.advance(ctx, at, at+1, steps[at-1]); err != nil {
			return err
		}
	}
	if writers == 1 && leased {
		return s.release(ctx)
	}
	return nil
}

// inspect returns the layout of what is stored, 0 if nothing is, and whether
// anything is leased.
func (s *Store) inspect(ctx context.Context) (at int64, leased bool, err error) {
	err = s.View(ctx, func(r Reader) (err error) {
		t := r.transaction()
		if at, err = t.layout(); err != nil || at == 0 {
			return err
		}
		lanes, err := t.leasedLanes()
		leased = len(lanes) > 0
		return err
	})
	return at, leased, err
}

func (t *transaction) layout() (int64, error) {
	value, err := t.get(tableMeta, []byte(metaLayout))
	if err != nil || value == nil {
		return 0, err
	}
	at, ok := keySeq(value)
	if !ok {
		return 0, fmt.Errorf("its layout has no number: is it a Drawbridge store? %w", schema.ErrInvalid)
	}
	return at, nil
}

// advance takes one step, turn by turn, unless another process took it meanwhile.
func (s *Store) advance(ctx context.Context, from, to int64, step migration) error {
	for more := true; more; {
		err := s.Update(ctx, func(tx Tx) error {
			t := tx.transaction()
			at, err := t.layout()
			if more = false; err != nil || at != from {
				return err
			}
			if step != nil {
				if more, err = step(t); err != nil || more {
					return err
				}
			}
			return t.put(tableMeta, []byte(metaLayout), seqKey(to))
		})
		if err != nil {
			return fmt.Errorf("layout %d: %w", to, err)
		}
	}
	return nil
}

func (s *Store) release(ctx context.Context) error {
	var released int
	err := s.Update(ctx, func(tx Tx) (err error) {
		released, err = tx.transaction().releaseLeases()
		return err
	})
	if err == nil {
		s.log.InfoContext(ctx, "gave back what the last process had leased", "items", released)
	}
	return err
}
