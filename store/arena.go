package store

// A slab is memory that the keys and small values of one commit are written into, one
// behind the other, and those of the next commit again: a seventh of all memory that a
// change to very many members made was keys. Who takes from it keeps nothing of that
// beyond the commit; nor does an engine. No slab is memory of its own for each.
type slab struct{ page []byte }

const (
	smallSlab = 16 << 10
	largeSlab = 1 << 20 // of a larger commit the rest is not used again
)

// take returns room for n bytes.
func (s *slab) take(n int) []byte {
	if s == nil {
		return make([]byte, 0, n)
	}
	at := len(s.page)
	if cap(s.page)-at < n {
		size := max(smallSlab, min(2*cap(s.page), largeSlab), n)
		s.page, at = make([]byte, 0, size), 0
	}
	s.page = s.page[:at+n]
	return s.page[at : at : at+n]
}

// giveBack is for who took more than they needed, by as many bytes, before anybody else
// takes any.
func (s *slab) giveBack(n int) {
	if s != nil && n > 0 {
		s.page = s.page[:len(s.page)-n]
	}
}

// clone returns a copy of some bytes: of nil, nil.
func (s *slab) clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(s.take(len(b)), b...)
}

// emptied lets what was taken be taken again.
func (s *slab) emptied() { s.page = s.page[:0] }

// key is makeKey, of a key that is written.
func (s *slab) key(parts ...string) []byte {
	return appendKey(s.take(sizeOf(parts)), parts)
}
