package store

import (
	"bytes"
	"iter"

	"drawbridge/schema"
)

// Skip is By without the first n records, which it passes over in the index.
func (c *Collection[R]) Skip(r Reader, x *Index[R], n int, value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	return func(yield func(R, error) bool) {
		t := r.transaction()
		for row, err := range t.rows(x.name, from, after(from)) {
			if err == nil && n > 0 {
				n--
				continue
			}
			var rec R
			if err == nil {
				rec, err = c.behind(t, x, row)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
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
