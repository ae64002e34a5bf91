// Package unmapped counts the attributes that sources send and no schema has.
package unmapped

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// maxUnmapped is how many attributes of one source are counted by their name, so
// that names without end fill nothing.
const maxUnmapped = 500

// Others stands for the attributes of a source that are counted together.
const Others = "(others)"

// A Counter counts the attributes that sources send and no schema has. It counts
// in memory, which costs requests nothing, until Keep adds that to what is
// stored; what was counted since is lost if the process dies. It is safe for
// concurrent use.
type Counter struct {
	mu      sync.Mutex
	counted map[string]map[string]schema.Unmapped // by source and attribute
}

// Saw counts one attribute of one request, and where it was.
func (u *Counter) Saw(source, attribute, where string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.add(schema.Unmapped{Source: source, Attribute: attribute, Count: 1, First: at, Last: at, Example: where})
}

func (u *Counter) add(seen schema.Unmapped) {
	if u.counted == nil {
		u.counted = map[string]map[string]schema.Unmapped{}
	}
	of := u.counted[seen.Source]
	if of == nil {
		of = map[string]schema.Unmapped{}
		u.counted[seen.Source] = of
	}
	was, known := of[seen.Attribute]
	if !known && len(of) >= maxUnmapped {
		seen.Attribute = Others
		was = of[Others]
	}
	of[seen.Attribute] = both(was, seen)
}

// both returns the count that stands for two of one attribute.
func both(a, b schema.Unmapped) schema.Unmapped {
	if a.Count == 0 {
		return b
	}
	sum := b
	if a.Last.After(b.Last) {
		sum.Last, sum.Example = a.Last, a.Example
	}
	if a.First.Before(b.First) {
		sum.First = a.First
	}
	sum.Count += a.Count
	return sum
}

// Keep adds what was counted to what is stored. If nothing was, nothing is
// written.
func (u *Counter) Keep(ctx context.Context, s *store.Store) error {
	u.mu.Lock()
	counted := u.counted
	u.counted = nil
	u.mu.Unlock()
	if len(counted) == 0 {
		return nil
	}
	err := s.Update(store.Background(ctx), func(tx store.Tx) error {
		for _, source := range slices.Sorted(maps.Keys(counted)) {
			for _, name := range slices.Sorted(maps.Keys(counted[source])) {
				if err := keep(tx, counted[source][name]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, of := range counted {
		for _, seen := range of {
			u.add(seen)
		}
	}
	return err
}

func keep(tx store.Tx, seen schema.Unmapped) error {
	was, err := store.UnmappedAttributes.Get(tx, seen.Source, seen.Attribute)
	if schema.IsNotFound(err) {
		var n int64
		if n, err = store.UnmappedSource.Kept(tx, seen.Source); err == nil && n >= maxUnmapped {
			seen.Attribute = Others
			was, err = store.UnmappedAttributes.Get(tx, seen.Source, seen.Attribute)
		}
	}
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	return store.UnmappedAttributes.Put(tx, both(was, seen))
}

// Of returns the attributes of a source, the most often sent first: what is
// stored, and what was counted since. A nil Counter has counted nothing.
func (u *Counter) Of(r store.Reader, source string) ([]schema.Unmapped, error) {
	all := map[string]schema.Unmapped{}
	for row, err := range store.UnmappedAttributes.All(r, source) {
		if err != nil {
			return nil, err
		}
		all[row.Attribute] = row
	}
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		for name, seen := range u.counted[source] {
			all[name] = both(all[name], seen)
		}
	}
	list := slices.Collect(maps.Values(all))
	slices.SortFunc(list, func(a, b schema.Unmapped) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Attribute, b.Attribute)
	})
	return list, nil
}
