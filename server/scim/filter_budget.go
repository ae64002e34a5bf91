package scim

import (
	"context"

	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// An effort counts what a request looks at for its filter, so that it stays
// within bounds: resources, and bytes of them, as often as the filter compares
// something with one.
type effort struct {
	q           *request
	ask         query
	comparisons int64
	most        int // resources that it may look at
	looked      int
	work        int64
	chunk       int64 // work since the transaction began
}

// maxChunkWork is how much work one transaction does, but for one resource that is
// more, which may be all that the request may do.
const maxChunkWork = 32 << 20

// leastWork is what a resource counts at least, however small it is.
const leastWork = 256

func (q *request) effort(ask query) *effort {
	return &effort{q: q, ask: ask, comparisons: int64(1 + ask.filter.Comparisons()), most: q.limits.Scan}
}

// begin begins a transaction's part.
func (e *effort) begin() { e.chunk = 0 }

// What is said where a filter looks through more than one request may, and where one
// resource does by itself, which no cursor gets past.
var (
	errOverspent = wire.Invalid(wire.TooMany, "filter: its comparisons look through more bytes than one request may; make fewer, or page by cursor")
	errTooLarge  = wire.Invalid(wire.TooMany, "filter: one resource alone has more to look through for it than one request may; make fewer comparisons, "+
		"or ask for members or groups by value")
)

// one counts a resource. What it has beside, such as the members of a group, ends where
// the request has done as much as it may: one group may have a million.
func (e *effort) one(ctx context.Context, c *wire.Candidate) error {
	e.looked++
	e.add(e.comparisons * max(int64(len(c.Resource)), leastWork))
	c.Spend = func(bytes int) error {
		if e.add(e.comparisons * int64(bytes)); e.work > e.q.limits.Work {
			return errOverspent
		}
		return ctx.Err()
	}
	return ctx.Err()
}

func (e *effort) add(n int64) { e.work, e.chunk = e.work+n, e.chunk+n }

// rests reports whether another transaction should go on.
func (e *effort) rests() bool { return e.chunk > maxChunkWork }

// spent reports whether the request has done as much as it may.
func (e *effort) spent() bool { return e.looked >= e.most || e.work > e.q.limits.Work }

// tooMuch is what is said where there is more to look at.
func (e *effort) tooMuch(t *wire.Type, natural string) error {
	switch {
	case e.looked < e.most && e.ask.sorts(natural):
		return wire.Invalid(wire.TooMany, "sortBy: there are more bytes to look through for this order than one request may; sort by %s, or ask for fewer by a filter on %s with eq",
			natural, indexed(t))
	case e.looked < e.most:
		return errOverspent
	case byTime(e.ask.filter.Lookups()):
		return wire.Invalid(wire.TooMany, "filter: more than %d resources changed since; ask for a later time, or page by cursor", e.q.limits.Scan)
	case e.ask.filter.Lookups() != nil:
		return wire.Invalid(wire.TooMany, "filter: more than %d resources are to be looked at for it; ask for less at once", e.q.limits.Scan)
	}
	return e.q.tooManyToLookAt(t)
}

// fewLooked is how many resources any request may look at without waiting for a
// turn.
const fewLooked = 100

// many reports whether look-ups may find more than a few resources. Names of
// which there is one at most are not counted.
func (q *request) many(ctx context.Context, lookups []wire.Lookup) (many bool, err error) {
	n := 0
	var unsure []wire.Lookup
	for _, l := range lookups {
		switch l.By {
		case wire.ByID, wire.ByUserName, wire.ByExternalID:
			n++
		default:
			unsure = append(unsure, l)
		}
	}
	if len(unsure) == 0 {
		return n > fewLooked, nil
	}
	err = q.store.View(ctx, func(r store.Reader) error {
		found := n
		for _, l := range unsure {
			some, err := q.fewOf(r, l)
			if err != nil {
				return err
			}
			if found += some; found > fewLooked {
				break
			}
		}
		many = found > fewLooked
		return nil
	})
	return many, err
}

// fewOf counts what an index has for a look-up, and stops after a few.
func (q *request) fewOf(r store.Reader, l wire.Lookup) (n int, err error) {
	switch l.By {
	case wire.ByEmail:
		return store.IdentityEmail.Count(r, fewLooked+1, q.source, store.Fold(l.Value))
	case wire.ByName:
		return store.GroupName.Count(r, fewLooked+1, q.source, store.Fold(l.Value))
	case wire.ByMember:
		return store.MemberOf.Count(r, fewLooked+1, l.Value)
	case wire.ByModified:
		return fewLooked + 1, nil
	default: // ByGroup
	}
	for _, err := range store.Edges(r, l.Value, "") {
		if err != nil {
			return n, err
		}
		if n++; n > fewLooked {
			break
		}
	}
	return n, nil
}
