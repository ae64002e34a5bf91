package scim

import (
	"maps"
	"slices"

	"drawbridge/schema"
)

// Edits are what a request does to who is in a group: all of its operations, as
// one.
type Edits struct {
	Replace bool     // whoever is not in Join leaves; Leave is empty
	Join    []string // sorted
	Leave   []string // sorted; in Join is none of them
}

// None reports whether nobody joins or leaves.
func (e Edits) None() bool { return !e.Replace && len(e.Join)+len(e.Leave) == 0 }

// Edits returns what the patch does to the members, whatever its operations did
// and undid: the last word on each id counts.
func (p Patch) Edits() Edits {
	var e Edits
	if o, ok := p.only(); ok {
		ids := schema.Sorted(o.IDs...)
		if e.Replace = o.all; o.Op == Remove && !o.all {
			e.Leave = ids
		} else {
			e.Join = ids
		}
		return e
	}
	last := map[string]bool{} // whether it is in, by the last word
	for _, o := range p.Operations {
		if !o.Attribute.edges {
			continue
		}
		if o.all {
			e.Replace = true
			clear(last)
		}
		for _, id := range o.IDs {
			last[id] = o.Op != Remove
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		switch {
		case last[id]:
			e.Join = append(e.Join, id)
		case !e.Replace:
			e.Leave = append(e.Leave, id)
		}
	}
	return e
}

// only returns the operation on the members, if it is the only one.
func (p Patch) only() (only Operation, ok bool) {
	for _, o := range p.Operations {
		if !o.Attribute.edges {
			continue
		}
		if ok {
			return only, false
		}
		only, ok = o, true
	}
	return only, ok
}

// Edits returns what the body does to the members: nothing where it says nothing.
func (b Body) Edits() Edits { return Edits{Replace: b.Listed, Join: b.Members} }
