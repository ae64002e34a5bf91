package store

import "iter"

// CountBy returns how many index entries there are under the value, or under
// values that begin with its parts. It reads the index and no record.
func (c *Collection[R]) CountBy(r Reader, x *Index[R], value ...string) (int, error) {
	from, n := makeKey(value...), 0
	for _, err := range r.transaction().rows(x.name, from, after(from)) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

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
