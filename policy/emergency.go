package policy

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/schema"
)

// OnlyRemoves reports whether another policy differs from this one in what takes access
// away, and in nothing else: a role or an exception is gone, a role gives less or is ended
// by more, a mode is lowered. Who else would get something by that, as where a role stood
// in the way of another, only a plan tells.
func (b *Book) OnlyRemoves(to *Book) bool {
	if b == nil || b.digest == to.digest {
		return false
	}
	was, is := b.set.lessened(), to.set.lessened()
	for ref := range is {
		if _, known := was[ref]; !known {
			return false
		}
	}
	for ref, w := range was {
		i, stays := is[ref]
		switch {
		case !stays && (strings.HasPrefix(ref, "Role/") || strings.HasPrefix(ref, "Exception/")):
		case !stays, !w.lessens(i):
			return false
		}
	}
	return true
}

// A lesser is what a document says beside what may be lessened in it: its mode, and of a
// role what it gives and what ends it.
type lesser struct {
	moded
	gives []Holding
	ends  []string
}

// lessens reports whether a document says the same otherwise, and no more of these.
func (w lesser) lessens(is lesser) bool {
	return w.text == is.text && schema.Least(is.mode, w.mode) == schema.Least(is.mode) && len(is.gives) > 0 == (len(w.gives) > 0) &&
		!slices.ContainsFunc(is.gives, func(h Holding) bool { return !slices.Contains(w.gives, h) }) &&
		!slices.ContainsFunc(w.ends, func(set string) bool { return !slices.Contains(is.ends, set) })
}

// lessened returns the documents by kind and name.
func (s *Set) lessened() map[string]lesser {
	all := map[string]lesser{}
	for ref, m := range s.modes() {
		all[ref] = lesser{moded: m}
	}
	for _, r := range s.Roles {
		c := *r
		c.Spec.Mode, c.Spec.Grants, c.Spec.Triggers = "", nil, nil
		text, err := json.Marshal(&c)
		if err != nil {
			return nil // they are plain
		}
		one := all[r.Ref()]
		one.text, one.gives, one.ends = string(text), r.Spec.Grants, r.Spec.Triggers
		all[r.Ref()] = one
	}
	return all
}
