package connectors

import "hash/maphash"

// A Seen is a set of ids of which a hash is kept, for those of a listing that may be
// very long: 100,000 of them take two megabytes. Two ids of a million have one hash
// once in thirty million listings; whoever begins anew has other hashes.
type Seen struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

// NewSeen returns an empty one.
func NewSeen() *Seen { return &Seen{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}} }

// Add adds an id, and reports whether it was not there yet.
func (s *Seen) Add(id string) (news bool) {
	h := maphash.String(s.seed, id)
	_, there := s.hashes[h]
	s.hashes[h] = struct{}{}
	return !there
}

// Has reports whether the id was added.
func (s *Seen) Has(id string) bool {
	_, has := s.hashes[maphash.String(s.seed, id)]
	return has
}

// Len returns how many ids were added.
func (s *Seen) Len() int { return len(s.hashes) }
