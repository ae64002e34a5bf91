package scim

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sort"
	"strings"

	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Lists are in the order of an index, which may be walked from its end as well. In any
// other order all that the filter means is looked at, and ranked: no more ranks are kept
// than come before the end of the page, and of each only its key and its id, so that a
// page of a million large resources takes no more memory than one of some small ones.
// Since that is more the further a page lies behind the first, pages by index end where
// Limits.Scan does; by cursor, each begins behind the last, and they have no end (ahead).

// sorts reports whether an order is asked for that is not there by itself.
func (ask query) sorts(natural string) bool {
	inOrder := ask.sort.By(natural) && !ask.sort.Descending && ask.filter.Lookups() == nil
	return !ask.sort.None() && !inOrder
}

// sorted answers a query in the order that it asks for.
func sorted[R any](ctx context.Context, q *request, k kind[R], ask query) (found listing[R], err error) {
	if ask.sort.By(k.natural) && ask.sort.Descending && ask.filter.All() {
		return backwards(ctx, q, k, ask)
	}
	of := strings.Join([]string{q.source, k.typ.Name, ask.said}, "\x00")
	list, kept := ranked{}, false
	if ask.walks() {
		list, kept = q.ahead.behind(of, ask.after, ask.sort.Descending, ask.page.Count, q.received)
	}
	if !kept {
		if list, err = rankAll(ctx, q, k, ask); err != nil {
			return listing[R]{total: list.total}, err
		}
		if list.of = of; ask.walks() && len(list.ranks) > ask.page.Count {
			q.ahead.keep(list)
		}
	}
	before := ask.page.StartIndex - 1
	if before > q.limits.Scan && before < list.total {
		return found, wire.Invalid(wire.TooMany, "startIndex: in this order, pages by index begin at %d at most; page by cursor", q.limits.Scan+1)
	}
	list.ranks = list.ranks[min(before, len(list.ranks)):]
	return readRanked(ctx, q, k, ask, list, kept)
}

// rankAll ranks everything that the filter means, and returns what comes first: up to the
// end of the page, and further for the pages behind it.
func rankAll[R any](ctx context.Context, q *request, k kind[R], ask query) (ranked, error) {
	first := &foremostRanks{most: min(ask.page.StartIndex-1, q.limits.Scan) + ask.page.Count + 1, descending: ask.sort.Descending, after: ask.after}
	if ask.walks() {
		first.most += q.limits.Scan
	}
	add := func(_ R, c *wire.Candidate) {
		key, ok := ask.sort.Key(c)
		first.add(rank{id: c.ID, key: key, none: !ok})
	}
	var err error
	if lookups := ask.filter.Lookups(); lookups != nil {
		err = look(ctx, q, k, ask, lookups, add)
	} else {
		err = lookAtAll(ctx, q, k, ask, add)
	}
	all := first.ranks()
	return ranked{at: q.received, ranks: all, total: first.total, more: len(all) == first.most}, err
}

// readRanked reads a page of what was ranked, by this request or by an earlier one: in
// which case it looks again at whether the filter means it.
func readRanked[R any](ctx context.Context, q *request, k kind[R], ask query, list ranked, again bool) (listing[R], error) {
	found := listing[R]{total: list.total}
	if again = again && !ask.filter.All(); again {
		if err := q.takeSlot(ctx); err != nil {
			return found, err
		}
		defer q.freeSlot()
	}
	e := q.effort(ask)
	err := q.store.View(ctx, func(r store.Reader) error {
		for i, one := range list.ranks {
			if found.full(ask.page) {
				found.more = true
				return nil
			}
			found.last = list.ranks[i]
			for rec, err := range k.find(q, r, wire.Lookup{By: wire.ByID, Value: one.id}) { // it may have gone meanwhile
				if err != nil {
					return err
				}
				c := k.candidate(r, rec)
				if again {
					if err := e.one(ctx, &c); err != nil {
						return err
					}
					ok, err := ask.filter.Match(&c)
					if err != nil {
						return err
					}
					if !ok {
						continue
					}
				}
				found.page, found.size = append(found.page, rec), found.size+len(c.Resource)
			}
		}
		found.more = list.more // some of them went, and those behind the last were not kept
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

// find returns where one is, or would be.
func (all ranks) find(one rank, descending bool) (at int, there bool) {
	return slices.BinarySearchFunc(all, one, func(a, b rank) int {
		if descending {
			return b.compare(a)
		}
		return a.compare(b)
	})
}

// behind returns those that come after one that was shown, be it there or not.
func (all ranks) behind(shown *rank, descending bool) ranks {
	if shown == nil {
		return all
	}
	at, there := all.find(*shown, descending)
	if there {
		at++
	}
	return all[at:]
}

// foremostRanks are those of ranks that come first in an order, behind one that was shown.
type foremostRanks struct {
	most       int // that are kept
	descending bool
	after      *rank // nil: behind nobody
	total      int   // that were added, in whatever place

	some ranks // twice as many at most, in no order
	last *rank // of the first, when they were counted; nil: they are not that many yet
}

func (f *foremostRanks) add(one rank) {
	f.total++
	if f.after != nil && !f.less(*f.after, one) || f.last != nil && !f.less(one, *f.last) {
		return
	}
	if f.some = append(f.some, one); len(f.some) == 2*f.most {
		f.count()
	}
}

// count leaves nothing but the first.
func (f *foremostRanks) count() {
	f.some.sort(f.descending)
	if len(f.some) >= f.most {
		clear(f.some[f.most:])
		f.some = f.some[:f.most]
		last := f.some[f.most-1]
		f.last = &last
	}
}

// ranks returns them in their order.
func (f *foremostRanks) ranks() ranks {
	f.count()
	return f.some
}

func (f *foremostRanks) less(a, b rank) bool {
	if f.descending {
		a, b = b, a
	}
	return a.compare(b) < 0
}

// place is a rank as a cursor has it.
func (a rank) place() store.Place {
	has := byte('v')
	if a.none {
		has = '-'
	}
	text := binary.AppendUvarint([]byte{has}, uint64(len(a.key)))
	return store.Place(append(append(text, a.key...), a.id...))
}

// rankAt reads what place wrote; nil is of the beginning.
func rankAt(p store.Place) (*rank, error) {
	if p == "" {
		return nil, nil
	}
	n, size := binary.Uvarint([]byte(p[1:]))
	if size <= 0 || n > uint64(len(p)-1-size) {
		return nil, wire.Invalid(wire.InvalidCursor, "cursor: it is of another version; begin with an empty one")
	}
	rest := string(p[1+size:])
	return &rank{none: p[0] == '-', key: rest[:n], id: rest[n:]}, nil
}

// backwards is everything from the end.
func backwards[R any](ctx context.Context, q *request, k kind[R], ask query) (found listing[R], err error) {
	p := ask.page
	err = q.store.View(ctx, func(r store.Reader) error {
		total, err := k.order.Kept(r, q.source)
		if err != nil {
			return err
		}
		found.total = int(total)
		end := found.total - (p.StartIndex - 1) // the page's resources are before it
		if ask.after != nil {
			if end, err = before(q, r, k, found.total, *ask.after); err != nil {
				return err
			}
		}
		if p.Count == 0 || end <= 0 {
			return nil
		}
		start := max(0, end-p.Count)
		found.more = start > 0
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
			found.last = rank{key: k.named(rec), id: c.ID}
			if found.size += len(c.Resource); found.size >= maxPage && i+1 < len(found.page) {
				found.page, found.more = found.page[:i+1], true
				break
			}
		}
		return nil
	})
	return found, err
}

// before returns how many are before one in the natural order, be it there or not: it
// halves the list until they are known, so that one that went meanwhile moves nobody.
func before[R any](q *request, r store.Reader, k kind[R], total int, one rank) (n int, err error) {
	n = sort.Search(total, func(i int) bool {
		for rec, e := range k.in.Skip(r, k.order, i, q.source) {
			if err = cmp.Or(err, e); e != nil {
				break
			}
			return rank{key: k.named(rec), id: k.candidate(r, rec).ID}.compare(one) >= 0
		}
		return true
	})
	return n, err
}
