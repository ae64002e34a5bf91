package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"drawbridge/schema"
	"drawbridge/store"
)

// pageSize is how many records are read in one view of the store, so that none is
// held for long.
const pageSize = 500

// walk calls each with every record, by key, a page at a time.
func walk[R any](ctx context.Context, s *store.Store, from func(store.Reader, ...string) iter.Seq2[R, error], key func(R) []string, each func(store.Reader, R) error) error {
	var last []string
	for full := true; full; {
		err := s.View(ctx, func(r store.Reader) error {
			n := 0
			for rec, err := range from(r, last...) {
				if err != nil {
					return err
				}
				if err := each(r, rec); err != nil {
					return err
				}
				last = key(rec)
				if n++; n == pageSize {
					return nil
				}
			}
			full = false
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func isNotFound(err error) bool { return errors.Is(err, schema.ErrNotFound) }

func unmarshal(decision string, raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decision %s: its detail: %w", decision, err)
	}
	return nil
}
