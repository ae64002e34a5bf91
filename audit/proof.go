package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/schema"
)

// An Inclusion proves to someone who has the log's public key, and nothing else
// of it, that a leaf is in the log that a checkpoint signed. As JSON it is a
// file to hand over.
type Inclusion struct {
	Seq        int64            `json:"seq"`
	Leaf       string           `json:"leaf"` // byte for byte as hashed
	Proof      tlog.RecordProof `json:"proof"`
	Checkpoint string           `json:"checkpoint"` // the signed note
}

// ProveInclusion proves that the leaf is entry seq of the log that was signed.
func ProveInclusion(signed []byte, seq int64, leaf []byte, hashes tlog.HashReader) (Inclusion, error) {
	c, err := Read(signed)
	if err != nil {
		return Inclusion{}, err
	}
	if seq < 0 || seq >= c.Size {
		return Inclusion{}, fmt.Errorf("entry %d is not among the %d that were signed; wait for the next checkpoint: %w", seq, c.Size, schema.ErrNotFound)
	}
	proof, err := tlog.ProveRecord(c.Size, seq, hashes)
	if err != nil {
		return Inclusion{}, fmt.Errorf("entry %d: %w", seq, err)
	}
	return Inclusion{Seq: seq, Leaf: string(leaf), Proof: proof, Checkpoint: string(signed)}, nil
}

// Check returns the checkpoint and the decision that the proof ties to it.
func (p Inclusion) Check(verifier note.Verifier) (Checkpoint, schema.Decision, error) {
	c, err := Open([]byte(p.Checkpoint), verifier)
	if err != nil {
		return c, schema.Decision{}, err
	}
	if err := tlog.CheckRecord(p.Proof, c.Size, c.Root, p.Seq, tlog.RecordHash([]byte(p.Leaf))); err != nil {
		return c, schema.Decision{}, fmt.Errorf("entry %d: %w: %w", p.Seq, ErrTampered, err)
	}
	d, err := Decode([]byte(p.Leaf))
	return c, d, err
}

// A Consistency proves that a log only grew: that what an older checkpoint
// signed is the beginning of what a newer one signed.
type Consistency struct {
	Older string         `json:"older"` // the signed notes
	Newer string         `json:"newer"`
	Proof tlog.TreeProof `json:"proof"`
}

// ProveConsistency proves that the older checkpoint's log is the beginning of
// the newer one's.
func ProveConsistency(older, newer []byte, hashes tlog.HashReader) (Consistency, error) {
	o, err := Read(older)
	if err != nil {
		return Consistency{}, err
	}
	n, err := Read(newer)
	if err != nil {
		return Consistency{}, err
	}
	p := Consistency{Older: string(older), Newer: string(newer)}
	switch {
	case o.Size > n.Size:
		return p, fmt.Errorf("the older checkpoint has %d entries and the newer one %d: %w", o.Size, n.Size, schema.ErrInvalid)
	case o.Size > 0: // an empty log is the beginning of every other
		if p.Proof, err = tlog.ProveTree(n.Size, o.Size, hashes); err != nil {
			return p, fmt.Errorf("from %d to %d entries: %w", o.Size, n.Size, err)
		}
	}
	return p, nil
}

// Check returns both checkpoints once it is sure that the newer continues the
// older.
func (p Consistency) Check(verifier note.Verifier) (older, newer Checkpoint, err error) {
	if older, err = Open([]byte(p.Older), verifier); err != nil {
		return older, newer, err
	}
	if newer, err = Open([]byte(p.Newer), verifier); err != nil {
		return older, newer, err
	}
	switch {
	case older.Origin != newer.Origin:
		err = fmt.Errorf("%s and %s are not one log: %w", older.Origin, newer.Origin, ErrTampered)
	case older.Size == 0:
	default:
		if bad := tlog.CheckTree(p.Proof, newer.Size, newer.Root, older.Size, older.Root); bad != nil {
			err = fmt.Errorf("from %d to %d entries: %w: %w", older.Size, newer.Size, ErrTampered, bad)
		}
	}
	return older, newer, err
}
