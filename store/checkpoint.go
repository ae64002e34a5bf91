package store

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

const metaSigned = "log.signed" // the size that the newest checkpoint signed

// Checkpoint returns the newest signed head of the log, or ErrNotFound.
func Checkpoint(r Reader) ([]byte, error) {
	t := r.transaction()
	size, err := t.get(tableMeta, []byte(metaSigned))
	if err != nil {
		return nil, err
	}
	if size == nil {
		return nil, fmt.Errorf("checkpoint: nothing was signed yet: %w", schema.ErrNotFound)
	}
	signed, err := t.get(tableCheckpoints, size)
	return bytes.Clone(signed), err
}

// SignCheckpoint signs the log's head if it grew since the last time, and
// reports whether it did. If it did not grow, nothing is written.
func (s *Store) SignCheckpoint(ctx context.Context, signer note.Signer, origin string) (signed bool, err error) {
	c := audit.Checkpoint{Origin: origin}
	err = s.View(ctx, func(r Reader) (err error) {
		var last int64
		if last, c.Size, err = signedAndSize(r.transaction()); err != nil || last == c.Size {
			c.Size = 0
			return err
		}
		c.Root, err = tlog.TreeHash(c.Size, Hashes(r))
		return err
	})
	if err != nil || c.Size == 0 {
		return false, err
	}
	text, err := c.Sign(signer)
	if err != nil {
		return false, err
	}
	err = s.Update(ctx, func(tx Tx) error {
		t := tx.transaction()
		last, _, err := signedAndSize(t)
		if signed = last < c.Size; err != nil || !signed {
			return err // somebody else signed meanwhile
		}
		if err := t.put(tableCheckpoints, seqKey(c.Size), text); err != nil {
			return err
		}
		return t.put(tableMeta, []byte(metaSigned), seqKey(c.Size))
	})
	return signed && err == nil, err
}

// signedAndSize returns how many entries were signed and how many there are.
func signedAndSize(t *transaction) (signed, size int64, err error) {
	value, err := t.get(tableMeta, []byte(metaSigned))
	if err != nil {
		return 0, 0, err
	}
	if value != nil {
		var ok bool
		if signed, ok = keySeq(value); !ok {
			return 0, 0, broken(tableMeta, []byte(metaSigned))
		}
	}
	size, err = logSize(t.txn)
	return signed, size, err
}
