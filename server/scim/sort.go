package scim

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Lists are in the order of an index, which may be walked from its end as well.
// In any other order, and of what a filter found, a bounded number of resources is
// ranked: of each only its key and its id are kept, so that ten thousand large
// ones take no more memory than ten thousand small ones.

// sorts reports whether an order is asked for that is not there by itself.
func (ask query) sorts(natural string) bool {
	inOrder := ask.sort.By(natural) && !ask.sort.Descending && ask.filter.Lookups() == nil
	return !ask.sort.None() && !inOrder
}

// sorted answers a query in the order that it asks for.
func sorted[R any](ctx context.Context, q *request, k kind[R], ask query) (listing[R], error) {
	if ask.sort.By(k.natural) && ask.filter.All() {
		return backwards(ctx, q, k, ask.page)
	}
	var all ranks
	add := func(_ R, c *wire.Candidate) {
		key, ok := ask.sort.Key(c)
		all = append(all, rank{id: c.ID, key: key, none: !ok})
	}
	var err error
	if lookups := ask.filter.Lookups(); lookups != nil {
		err = look(ctx, q, k, ask, lookups, add)
	} else {
		err = lookAtAll(ctx, q, k, ask, add)
	}
	found := listing[R]{total: len(all)}
	if err != nil {
		return found, err
	}
	all.sort(ask.sort.Descending)
	all = all[min(ask.page.StartIndex-1, len(all)):]
	all = all[:min(ask.page.Count, len(all))]
	err = q.store.View(ctx, func(r store.Reader) error {
		for _, one := range all {
			rec, err := k.in.Get(r, one.id)
			if errors.Is(err, schema.ErrNotFound) {
				continue // it went meanwhile
			}
			if err != nil {
				return err
			}
			c := k.candidate(r, rec)
			found.page, found.size = append(found.page, rec), found.size+len(c.Resource)
			if found.full(ask.page) {
				break
			}
		}
		return nil
	})
	return found, err
}

// A rank is what decides a resource's place.
type rank struct {
	key  string
	none bool // it has no value, and is last
	id   string
	at   int // where it is, for whoever has all of them
}

type ranks []rank

func (all ranks) sort(descending bool) {
	slices.SortFunc(all, rank.compare)
	if descending {
		slices.Reverse(all)
	}
}

func (a rank) compare(b rank) int {
	if a.none != b.none {
		if a.none {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id))
}

// backwards is everything from the end.
func backwards[R any](ctx context.Context, q *request, k kind[R], p wire.Page) (found listing[R], err error) {
	err = q.store.View(ctx, func(r store.Reader) error {
		total, err := k.order.Kept(r, q.source)
		found.total = int(total)
		end := found.total - (p.StartIndex - 1) // the page's resources are before it
		if err != nil || p.Count == 0 || end <= 0 {
			return err
		}
		start := max(0, end-p.Count)
		for rec, err := range k.in.Skip(r, k.order, start, q.source) {
			if err != nil {
				return err
			}
			if start++; start > end {
				break
			}
			found.page = append(found.page, rec)
		}
		slices.Reverse(found.page)
		for i, rec := range found.page {
			c := k.candidate(r, rec)
			if found.size += len(c.Resource); found.size >= maxPage {
				found.page = found.page[:i+1]
				break
			}
		}
		return nil
	})
	return found, err
}
