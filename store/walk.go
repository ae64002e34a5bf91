package store

import (
	"bytes"
	"iter"

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
	return c.follow(r.transaction(), x, from, to, 0)
}

// Skip is By without the first n records, which it passes over in the index.
func (c *Collection[R]) Skip(r Reader, x *Index[R], n int, value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	return c.follow(r.transaction(), x, from, after(from), n)
}

// Edges walks the members of a group that come after the last one seen, in order: All, for
// groups so large that decoding each edge would be felt. What is asked of an edge
// stands in its key, but for whether it is nested.
func Edges(r Reader, group, last string) iter.Seq2[schema.Member, error] {
	prefix := makeKey(group)
	from, to := prefix, after(prefix)
	if last != "" {
		from = append(makeKey(group, last), 0)
	}
	return func(yield func(schema.Member, error) bool) {
		for row, err := range r.transaction().rows(Members.name, from, to) {
			m := schema.Member{Group: group}
			if err == nil {
				m, err = edge(m, row, len(prefix))
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

func edge(m schema.Member, row Row, prefix int) (schema.Member, error) {
	part := row.Key[prefix:]
	if len(part) < 2 || bytes.IndexByte(part, escape) != len(part)-2 || bytes.Contains(row.Value, []byte(`"nested"`)) {
		return Members.decode(row.Key, row.Value)
	}
	m.Member = string(part[:len(part)-2])
	return m, nil
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
		t := r.transaction()
		for row, err := range t.rows(x.name, from, after(prefix)) {
			var p Placed[R]
			if err == nil {
				p.Place = Place(row.Key)
				p.Record, err = c.behind(t, x, row)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// A Placed record is one with its place.
type Placed[R any] struct {
	Record R
	Place  Place
}
