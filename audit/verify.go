package audit

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// A Report says what a verification went through.
type Report struct {
	Checkpoint  Checkpoint // the newest one
	Checkpoints int        // how many there were
	Entries     int64      // all that are there; those after Checkpoint.Size are not signed yet
	Pruned      int64      // of them, those that are vouched for by their hash alone
	Line        int64      // of an export: the first line at fault, from 1; zero if none is
}

// Verify hashes the leaves of a log and compares them with the newest of its
// signed checkpoints and with every other that is known, such as one kept where
// the log's operator cannot reach it. Leaves beyond the newest are counted and
// vouched for by nothing yet. Of what was pruned only the hash is left; what is missing
// and was pruned by no decision of the log is ErrTampered.
func Verify(leaves iter.Seq2[Leaf, error], verifier note.Verifier, signed []byte, known ...[]byte) (Report, error) {
	newest, err := Open(signed, verifier)
	if err != nil {
		return Report{}, err
	}
	w, err := newWatch(verifier, append(known, signed))
	if err != nil {
		return Report{}, err
	}
	report := Report{Checkpoint: newest, Checkpoints: len(w.due)}
	var tree Tree
	var pruned pruning
	if err := w.at(&tree); err != nil {
		return report, err
	}
	for leaf, err := range leaves {
		if err != nil {
			return report, err
		}
		report.Entries++
		if len(w.due) == 0 {
			continue
		}
		if err := tree.take(leaf, &pruned); err != nil {
			return report, err
		}
		report.Pruned = pruned.bodies
		if err := w.at(&tree); err != nil {
			return report, err
		}
	}
	if err := w.end(&tree); err != nil {
		return report, err
	}
	return report, pruned.end()
}

// take adds a leaf that is a decision, or was one.
func (t *Tree) take(leaf Leaf, pruned *pruning) error {
	if leaf.Body == nil {
		pruned.missing(t.size)
		t.AddHash(leaf.Hash)
		return nil
	}
	d, err := Decode(leaf.Body)
	if err != nil {
		return fmt.Errorf("entry %d: %w: %w", t.size, ErrTampered, err)
	}
	pruned.decided(t.size, d)
	t.Add(leaf.Body)
	return nil
}

// A watch compares a growing tree with checkpoints as it comes to their sizes.
type watch struct {
	due  []Checkpoint // not yet reached, by size
	good int64        // how many entries a checkpoint has vouched for
}

func newWatch(verifier note.Verifier, signed [][]byte) (*watch, error) {
	w := &watch{}
	for _, text := range signed {
		c, err := Open(text, verifier)
		if err != nil {
			return nil, err
		}
		if len(w.due) > 0 && w.due[0].Origin != c.Origin {
			return nil, fmt.Errorf("checkpoints of two logs, %s and %s: %w", w.due[0].Origin, c.Origin, ErrTampered)
		}
		w.due = append(w.due, c)
	}
	slices.SortFunc(w.due, func(a, b Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return w, nil
}

// at compares the tree with the checkpoints of its size.
func (w *watch) at(tree *Tree) error {
	for len(w.due) > 0 && w.due[0].Size == tree.Size() {
		if err := w.compare(tree, w.due[0]); err != nil {
			return err
		}
		w.due = w.due[1:]
	}
	return nil
}

func (w *watch) compare(tree *Tree, c Checkpoint) error {
	if root := tree.Root(); root != c.Root {
		return fmt.Errorf("entries %d to %d: with them the log hashes to %v, and %v was signed: %w",
			w.good, c.Size-1, root, c.Root, ErrTampered)
	}
	w.good = c.Size
	return nil
}

// end is what is wrong with a log that ends here.
func (w *watch) end(tree *Tree) error {
	if len(w.due) == 0 {
		return nil
	}
	return fmt.Errorf("entry %d is missing, and %d were signed: %w", tree.Size(), w.due[len(w.due)-1].Size, ErrTampered)
}
