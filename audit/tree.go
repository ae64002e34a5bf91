package audit

import "golang.org/x/mod/sumdb/tlog"

// A Tree hashes leaves, one after the other. It keeps the roots of the complete
// subtrees that its size is the sum of, largest first, and nothing else: a few
// dozen hashes, however many leaves. The zero Tree is empty and ready to use.
type Tree struct {
	size  int64
	roots []tlog.Hash
}

// Add hashes one more leaf.
func (t *Tree) Add(leaf []byte) { t.AddHash(tlog.RecordHash(leaf)) }

// AddHash adds one more leaf of which only the hash is known.
func (t *Tree) AddHash(h tlog.Hash) {
	// As in counting in binary: each subtree of the new one's width is joined with
	// it, and the carry goes on.
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.roots) - 1
		h = tlog.NodeHash(t.roots[last], h)
		t.roots = t.roots[:last]
	}
	t.roots = append(t.roots, h)
	t.size++
}

// Size returns how many leaves there are.
func (t *Tree) Size() int64 { return t.size }

// Root returns the hash of all leaves so far.
func (t *Tree) Root() tlog.Hash {
	if len(t.roots) == 0 {
		empty, _ := tlog.TreeHash(0, nil) // of nothing it reads nothing, and cannot fail
		return empty
	}
	h := t.roots[len(t.roots)-1]
	for i := len(t.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.roots[i], h)
	}
	return h
}
