package store

import (
	"errors"
	"fmt"

	"drawbridge/schema"
)

// Single values about the store itself.
const (
	tableMeta  = "meta"
	metaLayout = "layout"
	metaSigned = "log.signed"
)

// layout is the number of the layout this code writes. A change of it comes with
// a step in migrations.
const layout = 1

// migrations bring a store from the layout of their index to the next one, each
// in one transaction.
var migrations = map[int64]func(*transaction) error{}

// prepare makes a store ready: its layout that of this code, its leases those of
// living workers.
func prepare(t *transaction) error {
	value, err := t.get(tableMeta, []byte(metaLayout))
	if err != nil {
		return err
	}
	at := int64(layout)
	if value != nil {
		if len(value) != 8 {
			return errors.New("stored layout is not a number; is this a Drawbridge store?")
		}
		at = keySeq(value)
	}
	if at > layout {
		return fmt.Errorf("it was written by a newer version (layout %d, and this one knows %d): %w", at, layout, schema.ErrInvalid)
	}
	for ; at < layout; at++ {
		if err := migrations[at](t); err != nil {
			return fmt.Errorf("migrate from layout %d: %w", at, err)
		}
	}
	if value == nil || keySeq(value) != layout {
		if err := t.put(tableMeta, []byte(metaLayout), seqKey(layout)); err != nil {
			return err
		}
	}
	if t.store.engine.Writers() > 1 {
		return nil
	}
	return releaseLeases(t)
}
