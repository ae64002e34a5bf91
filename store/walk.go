package store

import (
	"bytes"
	"iter"
	"time"

	"drawbridge/schema"
)

// This file is for those who read a long list a part at a time: each walk begins
// where an earlier one ended.

// ByFrom walks the records that an index, not a unique one, has under exactly
// this value and that come after the key, in key order. No key is before all.
func (c *Collection[R]) ByFrom(r Reader, x *Index[R], value []string, key ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	to := after(from)
	if len(key) > 0 && key[0] != "" {
		from = append(append(from, makeKey(key...)...), 0)
	}
	return typed[R](c.all.follow(r.transaction(), x.all, from, to, 0))
}

// Between walks the records that a time index has from one time on and before
// another, in order, and reads no others.
func (c *Collection[R]) Between(r Reader, x *Index[R], from, to time.Time) iter.Seq2[R, error] {
	return typed[R](c.all.follow(r.transaction(), x.all, makeKey(timePart(from)), makeKey(timePart(to)), 0))
}

// KeysUntil walks the keys of the records that Until walks, and reads none of these.
func (c *Collection[R]) KeysUntil(r Reader, x *Index[R], at time.Time) iter.Seq2[[]string, error] {
	return c.all.keys(r.transaction(), x.all, nil, after(makeKey(timePart(at))))
}

// OpenObjective is how AccountObjective names what waits for its objective, and what
// has missed it.
func OpenObjective(missed bool) string {
	if missed {
		return "missed"
	}
	return "waits"
}

// Skip is By without the first n records of a first part of the index's values. It
// passes over them in the index, a few hundred of them at most where milestones
// stand along it.
func (c *Collection[R]) Skip(r Reader, x *Index[R], n int, first string) iter.Seq2[R, error] {
	t := r.transaction()
	begin, rest, err := t.toward(x.all.name, first, max(0, n))
	if err != nil {
		return func(yield func(R, error) bool) {
			var none R
			yield(none, err)
		}
	}
	return typed[R](c.all.follow(t, x.all, begin, after(makeKey(first)), rest))
}

// Edges walks the members of a group that come after the last one seen, in order:
// All, from a member on.
func Edges(r Reader, group, last string) iter.Seq2[schema.Member, error] {
	from, to := makeKey(group), after(makeKey(group))
	if last != "" {
		from = append(makeKey(group, last), 0)
	}
	return typed[schema.Member](Members.all.scan(r.transaction(), from, to))
}

// readMember decodes an edge from its key, where nothing else stands in it: a large
// group has a hundred thousand of them.
func readMember(key, value []byte) (m schema.Member, ok bool) {
	group, rest, ok := bytes.Cut(key, []byte{escape, terminator})
	member, rest, closed := bytes.Cut(rest, []byte{escape, terminator})
	const braces = `{"group":"","member":""}`
	if !ok || !closed || len(rest) > 0 || len(value) != len(braces)+len(group)+len(member) || bytes.IndexByte(group, escape) >= 0 || bytes.IndexByte(member, escape) >= 0 {
		return m, false
	}
	text := string(key) // one allocation for both
	return schema.Member{Group: text[:len(group)], Member: text[len(group)+2 : len(group)+2+len(member)]}, true
}

// A Place is where a walk in the order of an index stands: after the record that
// it came with. The empty one is before all.
type Place string

// Walk is By from a place on. What was written meanwhile neither repeats nor
// hides what stays where it is.
func (c *Collection[R]) Walk(r Reader, x *Index[R], place Place, value ...string) iter.Seq2[Placed[R], error] {
	prefix := makeKey(value...)
	from := prefix
	if next := append([]byte(place), 0); bytes.Compare(next, from) > 0 {
		from = next
	}
	return func(yield func(Placed[R], error) bool) {
		c.all.walk(r.transaction(), x.all, from, after(prefix))(func(p placed, err error) bool {
			return yield(Placed[R]{Record: *as[R](p.rec), Place: p.place}, err)
		})
	}
}

// A Placed record is one with its place.
type Placed[R any] struct {
	Record R
	Place  Place
}
