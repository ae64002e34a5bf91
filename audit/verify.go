package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/schema"
)

// A Tree hashes leaves, one after the other, in memory that grows with the
// logarithm of their number.
type Tree struct {
	size  int64
	peaks map[int64]tlog.Hash // the stored hashes that later ones are made of
}

// Add hashes one more leaf.
func (t *Tree) Add(leaf []byte) error {
	if t.peaks == nil {
		t.peaks = map[int64]tlog.Hash{}
	}
	hashes, err := tlog.StoredHashes(t.size, leaf, tlog.HashReaderFunc(t.read))
	if err != nil {
		return err
	}
	first := tlog.StoredHashIndex(0, t.size)
	for i, h := range hashes {
		t.peaks[first+int64(i)] = h
	}
	t.size++
	t.prune()
	return nil
}

// prune forgets the hashes that no later one is made of: all but the roots of
// the complete subtrees that the size divides into.
func (t *Tree) prune() {
	keep := map[int64]tlog.Hash{}
	var at int64
	for level := 62; level >= 0; level-- {
		if width := int64(1) << level; t.size&width != 0 {
			index := tlog.StoredHashIndex(level, at>>level)
			keep[index] = t.peaks[index]
			at += width
		}
	}
	t.peaks = keep
}

func (t *Tree) read(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := t.peaks[index]
		if !ok {
			return nil, fmt.Errorf("hash %d is not kept", index)
		}
		hashes[i] = h
	}
	return hashes, nil
}

// Root returns the hash of all leaves so far.
func (t *Tree) Root() (tlog.Hash, error) { return tlog.TreeHash(t.size, tlog.HashReaderFunc(t.read)) }

// Size returns how many leaves there are.
func (t *Tree) Size() int64 { return t.size }

// Verify hashes the leaves and compares them with a signed checkpoint. Leaves
// beyond the checkpoint are counted and vouched for by nothing yet.
func Verify(leaves iter.Seq2[[]byte, error], signed []byte, verifier note.Verifier) (Report, error) {
	c, err := OpenCheckpoint(signed, verifier)
	if err != nil {
		return Report{}, err
	}
	report := Report{Checkpoint: c}
	var tree Tree
	for leaf, err := range leaves {
		if err != nil {
			return report, err
		}
		if report.Entries++; report.Entries > c.Size {
			continue
		}
		if _, err := Decode(leaf); err != nil {
			return report, fmt.Errorf("entry %d: %w: %w", report.Entries-1, ErrTampered, err)
		}
		if err := tree.Add(leaf); err != nil {
			return report, err
		}
	}
	if report.Entries < c.Size {
		return report, fmt.Errorf("%d entries, and %d were signed: %w", report.Entries, c.Size, ErrTampered)
	}
	root, err := tree.Root()
	if err != nil {
		return report, err
	}
	if root != c.Root {
		return report, fmt.Errorf("the first %d entries hash to %v, and %v was signed: %w", c.Size, root, c.Root, ErrTampered)
	}
	return report, nil
}

// A Report says what a verification went through.
type Report struct {
	Checkpoint Checkpoint
	Entries    int64 // all that are there; those after Checkpoint.Size are not signed yet
}

// line is one line of an exported log.
type line struct {
	Seq        *int64  `json:"seq,omitempty"`
	Leaf       *string `json:"leaf,omitempty"`       // exactly as hashed
	Checkpoint string  `json:"checkpoint,omitempty"` // in the last line
}

// Export writes a log as JSON Lines: a line an entry with its sequence number
// and its leaf exactly as hashed, and the signed checkpoint as the last line.
// Verification needs this and the public key, and nothing of ours.
func Export(w io.Writer, leaves iter.Seq2[[]byte, error], signed []byte) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var seq int64
	for leaf, err := range leaves {
		if err != nil {
			return err
		}
		text := string(leaf)
		if err := enc.Encode(line{Seq: &seq, Leaf: &text}); err != nil {
			return err
		}
		seq++
	}
	if err := enc.Encode(line{Checkpoint: string(signed)}); err != nil {
		return err
	}
	return out.Flush()
}

// VerifyExport checks an exported log against its own checkpoint.
func VerifyExport(r io.Reader, verifier note.Verifier) (Report, error) {
	in := json.NewDecoder(bufio.NewReader(r))
	var signed []byte
	var tree Tree
	for {
		var l line
		if err := in.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Report{}, fmt.Errorf("line %d: %w: %w", tree.Size()+1, schema.ErrInvalid, err)
		}
		switch {
		case signed != nil:
			return Report{}, fmt.Errorf("line %d: something follows the checkpoint: %w", tree.Size()+2, ErrTampered)
		case l.Checkpoint != "":
			signed = []byte(l.Checkpoint)
		case l.Leaf == nil || l.Seq == nil || *l.Seq != tree.Size():
			return Report{}, fmt.Errorf("line %d: entry %d should be here: %w", tree.Size()+1, tree.Size(), ErrTampered)
		default:
			if err := tree.Add([]byte(*l.Leaf)); err != nil {
				return Report{}, err
			}
		}
	}
	if signed == nil {
		return Report{Entries: tree.Size()}, fmt.Errorf("there is no checkpoint at the end: %w", ErrTampered)
	}
	c, err := OpenCheckpoint(signed, verifier)
	if err != nil {
		return Report{Entries: tree.Size()}, err
	}
	report := Report{Checkpoint: c, Entries: tree.Size()}
	if c.Size != tree.Size() {
		return report, fmt.Errorf("%d entries, and %d were signed: %w", tree.Size(), c.Size, ErrTampered)
	}
	root, err := tree.Root()
	if err != nil {
		return report, err
	}
	if root != c.Root {
		return report, fmt.Errorf("the entries hash to %v, and %v was signed: %w", root, c.Root, ErrTampered)
	}
	return report, nil
}
